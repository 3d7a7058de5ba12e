//! How things are, as one document: a plain function of what every part of the agent says of itself.

mod location;

use std::time::SystemTime;

use jiff::Timestamp;
use landmark_proto::explain::words::{BasisDocument, link_state, location, time};
use landmark_proto::location::Location;
use landmark_proto::message::{EnforcementState, EnforcementStatus, RejectionCode};
use serde::Serialize;

pub use self::location::{
    DecidedDocument, HeldBackDocument, RulesDocument, WatchedDocument, decided_document,
};
use self::location::{held_back, rules};

use crate::identity::Identity;
use crate::ledger::refused::{Complaint, Refused};
use crate::ledger::{Accepted, Damage};
use crate::link::task::LinkStatus;
use crate::location::Decided;
use crate::machine::AGENT_VERSION;
use crate::network::Watched;
use crate::outbox::OutboxStatus;

/// All of it. Times are RFC 3339, members are only ever added.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Whether the agent runs; if not, only what is on the disk is known.
    pub running: bool,
    /// When this document was made.
    pub at: Option<Timestamp>,
    /// Of the running agent, or of this program.
    pub agent_version: &'static str,
    /// When the agent started.
    pub started_at: Option<Timestamp>,
    /// Which agent.
    pub agent_id: Option<String>,
    /// Of which fleet.
    pub fleet_id: Option<String>,
    /// When the certificate ends.
    pub certificate_expires_at: Option<Timestamp>,
    /// Where the machine is.
    pub location: &'static str,
    /// Why.
    pub basis: Option<BasisDocument>,
    /// The same in words.
    pub why: Option<String>,
    /// Of the evaluation that decided it.
    pub decided: Option<DecidedDocument>,
    /// Another location that was found, and what it lacks to become the location.
    pub held_back: Option<HeldBackDocument>,
    /// Changes between internal and external in the last hour.
    pub n_flips_last_hour: Option<u32>,
    /// How the location is decided.
    pub rules: Option<RulesDocument>,
    /// Which changes of the machine make the agent look at once.
    pub watched: Option<WatchedDocument>,
    /// The assignment that is held.
    pub held_revision: Option<u64>,
    /// Of its settings.
    pub held_digest: Option<String>,
    /// How many reference servers it has.
    pub n_reference_servers: Option<usize>,
    /// Whether they are tried at all.
    pub list_enabled: Option<bool>,
    /// The assignment that was refused last, while none was taken since.
    pub refused: Option<RefusedDocument>,
    /// The session with the server.
    pub link: Option<LinkDocument>,
    /// Whether the policy is in force.
    pub enforcement: Option<EnforcementDocument>,
    /// What the server does not have yet.
    pub outbox: Option<OutboxDocument>,
    /// Files of the ledger that could not be used at the start.
    pub ledger_damage: Vec<String>,
}

/// An assignment that was refused.
#[derive(Clone, Debug, Serialize)]
pub struct RefusedDocument {
    /// Its number.
    pub revision: u64,
    /// Of its settings.
    pub digest: String,
    /// `outdated`, `conflict`, `digest`, `invalid`, `unsupported`, `too_large` or `storage`.
    pub code: &'static str,
    /// What is wrong with it.
    pub violations: Vec<ViolationDocument>,
    /// When it was refused first.
    pub at: Option<Timestamp>,
}

/// What is wrong with one value.
#[derive(Clone, Debug, Serialize)]
pub struct ViolationDocument {
    /// The value, as people call it; `null` for the whole assignment.
    pub subject: Option<String>,
    /// In the field names of the wire.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

/// The session with the server.
#[derive(Clone, Debug, Serialize)]
pub struct LinkDocument {
    /// `connected` or `lost`.
    pub state: &'static str,
    /// Since when.
    pub since: Option<Timestamp>,
    /// The address of the session, or the one that was dialled last.
    pub server: Option<String>,
    /// The number of the session.
    pub epoch: Option<u64>,
    /// Why there is none.
    pub reason: Option<String>,
    /// Only an administrator can change that.
    pub needs_administrator: bool,
    /// When the next dial is due.
    pub next_dial_at: Option<Timestamp>,
}

/// Whether the policy is in force.
#[derive(Clone, Debug, Serialize)]
pub struct EnforcementDocument {
    /// `applied`, `repaired`, `observed`, `unavailable`, `failed` or `nothing`.
    pub state: &'static str,
    /// By which backend.
    pub backend: String,
    /// Why; `null` when applied.
    pub reason: Option<String>,
    /// The location whose policy it is.
    pub location: &'static str,
    /// Of the assignment it comes from.
    pub revision: Option<u64>,
    /// Since when it is so.
    pub since: Option<Timestamp>,
    /// The firewall profile that matched; `null` for none.
    pub profile: Option<String>,
    /// Its policy.
    pub policy: Option<String>,
}

/// What the server does not have yet.
#[derive(Clone, Debug, Serialize)]
pub struct OutboxDocument {
    /// Changes of location that wait for the server.
    pub n_records: u64,
    /// Changes that were lost because too many waited.
    pub n_dropped: u64,
    /// Changes that the disk did not take yet.
    pub n_not_on_disk: usize,
}

/// What the parts of a running agent say.
#[derive(Debug)]
pub struct Parts<'a> {
    /// Now.
    pub at: SystemTime,
    /// When it started.
    pub started_at: SystemTime,
    /// Who it is.
    pub who: &'a Who,
    /// What is held.
    pub accepted: Option<&'a Accepted>,
    /// What was refused.
    pub refused: Option<&'a Refused>,
    /// What was decided.
    pub decided: Option<&'a Decided>,
    /// What of the machine is watched.
    pub watched: Watched,
    /// How the link is.
    pub link: &'a LinkStatus,
    /// What was enforced.
    pub enforcement: Option<&'a EnforcementStatus>,
    /// What waits.
    pub outbox: OutboxStatus,
    /// What was damaged.
    pub damages: &'a [Damage],
}

