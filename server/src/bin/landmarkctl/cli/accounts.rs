//! `landmarkctl accounts`.

use clap::{Args, Subcommand};

use crate::view::account::Role;

pub(crate) const EXAMPLES: &str = "\
Examples:
  landmarkctl accounts create mia --role operator
  landmarkctl accounts edit mia --role administrator
  landmarkctl accounts edit noah --disable
  landmarkctl accounts reset-password mia

`create` and `reset-password` print a password for once: its owner replaces it at
the first sign-in, in the console or by `landmarkctl login`. The last enabled
administrator can be neither disabled, demoted nor removed.";

/// Accounts of people.
#[derive(Debug, Subcommand)]
pub(crate) enum Accounts {
    /// Who can sign in, and what they may
    List,
    /// Make an account and print its password for once
    Create {
        /// 1 to 64 of a-z 0-9 . _ - @, the first a letter or digit
        name: String,
        /// What they may
        #[arg(long, value_enum)]
        role: Role,
    },
    /// Change what someone may, or shut them out
    Edit(Edit),
    /// Give someone a new password for once; ends their sessions
    ResetPassword {
        /// Whose
        name: String,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Remove an account with its sessions and API tokens
    Remove {
        /// Which one
        name: String,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}

/// `accounts edit`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("change").required(true).multiple(true).args(["role", "disable", "enable"]))]
pub(crate) struct Edit {
    /// Whose account
    pub(crate) name: String,
    /// What they may from now on
    #[arg(long, value_enum)]
    pub(crate) role: Option<Role>,
    /// Shut them out: ends their sessions, refuses their API tokens
    #[arg(long, conflicts_with = "enable")]
    pub(crate) disable: bool,
    /// Let them in again
    #[arg(long)]
    pub(crate) enable: bool,
}
