//! Where this machine is: decides, and can say why.
//!
//! ```text
//!  link ─────┐
//!  held ─────┤             ┌► race ──► probe ──► reference servers
//!  network ──┤► engine ────┤           │ └─ tls (keys that are pinned)
//!  asked ────┘   │         │           └─ resolve (names, afresh each time)
//!                │         └► gateway ──► default routes, and the hardware of their gateways
//!                ├─ ground (hysteresis)
//!                └► Decided (at once: enforcement)   LocationReport (once settled: outbox)   Evidence (explain)
//! ```
//!
//! # What decides
//!
//! `landmark_proto::decision`. No assignment held: connected is **internal**, else **unknown**, enforced like external.
//!
//! Criterion *connection status*:
//!
//! 1. link connected → **internal** (management server), unless the settings say that the link says nothing;
//! 2. list enabled and not empty → **probe**: as many different servers as are required (1) answered → **internal**, by
//!    the first entry *in list order* that did; fewer → **external**, and only once every attempt has failed or had its full
//!    time;
//! 3. otherwise → **external**.
//!
//! Criterion *gateway*: the gateway of a preferred default route is on the list, with its hardware address if the entry has
//! one → **internal**, else **external**. The link says nothing.
//!
//! An answer is a connection; of an entry with pins a handshake with one of these keys. Where tunnels are ignored, an
//! answer or a route through one does not count. `landmark_proto::hysteresis`: a finding may have to be confirmed, or the
//! location to have stood for a while, before it changes; the first one under an assignment or after sleep stands at once.
//!
//! # How it probes
//!
//! | | | why |
//! |---|---|---|
//! | next attempt | when one fails, or after 20 ms | above an office's round trip; the last of 32 starts after 620 ms |
//! | all started | within 2.5 s | with 2 s each and some room, *external* is said within 5 s |
//! | time of an attempt | 2 s, resolving included | a lost SYN is sent again after 1 s: less misjudges bad links |
//! | under way | 256 | of the usual 1024 open files; 32 servers with 8 ports each within 5 s |
//! | next address of a name | when one fails, or after 100 ms | RFC 8305; at most 16 addresses |
//! | next name server | when one fails, or after 200 ms | one that is dead costs a name a tenth of its time |
//! | the same question again | after 400 ms | a lost datagram costs a fifth of it |
//! | time of a lookup | 1.9 s, all of the search list included | then the attempt still says what was wrong |
//! | sockets to name servers | 256 | two families and three servers for each of 32 names, with room |
//!
//! The first answer gives the verdict (the last of those required does): enforcement does not wait for more. It is
//! *provisional* as long as an earlier entry may still answer and become the deciding one; then it is *settled* and
//! recorded. What answered last is asked at once, beside the first, so that many dead entries cost nothing while the network
//! is the same. A connection is closed as soon as it stands; not one byte is sent but those of a handshake.
//!
//! # When
//!
//! At start; link lost or connected; another assignment; a change of the network, of the resolver, a wake from sleep
//! (`crate::network`); asked by the server or on this machine; to confirm a finding; and every recheck-interval (60 s) after
//! the last evaluation, as long as something must be looked at; sooner (2, 4, 8 … 32 s) where a changed network was found to
//! be outside, for a switch may pass nothing in its first seconds. The first event starts an evaluation at once, but not within
//! 50 ms of the last start; a change of the network comes in pieces (the address before its route), and 50 ms are left for
//! them. Events before an evaluation has a verdict make one more after it. A link that connects ends a race at once. After a lost link or an assignment an evaluation that will probe waits a share of what
//! the server says, so that a fleet does not meet at the first reference server; the first evaluation never waits.
//!
//! Every evaluation leaves evidence, from which `landmark_proto::evidence::replay` recomputes its verdict.

mod clock;
mod engine;
mod flips;
mod gateway;
mod probe;
mod race;
mod record;
mod resolve;
mod task;
mod tried;

use std::time::{Duration, SystemTime};

use landmark_proto::hysteresis::Standing as Ground;
use landmark_proto::ids::EvaluationId;
use landmark_proto::location::{Trigger, Verdict};

pub use self::clock::{Clock, SystemClock};
pub(crate) use self::probe::Probing;
#[cfg(test)]
pub(crate) use self::probe::Round;
pub use self::record::{EvidenceLog, MAX_RECORDS};
pub(crate) use self::resolve::{Resolver, addresses_of, name_servers};
pub(crate) use self::task::prober;
pub use self::task::{
    Asked, Inputs, LocationHandle, LocationTask, LocationTaskError, NotEvaluated, Options, channel,
};
#[cfg(test)]
pub(crate) use self::tried::Ended;
use crate::ledger::Accepted;

/// Where this machine is, and what that rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// Where and why.
    pub verdict: Verdict,
    /// Whether the deciding entry may still change; the location will not.
    pub standing: Standing,
    /// The assignment that was held when the evaluation began.
    pub accepted: Option<Accepted>,
    /// What made the agent look, each once, in the order of their coming; at least one.
    pub triggers: Vec<Trigger>,
    /// Which.
    pub evaluation: EvaluationId,
    /// When the verdict was given, by the wall clock.
    pub at: SystemTime,
    /// The same, since boot.
    pub since_boot: Duration,
    /// From the first trigger to the verdict.
    pub decided_in: Duration,
    /// Changes between internal and external in the last hour.
    pub n_flips: u32,
    /// What was found instead, and what stands against it, where hysteresis holds it back.
    pub held_back: Option<(Verdict, Ground)>,
}

/// How final a verdict is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Someone answered; an earlier entry may still answer and become the deciding one.
    Provisional,
    /// The deciding entry is final.
    Settled,
}
