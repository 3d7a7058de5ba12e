//! Brings the rules of a policy about: reads what stands, plans, writes in one transaction, reads back. What stands there
//! that this process did not write is replaced, and told if it had written it once: somebody else has changed it.
//!
//! Flows that were there before a policy are judged by it too: connection tracking lets what is established pass, so that
//! flows which the policy forbids are marked in it, and dropped by their mark.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use landmark_daemon::error::Chain;
use landmark_proto::firewall::{Mode, Policy};
use landmark_proto::message::{EnforcementState, FirewallHits};
use thiserror::Error;
use tokio::task::{JoinError, spawn_blocking};
use tracing::{debug, info, warn};

use super::flows::treat;
use super::hits::{Hits, Subject};
use super::plan::{Line, Plan, plan};
use super::render::{self, Rendered, render};
use super::ruleset::{Present, Ruleset};
use super::{ground::Ground, system};
use crate::enforce::Wanted;
use crate::enforce::backend::Attempted;
use crate::netfilter::table::CommitError;
use crate::policy::Chosen;

/// The firewall's state: what this process has written last, and what was counted.
#[derive(Debug, Default)]
pub struct Enforcer {
    written: Option<Written>,
    /// Whether the flows that were there before what stands were judged by it. An earlier process may have been killed
    /// between the two.
    are_flows_judged: bool,
    /// Whether what stands there, by this process, is what stands where there is nothing to enforce.
    stands_by: bool,
    hits: Hits,
    counting_since: Option<Instant>,
    report: Option<FirewallHits>,
}

/// What this process has written.
#[derive(Debug)]
struct Written {
    rendered: Arc<Rendered>,
    said: Attempted,
}

