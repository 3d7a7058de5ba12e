//! Names of things that are not people: agents, fleets, boots, outboxes, sessions, pushes.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            /// From its 16 bytes.
            pub fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// Its 16 bytes.
            pub fn as_uuid(&self) -> &Uuid {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let shortened: String = text.chars().take(64).collect();
                Uuid::try_parse(text).map(Self).map_err(|_| InvalidId { what: $what, text: shortened })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }
    };
}

uuid_id!(
    /// An enrolled agent. Given by the server; rises with the time of enrolment (UUID version 7, RFC 9562).
    AgentId,
    "an agent id"
);
uuid_id!(
    /// A server's fleet: one authority, one list. Made at the first start.
    FleetId,
    "a fleet id"
);
uuid_id!(
    /// One boot of a machine (Linux: `/proc/sys/kernel/random/boot_id`).
    BootId,
    "a boot id"
);
uuid_id!(
    /// One life of an outbox: made anew whenever it starts from nothing.
    OutboxId,
    "an outbox id"
);
uuid_id!(
    /// A join token, apart from its secret.
    TokenId,
    "a join token id"
);
uuid_id!(
    /// An API token, apart from its secret.
    ApiTokenId,
    "an API token id"
);

/// Not an id of its kind.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text:?} is not {what} (a UUID)")]
pub struct InvalidId {
    what: &'static str,
    text: String,
}

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(u64);

        impl $name {
            /// From its number.
            pub fn new(number: u64) -> Self {
                Self(number)
            }

            /// The number.
            pub fn get(self) -> u64 {
                self.0
            }

            /// `n` further on; stays at the largest number.
            #[must_use]
            pub fn plus(self, n: u64) -> Self {
                Self(self.0.saturating_add(n))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number_id!(
    /// The place of a record in an outbox, from 0. Never used twice in one life of an outbox.
    Sequence
);
number_id!(
    /// The number of a session of one agent: a higher one supersedes a lower one.
    Epoch
);
number_id!(
    /// Pairs an answer with a push; valid inside one stream.
    PushId
);
number_id!(
    /// Counts the evaluations of one agent process, from 1.
    EvaluationId
);
