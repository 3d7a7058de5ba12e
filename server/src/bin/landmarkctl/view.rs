//! What the server answered, as the documents that `--json` prints and that tables are made of.
//!
//! Field names are a promise to scripts: snake case, never renamed, times in RFC 3339, places in a list counted from 1 as
//! the commands count them. Reading is lenient: a word of a newer server is shown as absent, never an error. Only this
//! folder and `client` see generated types.

pub(crate) mod account;
pub(crate) mod agent;
pub(crate) mod api_token;
pub(crate) mod assignment;
pub(crate) mod basis;
pub(crate) mod certificate;
pub(crate) mod change;
pub(crate) mod draft;
pub(crate) mod evidence;
pub(crate) mod finding;
pub(crate) mod firewall;
pub(crate) mod health;
pub(crate) mod info;
pub(crate) mod overview;
pub(crate) mod progress;
pub(crate) mod rules;
pub(crate) mod token;

use jiff::{SignedDuration, Timestamp};
use landmark_proto::convert::evidence::attempt::outcome_from_wire;
use landmark_proto::convert::location::trigger_from_wire;
use landmark_proto::evidence::Outcome;
use landmark_proto::explain::words;
use landmark_proto::location::Trigger;
use landmark_proto::violation::Path;
use landmark_proto::wire;
use serde::{Serialize, Serializer};

/// One broken rule, as the server or an agent named it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Violation {
    pub(crate) path: String,
    pub(crate) message: String,
}

impl From<wire::Violation> for Violation {
    fn from(violation: wire::Violation) -> Self {
        let wire::Violation { path, message } = violation;
        Self { path, message }
    }
}

/// To the millisecond: more is noise in a document.
fn time(time: Option<prost_types::Timestamp>) -> Option<Timestamp> {
    let prost_types::Timestamp { seconds, nanos } = time?;
    let time = Timestamp::new(seconds, nanos).ok()?;
    Some(time.round(jiff::Unit::Millisecond).unwrap_or(time))
}

fn duration(duration: Option<prost_types::Duration>) -> Option<SignedDuration> {
    let prost_types::Duration { seconds, nanos } = duration?;
    (nanos.unsigned_abs() < 1_000_000_000).then(|| SignedDuration::new(seconds, nanos))
}

fn milliseconds(value: Option<prost_types::Duration>) -> Option<i64> {
    i64::try_from(duration(value)?.as_millis()).ok()
}

/// How an attempt ended.
fn outcome(number: i32) -> Option<Outcome> {
    outcome_from_wire(number, &Path::root()).ok()
}

/// The same words as in every document.
fn outcome_word<S: Serializer>(outcome: &Option<Outcome>, serializer: S) -> Result<S::Ok, S::Error> {
    outcome.map(words::outcome).serialize(serializer)
}

/// What made an agent look.
fn triggers(numbers: &[i32]) -> Vec<Trigger> {
    numbers.iter().filter_map(|number| trigger_from_wire(*number, &Path::root()).ok()).collect()
}

/// The same words as in every document.
fn trigger_words<S: Serializer>(triggers: &[Trigger], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(triggers.iter().map(|trigger| words::trigger(*trigger)))
}

/// On the wire 0 is "none".
fn revision(number: u64) -> Option<u64> {
    (number != 0).then_some(number)
}

fn text(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
