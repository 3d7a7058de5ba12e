//! The desired policy as one JSON document: what an operator's program reads on its standard input.
//!
//! ```json
//! {"version":1,"policy":"internal","location":"internal","revision":7,"digest":"9f86d0…"}
//! ```
//!
//! | Member | Type | Meaning |
//! |---|---|---|
//! | `version` | number | 1; a program shall refuse a version that it does not know |
//! | `policy` | string | `internal` or `external`: which policy shall be in force |
//! | `location` | string | `internal`, `external` or `unknown`: where the machine is |
//! | `revision` | number | the assignment that it follows from |
//! | `digest` | string | SHA-256 of the assignment's settings, in hexadecimal |
//!
//! Members may be added without a new version.

use serde::Serialize;

use crate::policy::Desired;

#[derive(Serialize)]
struct Document {
    version: u32,
    policy: String,
    location: String,
    revision: u64,
    digest: String,
}

/// As a line of JSON.
pub fn render(desired: &Desired) -> String {
    let Desired { held, location, policy } = desired;
    let document = Document {
        version: 1,
        policy: policy.to_string(),
        location: location.to_string(),
        revision: held.revision.get(),
        digest: held.digest.to_string(),
    };
    // Strings and numbers always have a JSON form.
    let mut text = serde_json::to_string(&document).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use landmark_proto::location::Location;
    use landmark_proto::revision::{Digest, Held, Revision};

    use super::*;
    use crate::policy::Policy;

    #[test]
    fn says_what_shall_be_in_force_and_from_where() {
        let desired = Desired {
            held: Held { revision: Revision::new(7).unwrap(), digest: Digest::of(b"") },
            location: Location::Unknown,
            policy: Policy::External,
        };
        assert_eq!(
            render(&desired),
            "{\"version\":1,\"policy\":\"external\",\"location\":\"unknown\",\"revision\":7,\"digest\":\
             \"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"}\n"
        );
    }
}