/// Who an agent is, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Who {
    /// Which agent.
    pub agent_id: String,
    /// Of which fleet.
    pub fleet_id: String,
    /// When its certificate ends.
    pub certificate_expires_at: Option<SystemTime>,
}

impl Who {
    /// Of this identity.
    pub fn of(identity: &Identity) -> Self {
        Self {
            agent_id: identity.agent_id.to_string(),
            fleet_id: identity.fleet_id.to_string(),
            certificate_expires_at: identity.expires_at(),
        }
    }
}

/// Of a running agent.
pub fn of_running(parts: &Parts<'_>) -> Status {
    let mut status = of_disk(Some(parts.who), parts.accepted, parts.damages, parts.at);
    status.running = true;
    status.started_at = time(parts.started_at);
    if let Some(decided) = parts.decided {
        status.location = location(decided.verdict.location);
        status.basis = Some(BasisDocument::from(&decided.verdict.basis));
        status.why = Some(decided.verdict.basis.to_string());
        status.decided = Some(decided_document(decided));
        status.n_flips_last_hour = Some(decided.n_flips);
        status.held_back = held_back(decided);
    }
    let Watched { network, neighbours, resolver, wake } = parts.watched;
    status.watched = Some(WatchedDocument { network, neighbours, resolver, wake });
    status.refused = parts.refused.map(refused);
    status.link = Some(link(parts.link));
    status.enforcement = parts.enforcement.map(enforcement);
    let OutboxStatus { range, n_dropped, n_waiting, .. } = parts.outbox;
    let n_records = range.next.get().saturating_sub(range.first.get());
    status.outbox = Some(OutboxDocument { n_records, n_dropped, n_not_on_disk: n_waiting });
    status
}

/// Of an agent that does not run: what its disk says.
pub fn of_disk(who: Option<&Who>, accepted: Option<&Accepted>, damages: &[Damage], at: SystemTime) -> Status {
    Status {
        running: false,
        at: time(at),
        agent_version: AGENT_VERSION,
        started_at: None,
        agent_id: who.map(|who| who.agent_id.clone()),
        fleet_id: who.map(|who| who.fleet_id.clone()),
        certificate_expires_at: who.and_then(|who| who.certificate_expires_at).and_then(time),
        location: location(Location::Unknown),
        basis: None,
        why: None,
        decided: None,
        held_back: None,
        n_flips_last_hour: None,
        rules: accepted.map(|accepted| rules(accepted.settings())),
        watched: None,
        held_revision: accepted.map(|accepted| accepted.held().revision.get()),
        held_digest: accepted.map(|accepted| accepted.held().digest.to_string()),
        n_reference_servers: accepted.map(|accepted| accepted.settings().reference_servers.servers().len()),
        list_enabled: accepted.map(|accepted| accepted.settings().reference_servers.is_enabled()),
        refused: None,
        link: None,
        enforcement: None,
        outbox: None,
        ledger_damage: damages.iter().map(ToString::to_string).collect(),
    }
}

fn refused(Refused { offered, code, complaints, at }: &Refused) -> RefusedDocument {
    let violation = |Complaint { subject, path, message }: &Complaint| ViolationDocument {
        subject: (!subject.is_empty()).then(|| subject.clone()),
        path: path.clone(),
        message: message.clone(),
    };
    RefusedDocument {
        revision: offered.revision.get(),
        digest: offered.digest.to_string(),
        code: match code {
            RejectionCode::Outdated => "outdated",
            RejectionCode::Conflict => "conflict",
            RejectionCode::Digest => "digest",
            RejectionCode::Invalid => "invalid",
            RejectionCode::Unsupported => "unsupported",
            RejectionCode::TooLarge => "too_large",
            RejectionCode::Storage => "storage",
        },
        violations: complaints.iter().map(violation).collect(),
        at: time(*at),
    }
}

fn link(status: &LinkStatus) -> LinkDocument {
    LinkDocument {
        state: link_state(status.state),
        since: time(status.since),
        server: status.server.as_ref().map(ToString::to_string),
        epoch: status.epoch.map(landmark_proto::ids::Epoch::get),
        reason: status.reason.clone(),
        needs_administrator: status.is_hopeless,
        next_dial_at: status.next_dial_at.and_then(time),
    }
}

fn enforcement(status: &EnforcementStatus) -> EnforcementDocument {
    EnforcementDocument {
        state: match status.state {
            EnforcementState::Applied => "applied",
            EnforcementState::Observed => "observed",
            EnforcementState::Failed => "failed",
            EnforcementState::Nothing => "nothing",
            EnforcementState::Repaired => "repaired",
            EnforcementState::Unavailable => "unavailable",
        },
        backend: status.backend.clone(),
        reason: (!status.reason.is_empty()).then(|| status.reason.clone()),
        location: location(status.location),
        revision: status.revision.map(landmark_proto::revision::Revision::get),
        since: time(status.since),
        profile: status.profile.as_ref().map(|it| it.profile.to_string()),
        policy: status.profile.as_ref().map(|it| it.policy.to_string()),
    }
}
