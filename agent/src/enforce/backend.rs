//! The backends: what each does about a policy.

use std::net::IpAddr;

use landmark_daemon::error::Chain;
use landmark_proto::message::EnforcementState;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::command::Command;
use super::firewall::enforcer::Enforcer;
use super::firewall::system;
use super::{Means, Wanted};

/// What became of one try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempted {
    /// In force or not.
    pub state: EnforcementState,
    /// Why; empty when applied.
    pub reason: String,
    /// Whether something was made that can be changed behind our back.
    pub is_kept: bool,
    /// Whether it had been changed, and was made anew.
    pub is_repair: bool,
}

impl Attempted {
    /// Something was made, and stands.
    pub fn kept(state: EnforcementState, reason: impl Into<String>) -> Self {
        Self { state, reason: reason.into(), is_kept: true, is_repair: false }
    }

    /// Nothing was made.
    pub fn without(state: EnforcementState, reason: impl Into<String>) -> Self {
        Self { state, reason: reason.into(), is_kept: false, is_repair: false }
    }
}

/// A way to act.
#[derive(Debug)]
pub enum Backend {
    /// Changes nothing, and says why.
    Observe {
        /// For people.
        reason: String,
        /// Whether that is what the owner wanted.
        is_wanted: bool,
    },
    /// The operator's program.
    Command(Command),
    /// The firewall.
    Firewall(Box<Enforcer>),
}

impl Backend {
    /// Finds the way that the owner wants, or the best that there is. Asks the kernel, and may block for it.
    pub fn of(means: &Means) -> Self {
        match means {
            Means::Command(command) => {
                if stands_over() {
                    warn!("{STANDS_OVER}");
                }
                Self::Command(command.clone())
            }
            Means::Observe => {
                let mut reason =
                    "this agent only observes (its own configuration: enforce.backend)".to_owned();
                if stands_over() {
                    warn!("{STANDS_OVER}");
                    reason = format!("{reason}; {STANDS_OVER}");
                }
                Self::Observe { reason, is_wanted: true }
            }
            Means::Auto | Means::Nftables => match system::is_available() {
                Ok(()) => Self::Firewall(Box::default()),
                Err(why) => {
                    let reason = format!("not available: {}", Chain(&why));
                    warn!(reason, "the firewall is not written, policies are only observed");
                    Self::Observe { reason, is_wanted: *means == Means::Auto }
                }
            },
        }
    }

    /// As it is called in reports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Observe { .. } => "observe",
            Self::Command(_) => "command",
            Self::Firewall(_) => "nftables",
        }
    }

    /// The firewall, if that is the way.
    pub fn firewall(&self) -> Option<&Enforcer> {
        match self {
            Self::Firewall(enforcer) => Some(enforcer),
            Self::Observe { .. } | Self::Command(_) => None,
        }
    }

    /// Brings a policy about, or finds that it is so already.
    pub async fn enforce(&mut self, wanted: &Wanted) -> Attempted {
        match self {
            Self::Observe { reason, is_wanted } => {
                let state =
                    if *is_wanted { EnforcementState::Observed } else { EnforcementState::Unavailable };
                Attempted::without(state, reason.clone())
            }
            Self::Command(command) => match command.run(&wanted.desired).await {
                Ok(()) => Attempted::kept(EnforcementState::Applied, ""),
                Err(error) => Attempted::without(EnforcementState::Failed, Chain(&error).to_string()),
            },
            Self::Firewall(enforcer) => enforcer.enforce(wanted).await,
        }
    }

    /// What is left to do once a policy stands; what went wrong, if so. It ends soon once it is outdated, and is done another
    /// time then. `own`: the addresses of this machine.
    pub async fn finish(
        &mut self,
        wanted: &Wanted,
        own: &[IpAddr],
        outdated: &CancellationToken,
    ) -> Option<Attempted> {
        match self {
            Self::Firewall(enforcer) => enforcer.judge(wanted, own, outdated).await,
            Self::Observe { .. } | Self::Command(_) => None,
        }
    }

    /// Makes ready for a policy to come.
    pub async fn nothing(&mut self) -> Attempted {
        let reason = "no assignment is held";
        match self {
            Self::Firewall(enforcer) => enforcer.stand_by(reason).await,
            Self::Observe { .. } | Self::Command(_) => Attempted::without(EnforcementState::Nothing, reason),
        }
    }
}

/// Rules outlive the agent that wrote them, and one that writes none lets them be: that must be told.
const STANDS_OVER: &str =
    "the firewall rules of an earlier run still stand; take them away with: landmark-agent enforce clear";

fn stands_over() -> bool {
    system::is_available().is_ok() && system::stands()
}
