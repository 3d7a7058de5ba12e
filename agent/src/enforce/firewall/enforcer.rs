//! Brings the rules of a policy about. What stands there that this process did not write is replaced, and told if it had
//! written it once: somebody else has changed it.
//!
//! Flows that were there before a policy are judged by it too: connection tracking lets what is established pass, so that
//! flows which the policy forbids are marked in it, and dropped by their mark.

mod reconcile;
mod tallies;

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use landmark_daemon::error::Chain;
use landmark_proto::firewall::{Mode, Policy};
use landmark_proto::message::{EnforcementState, FirewallHits};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tracing::info;

use self::reconcile::{Done, EnforcerError, reconcile};
use self::tallies::Tallies;
use super::flows::{Flow, Treatment, treat};
use super::ground::Ground;
use super::hits::Subject;
use super::render::{self, Rendered, render};
use super::ruleset::{Present, Ruleset};
use super::system;
use crate::enforce::Wanted;
use crate::enforce::backend::Attempted;
use crate::policy::Chosen;

/// What is said where rules stand that no assignment asks for.
const LEFT: &str = "no assignment is held, and the rules of an earlier one still stand: they are kept until one comes, or until \
                    the agent is stopped and they are taken away (landmark-agent enforce clear)";

/// The firewall's state: what this process has written last, and what was counted.
#[derive(Debug, Default)]
pub struct Enforcer {
    written: Option<Written>,
    /// By whom the flows that were there before were judged. An earlier process may have been killed before it had done so.
    judged_by: Option<Arc<Chosen>>,
    unjudged: Unjudged,
    tallies: Tallies,
}

/// What is to be done about flows that were there before what stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Unjudged {
    /// Nothing.
    #[default]
    None,
    /// Those that are cut may be allowed by now.
    MayRestore,
    /// They are judged.
    All,
}

/// What this process has written.
#[derive(Debug)]
struct Written {
    ruleset: Arc<Ruleset>,
    said: Attempted,
}

impl Enforcer {
    /// What was counted under the policies of the assignment, that of the one in force first, as it was seen last.
    pub fn hits(&self) -> Vec<FirewallHits> {
        self.tallies.reports(Instant::now())
    }

    /// Brings the policy about, or finds that it is so already. [`Self::judge`] belongs to it.
    pub async fn enforce(&mut self, wanted: &Wanted) -> Attempted {
        let Some(chosen) = wanted.desired.firewall.clone() else {
            return self.open("no firewall profile is for this machine").await;
        };
        let rendered = render(&chosen.policy, &wanted.ground);
        let ruleset = Arc::new(rendered.ruleset.clone());
        let done = match self.reconcile(&ruleset).await {
            Ok(done) => done,
            Err(error) => return self.failed(&error),
        };
        let attempted = self.attempted(usual(&chosen.policy), &ruleset, &done);
        self.account(wanted, &chosen, &rendered, &done);
        self.written = Some(Written { ruleset, said: attempted.clone() });
        self.note_unjudged(&chosen, &done, attempted.is_repair);
        attempted
    }

    /// Judges the flows that were there before what stands, if they were not yet: what went wrong, if so. It may take a while
    /// where there are very many; the rules are in force meanwhile. Once it is outdated the rest is left for another time.
    /// `own`: the machine's addresses, by which the direction of a flow is told.
    pub async fn judge(
        &mut self,
        wanted: &Wanted,
        own: &[IpAddr],
        outdated: &CancellationToken,
    ) -> Option<Attempted> {
        let chosen = wanted.desired.firewall.clone()?;
        let may_cut = match self.unjudged {
            Unjudged::None => return None,
            Unjudged::MayRestore => false,
            Unjudged::All => true,
        };
        let ground = Arc::clone(&wanted.ground);
        let judging = Judging {
            chosen: Arc::clone(&chosen),
            ground,
            own: own.iter().copied().collect(),
            may_cut,
            outdated: outdated.clone(),
        };
        if let Err(error) = judging.run().await {
            self.unjudged = Unjudged::All;
            let reason = format!("connections from before were not judged: {}", Chain(&error));
            return Some(Attempted::kept(EnforcementState::Failed, reason));
        }
        if !outdated.is_cancelled() {
            self.unjudged = Unjudged::None;
            self.judged_by = Some(chosen);
        }
        None
    }

    /// As long as no assignment is held. Rules of an earlier one stay: an agent that has lost what it held loosens nothing.
    pub async fn stand_by(&mut self, reason: &'static str) -> Attempted {
        let is_first = self.written.is_none();
        let present = if is_first { spawn_blocking(system::read).await.ok() } else { None };
        match present {
            Some(Ok(Present::Ruleset(ruleset, _))) if ruleset.can_drop() => {
                Attempted::kept(EnforcementState::Failed, LEFT)
            }
            Some(_) | None => self.open(reason).await,
        }
    }

