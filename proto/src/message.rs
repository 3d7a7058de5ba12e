//! What server and agent say to each other in a session, already validated.

use std::time::{Duration, SystemTime};

use crate::evidence::{Evidence, Outcome, PeerCertificate};
use crate::firewall::profile::Label;
use crate::firewall::ruling::Flow;
use crate::firewall::{Action, ItemName, Platform};
use crate::ids::{BootId, Epoch, EvaluationId, OutboxId, PushId, Sequence};
use crate::location::{Location, LocationReport};
use crate::port::Port;
use crate::revision::{Held, Revision};
use crate::settings::EncodedSettings;
use crate::violation::Violations;

/// The protocol version that a [`Hello`] announces.
pub const PROTOCOL_VERSION: u32 = 1;
/// The most bytes of any message on the agent plane, both ways.
pub const MAX_MESSAGE_BYTES: usize = 256 * 1024;
/// The most records in one batch of reports.
pub const MAX_REPORT_BATCH: usize = 500;
/// The most counters in one report of a firewall.
pub const MAX_RULE_HITS: usize = 64;

/// Agent to server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentMessage {
    /// First, and only first.
    Hello(Box<Hello>),
    /// The answer to a push.
    AssignmentResult(AssignmentResult),
    /// Part of the outbox.
    LocationReports(LocationReports),
    /// Whether the decided policy is in force.
    Enforcement(EnforcementStatus),
    /// Alive.
    Heartbeat,
    /// Leaving on purpose.
    Goodbye {
        /// For people.
        reason: String,
    },
    /// Why the location changed, or what was seen when the server asked.
    Evidence(Box<Evidence>),
    /// Which reference servers answered when all were tried.
    SweepReport(SweepReport),
    /// What the firewall has counted.
    FirewallHits(FirewallHits),
}

/// Server to agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerMessage {
    /// First, and only first.
    Welcome(Welcome),
    /// Take this assignment.
    Assignment(Assignment),
    /// Reports are committed.
    ReportAck(ReportAck),
    /// Look again now.
    Evaluate {
        /// Of the request, for logs.
        request_id: u64,
    },
    /// Renew the certificate after a random share of this time.
    RenewNow {
        /// At most this long.
        spread: Duration,
    },
    /// Timing changed.
    Tuning(Tuning),
    /// Planned stop: come back after exactly this time.
    Drain {
        /// For people.
        reason: String,
        /// Exact.
        reconnect_after: Duration,
    },
    /// The identity was removed.
    Revoked {
        /// For people.
        reason: String,
    },
    /// Alive.
    HeartbeatAck {
        /// Wall clock of the server.
        server_time: SystemTime,
    },
    /// The evidence of this evaluation is committed.
    EvidenceAck {
        /// Which.
        evaluation: EvaluationId,
    },
    /// Try every reference server once after a random share of this time.
    SweepNow {
        /// At most this long.
        spread: Duration,
    },
}

/// How an agent introduces itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// Which boot.
    pub boot_id: BootId,
    /// About the machine.
    pub facts: HostFacts,
    /// What is on its disk.
    pub held: Option<Held>,
    /// The last answer to a push.
    pub last_result: Option<AssignmentResult>,
    /// What there is to replay.
    pub outbox: OutboxRange,
    /// Whether the decided policy is in force.
    pub enforcement: Option<EnforcementStatus>,
}

/// About a machine, for people. Every text has at most [`HostFacts::MAX_TEXT`] characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostFacts {
    /// As the machine calls itself.
    pub host_name: String,
    /// For example `Debian GNU/Linux 12 (bookworm)`.
    pub operating_system: String,
    /// For example `6.1.0-18-amd64`.
    pub kernel: String,
    /// For example `x86_64`.
    pub architecture: String,
    /// Of the agent.
    pub agent_version: String,
    /// Which operating system, for conditions.
    pub platform: Option<Platform>,
    /// What the machine's owner has labelled it with, at most [`Label::MAX`].
    pub labels: Vec<Label>,
}

impl HostFacts {
    /// Characters of each text, at most.
    pub const MAX_TEXT: usize = 255;
}

/// Records `first` to `next` - 1 are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutboxRange {
    /// Which life of the outbox.
    pub outbox_id: OutboxId,
    /// The oldest record that is still there.
    pub first: Sequence,
    /// The number that the next record will have.
    pub next: Sequence,
}

/// The answer to one push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssignmentResult {
    /// Of the push; 0 in a [`Hello`].
    pub push_id: PushId,
    /// What was offered.
    pub offered: Held,
    /// What became of it.
    pub outcome: AssignmentOutcome,
}

/// What became of a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AssignmentOutcome {
    /// Received whole and being applied.
    Applying,
    /// On disk, evaluated and handed to enforcement.
    Applied,
    /// Refused whole.
    Rejected(Rejection),
}

/// Why a push was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Which kind.
    pub code: RejectionCode,
    /// Details; empty where the code says all.
    pub violations: Option<Violations>,
    /// What is in force instead.
    pub still_held: Option<Held>,
}

/// Which kind of refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RejectionCode {
    /// Lower revision than the one held.
    Outdated,
    /// The held revision with other content.
    Conflict,
    /// The bytes do not hash to the digest.
    Digest,
    /// Content breaks a rule.
    Invalid,
    /// Content that this agent does not understand.
    Unsupported,
    /// Larger than the agent takes.
    TooLarge,
    /// The agent could not store it.
    Storage,
}

