//! What an operator at the machine asks of the firewall, beside the running agent: what stands, what would stand, and to take
//! it all away. It goes by what the agent's disk says, and by the machine as it is.

use std::collections::BTreeMap;
use std::io;

use landmark_proto::firewall::profile::{Facts, Mismatch, which};
use landmark_proto::location::Location;
use thiserror::Error;

use super::ground::Ground;
use super::names::{look_up, names_of};
use super::plan::plan;
use super::render::{Rendered, base, render};
use super::ruleset::Present;
use super::system;
use crate::config::Config;
use crate::enforce::surroundings;
use crate::ledger::{Accepted, Ledger};
use crate::location::Resolver;
use crate::machine::{Machine, MachineError};
use crate::netfilter::table::CommitError;
use crate::network;
use crate::policy::{Desired, desired};

/// What would stand in one location.
#[derive(Clone, Debug)]
pub struct Outlook {
    /// What follows from what is held; nothing without an assignment.
    pub desired: Option<Desired>,
    /// Profiles that do not match, and why, up to the one that does.
    pub skipped: Vec<(String, Vec<Mismatch>)>,
    /// The rules.
    pub rendered: Rendered,
    /// The addresses that names in exceptions have at the moment.
    pub ground: Ground,
}

/// The table was not taken away.
#[derive(Debug, Error)]
pub enum ClearError {
    /// It cannot be read.
    #[error("cannot read the firewall's rules")]
    Read(#[source] io::Error),
    /// The kernel refuses.
    #[error("cannot take the firewall's rules away")]
    Write(#[source] CommitError),
}

/// What stands in our table.
///
/// # Errors
/// The kernel refuses, usually for want of permission.
pub fn present() -> io::Result<Present> {
    system::read()
}

/// Takes our table away; whether it was there.
///
/// # Errors
/// The kernel refuses, usually for want of permission.
pub fn clear() -> Result<bool, ClearError> {
    let present = system::read().map_err(ClearError::Read)?;
    let plan = plan(&present, None);
    if !plan.is_empty() {
        system::commit(&plan.commands()).map_err(ClearError::Write)?;
    }
    Ok(present != Present::Nothing)
}

/// What would stand if the machine were there.
///
/// # Errors
/// The machine does not tell what it is.
pub async fn outlook(config: &Config, location: Location) -> Result<Outlook, MachineError> {
    let (accepted, _damages) = Ledger::peek(&config.state_dir);
    let machine = Machine::read(config.machine_name.as_deref(), &config.labels)?.conditions();
    let (network, _task) = network::channel(network::Options::default());
    let surroundings = surroundings::look(&network).await;
    let facts = Facts { addresses: surroundings.addresses, ..machine };
    let desired = desired(accepted.as_ref(), location, &facts);
    let skipped = accepted.as_ref().map_or_else(Vec::new, |accepted| skipped(accepted, location, &facts));
    let chosen = desired.as_ref().and_then(|desired| desired.firewall.clone());
    let Some(chosen) = chosen else {
        let rendered = Rendered { ruleset: base(), counters: Vec::new() };
        return Ok(Outlook { desired, skipped, rendered, ground: Ground::default() });
    };
    let names = look_up(&Resolver::system(), names_of(&chosen.policy), BTreeMap::new()).await;
    let ground = Ground { resolvers: surroundings.resolvers, names };
    let rendered = render(&chosen.policy, &ground);
    Ok(Outlook { desired, skipped, rendered, ground })
}

fn skipped(accepted: &Accepted, location: Location, facts: &Facts) -> Vec<(String, Vec<Mismatch>)> {
    let facts = Facts { place: Some(location.into()), ..facts.clone() };
    let found = which(&accepted.settings().firewall, &facts);
    found.skipped.into_iter().map(|(profile, why)| (profile.name.to_string(), why)).collect()
}