    /// Lets everything pass, and makes the kernel follow connections: one that it has not seen begin would hang under a
    /// policy that comes later.
    async fn open(&mut self, reason: &'static str) -> Attempted {
        let ruleset = Arc::new(render::base());
        self.tallies = Tallies::default();
        self.judged_by = None;
        match self.reconcile(&ruleset).await {
            Ok(done) => {
                let usual = Attempted::kept(EnforcementState::Nothing, reason);
                let is_repair = self.is_repair(&ruleset, &done);
                self.written = Some(Written { ruleset, said: usual.clone() });
                Attempted { is_repair, ..usual }
            }
            Err(error) => self.failed(&error),
        }
    }

    async fn reconcile(&self, ruleset: &Arc<Ruleset>) -> Result<Done, EnforcerError> {
        reconcile(Arc::clone(ruleset), self.is_written(ruleset)).await
    }

    fn is_written(&self, ruleset: &Ruleset) -> bool {
        self.written.as_ref().is_some_and(|written| *written.ruleset == *ruleset)
    }

    fn is_repair(&self, ruleset: &Ruleset, done: &Done) -> bool {
        done.is_changed && self.is_written(ruleset)
    }

    /// Nobody knows what stands now, nor whether flows were judged by it.
    fn failed(&mut self, error: &EnforcerError) -> Attempted {
        self.written = None;
        self.judged_by = None;
        Attempted::kept(EnforcementState::Failed, Chain(error).to_string())
    }

    /// What to say of it.
    fn attempted(&self, usual: Attempted, ruleset: &Ruleset, done: &Done) -> Attempted {
        if self.is_repair(ruleset, done) {
            let difference = done.difference.as_deref().unwrap_or_default();
            let reason = format!("somebody else had changed the rules: {difference}");
            return Attempted { is_repair: true, ..Attempted::kept(EnforcementState::Repaired, reason) };
        }
        match &self.written {
            Some(Written { ruleset: written, said })
                if **written == *ruleset && said.state == EnforcementState::Repaired =>
            {
                Attempted { is_repair: false, ..said.clone() }
            }
            Some(_) | None => usual,
        }
    }

    /// Adds up what was counted.
    fn account(&mut self, wanted: &Wanted, chosen: &Chosen, rendered: &Rendered, done: &Done) {
        if let (Some(written), Present::Ruleset(ruleset, counts)) = (&self.written, &done.before)
            && *ruleset == *written.ruleset
        {
            self.tallies.read(counts);
        }
        let subject = Subject { held: wanted.desired.held, in_force: chosen.names() };
        let is_other = self.tallies.subject() != Some(&subject);
        if done.is_changed || is_other || self.written.is_none() {
            let counts = match &done.after {
                Present::Ruleset(_, counts) if !done.is_changed => counts.as_slice(),
                Present::Ruleset(..) | Present::Nothing | Present::Strange(_) => &[],
            };
            self.tallies.stands(subject, (&chosen.policy, rendered), counts, Instant::now());
        }
    }

    /// Under a policy by which flows were judged already, names may have other addresses: what goes on to an earlier one is
    /// not cut for it. In the time before a repair anything may have begun.
    fn note_unjudged(&mut self, chosen: &Arc<Chosen>, done: &Done, is_repair: bool) {
        let is_new = self.judged_by.as_ref() != Some(chosen);
        if is_new || is_repair {
            self.unjudged = Unjudged::All;
        } else if done.is_changed && self.unjudged == Unjudged::None {
            self.unjudged = Unjudged::MayRestore;
        }
    }
}

/// What is said of a policy that stands as it shall.
fn usual(policy: &Policy) -> Attempted {
    match policy.mode {
        Mode::Enforce => Attempted::kept(EnforcementState::Applied, ""),
        Mode::Observe => {
            let reason = format!(
                "the policy \"{}\" only observes: what it would drop passes and is counted",
                policy.name
            );
            Attempted::kept(EnforcementState::Observed, reason)
        }
    }
}

/// What flows that were there before are judged by.
struct Judging {
    chosen: Arc<Chosen>,
    ground: Arc<Ground>,
    own: BTreeSet<IpAddr>,
    may_cut: bool,
    outdated: CancellationToken,
}

impl Judging {
    async fn run(self) -> io::Result<()> {
        spawn_blocking(move || {
            let (n_cut, n_restored) = system::treat_flows(|flow| self.treatment(flow))?;
            if n_cut + n_restored > 0 {
                let policy = self.chosen.policy.name.as_str();
                info!(n_cut, n_restored, policy, "connections from before were judged");
            }
            Ok(())
        })
        .await?
    }

    fn treatment(&self, flow: &Flow) -> Treatment {
        if self.outdated.is_cancelled() {
            return Treatment::Leave;
        }
        match treat(&self.chosen.policy, &self.ground, &self.own, flow) {
            Treatment::Cut if !self.may_cut => Treatment::Leave,
            treatment @ (Treatment::Leave | Treatment::Cut | Treatment::Restore) => treatment,
        }
    }
}