/// Records in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocationReports {
    /// Which life of the outbox.
    pub outbox_id: OutboxId,
    /// Of the first record.
    pub first: Sequence,
    /// 1 to [`MAX_REPORT_BATCH`].
    pub reports: Vec<LocationReport>,
}

impl LocationReports {
    /// The number after the last record.
    pub fn next(&self) -> Sequence {
        self.first.plus(self.reports.len() as u64)
    }
}

/// Whether the policy of the decided location is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnforcementStatus {
    /// In force or not.
    pub state: EnforcementState,
    /// For example `command` or `observe`.
    pub backend: String,
    /// Why; empty when applied.
    pub reason: String,
    /// The location whose policy it is.
    pub location: Location,
    /// Of the assignment it comes from.
    pub revision: Option<Revision>,
    /// Since when it is so, by the agent's wall clock.
    pub since: SystemTime,
    /// The firewall profile that matched, and its policy.
    pub profile: Option<ProfileInForce>,
}

/// Which profile gave a machine which policy.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProfileInForce {
    /// The profile.
    pub profile: ItemName,
    /// Its policy.
    pub policy: ItemName,
}

/// In force or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EnforcementState {
    /// In force.
    Applied,
    /// Planned and reported only.
    Observed,
    /// It should be and is not.
    Failed,
    /// No assignment, or no profile that matches: nothing to enforce.
    Nothing,
    /// In force again after something else had changed it.
    Repaired,
    /// This machine has no means to enforce it.
    Unavailable,
}

/// The server's answer to a [`Hello`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// Of this session.
    pub epoch: Epoch,
    /// Wall clock of the server.
    pub server_time: SystemTime,
    /// All timing of the agent.
    pub tuning: Tuning,
    /// Where replay starts: every record below it is committed.
    pub next_sequence: Sequence,
    /// Nothing will be pushed.
    pub up_to_date: bool,
    /// Whether evidence is wanted.
    pub wants_evidence: bool,
    /// Whether what the firewall has counted is wanted.
    pub wants_firewall_hits: bool,
}

/// All timing of the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// 10 s to 1 h.
    pub heartbeat_interval: Duration,
    /// 0 s to 1 h: the first reconnect after a loss waits a random share of it.
    pub reconnect_spread: Duration,
    /// 1 s to 1 h.
    pub max_backoff: Duration,
    /// 10 s to 1 h.
    pub ping_interval: Duration,
    /// 1 to [`MAX_REPORT_BATCH`].
    pub report_batch: usize,
    /// 0 s to 60 s: an evaluation after a lost link waits a random share of it.
    pub evaluation_spread: Duration,
    /// 1 min to 7 d: every reference server is tried this often, to tell the server which ones answer. `None`: never.
    pub sweep_interval: Option<Duration>,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            heartbeat_interval: Duration::from_secs(240),
            reconnect_spread: Duration::from_secs(1),
            max_backoff: Duration::from_secs(300),
            ping_interval: Duration::from_secs(120),
            report_batch: 100,
            evaluation_spread: Duration::ZERO,
            sweep_interval: None,
        }
    }
}

/// A push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Repeated by the answer.
    pub push_id: PushId,
    /// As announced; the receiver checks the digest against the bytes.
    pub offered: Held,
    /// The bytes, not yet believed.
    pub settings: EncodedSettings,
    /// The evaluation that follows waits a random share of this, at most 10 min.
    pub apply_jitter: Duration,
}

/// Every record below `next` is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportAck {
    /// Which life of the outbox.
    pub outbox_id: OutboxId,
    /// The first record that is not.
    pub next: Sequence,
    /// Wait this long before the next batch.
    pub slow_down: Duration,
}

/// Which reference servers answered when all were tried, beside any decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SweepReport {
    /// The assignment whose list it was.
    pub held: Held,
    /// Since the sweep ended.
    pub age: Duration,
    /// In list order, a server's ports in their order.
    pub results: Vec<SweepResult>,
}

/// What the firewall of a machine has counted since one policy is in force there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirewallHits {
    /// The assignment that the policy comes from.
    pub held: Held,
    /// What is counted.
    pub in_force: ProfileInForce,
    /// Whether what is blocked passes and is only counted.
    pub is_observing: bool,
    /// How long it has been counted.
    pub counted_for: Duration,
    /// Those that are not 0, the largest first; at most [`MAX_RULE_HITS`].
    pub hits: Vec<RuleHits>,
}

/// What one exception, or the level of the policy, has decided.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RuleHits {
    /// `None`: no exception matched, the level decided.
    pub exception: Option<ItemName>,
    /// Of which connections.
    pub flow: Flow,
    /// What became of them, or would have.
    pub action: Action,
    /// Of an allowed connection the first one only.
    pub n_packets: u64,
    /// Of these packets.
    pub n_bytes: u64,
}

/// What became of one (server, port).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SweepResult {
    /// Place of the server in the list, from 0.
    pub position: usize,
    /// As on the list.
    pub port: Port,
    /// How it ended.
    pub outcome: Outcome,
    /// From its start to its outcome.
    pub took: Duration,
    /// Whether the answer counts.
    pub counts: bool,
    /// Of a TLS probe that came so far.
    pub certificate: Option<PeerCertificate>,
}