/// Why rules are not in force.
#[derive(Debug, Error)]
enum EnforcerError {
    /// The table cannot be read.
    #[error("cannot read the firewall's rules")]
    Read(#[source] io::Error),
    /// The kernel refuses what was to be written; what stood before stands.
    #[error("cannot write the firewall's rules, those from before still stand")]
    Write(#[source] CommitError),
    /// Something else stands there right after it was written.
    #[error("the firewall's rules were changed by somebody else while they were written")]
    Other,
    /// Writing panicked.
    #[error("writing the firewall's rules failed")]
    Panicked(#[source] JoinError),
}

/// What one go found and did.
struct Done {
    before: Present,
    after: Present,
    is_changed: bool,
    /// What differed from what was wanted, for people.
    difference: Option<String>,
}

impl Enforcer {
    /// What was counted under the policy in force, as it was seen last.
    pub fn hits(&self) -> Option<&FirewallHits> {
        self.report.as_ref()
    }

    /// Brings the policy about, or finds that it is so already. `own`: the machine's addresses, by which the direction of a
    /// flow that was there before is told.
    pub async fn enforce(&mut self, wanted: &Wanted, own: &[IpAddr]) -> Attempted {
        let Some(chosen) = wanted.desired.firewall.clone() else {
            return self.stand_by("no firewall profile is for this machine").await;
        };
        self.stands_by = false;
        let rendered = Arc::new(render(&chosen.policy, &wanted.ground));
        let done = match reconcile(Arc::clone(&rendered)).await {
            Ok(done) => done,
            Err(error) => {
                // It may have been written all the same.
                self.are_flows_judged = false;
                return self.failed(&error);
            }
        };
        let attempted = self.judged(&chosen, &rendered, &done);
        self.account(wanted, &chosen, &rendered, &done);
        if let Some(written) = &mut self.written {
            written.said = Attempted { is_repair: false, ..attempted.clone() };
        }
        self.are_flows_judged &= !done.is_changed;
        if !self.are_flows_judged {
            if let Err(error) = judge_flows(chosen, Arc::clone(&wanted.ground), own.to_vec()).await {
                let reason = format!("connections from before were not judged: {}", Chain(&error));
                return self.said(Attempted::kept(EnforcementState::Failed, reason));
            }
            self.are_flows_judged = true;
        }
        attempted
    }

    /// Lets everything pass, and makes the kernel follow connections: one that it has not seen begin would hang under a
    /// policy that comes later.
    pub async fn stand_by(&mut self, reason: &'static str) -> Attempted {
        let rendered = Arc::new(Rendered { ruleset: render::base(), counters: Vec::new() });
        match reconcile(rendered).await {
            Ok(done) => {
                self.written = None;
                self.report = None;
                let stood_by = std::mem::replace(&mut self.stands_by, true);
                let is_repair = done.is_changed && stood_by;
                if is_repair {
                    warn!("somebody else had changed the rules that make the kernel follow connections");
                }
                Attempted { is_repair, ..Attempted::kept(EnforcementState::Nothing, reason) }
            }
            Err(error) => self.failed(&error),
        }
    }

    fn failed(&mut self, error: &EnforcerError) -> Attempted {
        self.said(Attempted::kept(EnforcementState::Failed, Chain(error).to_string()))
    }

    fn said(&mut self, attempted: Attempted) -> Attempted {
        if let Some(written) = &mut self.written {
            written.said = attempted.clone();
        }
        attempted
    }

    /// What to say of it.
    fn judged(&self, chosen: &Chosen, rendered: &Rendered, done: &Done) -> Attempted {
        let before = self.written.as_ref().filter(|written| written.rendered.ruleset == rendered.ruleset);
        let usual = usual(&chosen.policy);
        match (before, &done.difference) {
            (Some(_), Some(difference)) if done.is_changed => {
                warn!(
                    difference,
                    "somebody else had changed the firewall's rules, they are as they shall be again"
                );
                let reason = format!("somebody else had changed the rules: {difference}");
                Attempted { is_repair: true, ..Attempted::kept(EnforcementState::Repaired, reason) }
            }
            (Some(written), _) if written.said.state == EnforcementState::Repaired => written.said.clone(),
            (Some(_) | None, _) => usual,
        }
    }

    /// Adds up what was counted, and tells it.
    fn account(&mut self, wanted: &Wanted, chosen: &Chosen, rendered: &Arc<Rendered>, done: &Done) {
        if let (Some(written), Present::Ruleset(ruleset, counts)) = (&self.written, &done.before)
            && *ruleset == written.rendered.ruleset
        {
            self.hits.read(counts);
        }
        let subject = Subject { held: wanted.desired.held, in_force: chosen.names() };
        let is_other = self.hits.subject() != Some(&subject);
        if done.is_changed || is_other || self.written.is_none() {
            let counts = match &done.after {
                Present::Ruleset(_, counts) if !done.is_changed => counts.as_slice(),
                Present::Ruleset(..) | Present::Nothing | Present::Strange(_) => &[],
            };
            if self.hits.stands(subject.clone(), &chosen.policy, rendered, counts) {
                self.counting_since = Some(Instant::now());
            }
        }
        let Subject { held, in_force } = subject;
        self.report = Some(FirewallHits {
            held,
            in_force,
            is_observing: chosen.policy.mode == Mode::Observe,
            counted_for: self.counting_since.map(|since| since.elapsed()).unwrap_or_default(),
            hits: self.hits.report(),
        });
        self.written = Some(Written { rendered: Arc::clone(rendered), said: usual(&chosen.policy) });
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

/// Reads, plans, writes, reads back; where it may block.
async fn reconcile(rendered: Arc<Rendered>) -> Result<Done, EnforcerError> {
    spawn_blocking(move || reconcile_here(&rendered.ruleset)).await.map_err(EnforcerError::Panicked)?
}

fn reconcile_here(wanted: &Ruleset) -> Result<Done, EnforcerError> {
    let before = system::read().map_err(EnforcerError::Read)?;
    let plan = plan(&before, Some(wanted));
    if let Plan::Unchanged = plan {
        let after = before.clone();
        return Ok(Done { before, after, is_changed: false, difference: None });
    }
    let difference = summary(&plan.difference());
    system::commit(&plan.commands()).map_err(EnforcerError::Write)?;
    let after = system::read().map_err(EnforcerError::Read)?;
    if !super::plan::plan(&after, Some(wanted)).is_empty() {
        debug!(?after, "read back");
        return Err(EnforcerError::Other);
    }
    Ok(Done { before, after, is_changed: true, difference: Some(difference) })
}

/// The lines that differ, the first of them in words.
fn summary(lines: &[Line]) -> String {
    let (mut missing, mut strange) = (Vec::new(), Vec::new());
    for line in lines {
        match line {
            Line::Kept(_) => {}
            Line::Added(text) => missing.push(text.trim()),
            Line::Removed(text) => strange.push(text.trim()),
        }
    }
    let told = |what: &str, lines: &[&str]| match lines {
        [] => None,
        [only] => Some(format!("{what}: {only}")),
        [first, rest @ ..] => Some(format!("{what}: {first}, and {} more lines", rest.len())),
    };
    let both = [told("missing", &missing), told("not ours", &strange)];
    both.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// Judges the flows that were there before by the policy that came.
async fn judge_flows(chosen: Arc<Chosen>, ground: Arc<Ground>, own: Vec<IpAddr>) -> io::Result<()> {
    spawn_blocking(move || {
        let own: BTreeSet<IpAddr> = own.into_iter().collect();
        let (n_cut, n_restored) = system::treat_flows(|flow| treat(&chosen.policy, &ground, &own, flow))?;
        if n_cut + n_restored > 0 {
            info!(n_cut, n_restored, policy = %chosen.policy.name, "connections from before were judged");
        }
        Ok(())
    })
    .await?
}
