//! The desired policy as one JSON document: what an operator's program reads on its standard input.
//!
//! ```json
//! {"version":1,"policy":"internal","location":"internal","revision":7,"digest":"9f86d0…","firewall":{"profile":"Office",…}}
//! ```
//!
//! | Member | Type | Meaning |
//! |---|---|---|
//! | `version` | number | 1; a program shall refuse a version that it does not know |
//! | `policy` | string | `internal` or `external`: which policy shall be in force |
//! | `location` | string | `internal`, `external` or `unknown`: where the machine is |
//! | `revision` | number | the assignment that it follows from |
//! | `digest` | string | SHA-256 of the assignment's settings, in hexadecimal |
//! | `firewall` | object or null | what the firewall shall let pass; null: no profile is for this machine |
//! | `firewall.profile` `.policy` | string | by name |
//! | `firewall.level` `.mode` | string | `low`, `medium` or `high`; `enforce` or `observe` |
//! | `firewall.exceptions` | array of objects | in their order: `name`, `action`, `direction`, `protocol`, `ports`, `remotes` |
//!
//! `ports` is an array of strings, each a port or a range (`"80"`, `"8000-8099"`), empty for all; `remotes` likewise of
//! addresses, prefixes, ranges and host names. Members may be added without a new version.

use landmark_proto::firewall::{Exception, PortRange, PortSet, Remote};
use serde::Serialize;

use crate::policy::{Chosen, Desired};

#[derive(Serialize)]
struct Document {
    version: u32,
    policy: String,
    location: String,
    revision: u64,
    digest: String,
    firewall: Option<Firewall>,
}

#[derive(Serialize)]
struct Firewall {
    profile: String,
    policy: String,
    level: String,
    mode: String,
    exceptions: Vec<ExceptionDocument>,
}

#[derive(Serialize)]
struct ExceptionDocument {
    name: String,
    action: String,
    direction: String,
    protocol: &'static str,
    ports: Vec<String>,
    remotes: Vec<String>,
}

/// As a line of JSON.
pub fn render(desired: &Desired) -> String {
    let Desired { held, location, policy, firewall } = desired;
    let document = Document {
        version: 1,
        policy: policy.to_string(),
        location: location.to_string(),
        revision: held.revision.get(),
        digest: held.digest.to_string(),
        firewall: firewall.as_deref().map(firewall_document),
    };
    // Strings and numbers always have a JSON form.
    let mut text = serde_json::to_string(&document).unwrap_or_default();
    text.push('\n');
    text
}

fn firewall_document(chosen: &Chosen) -> Firewall {
    let Chosen { profile, policy } = chosen;
    Firewall {
        profile: profile.to_string(),
        policy: policy.name.to_string(),
        level: policy.level.to_string(),
        mode: policy.mode.to_string(),
        exceptions: policy.exceptions.as_slice().iter().map(exception_document).collect(),
    }
}

fn exception_document(exception: &Exception) -> ExceptionDocument {
    let Exception { name, action, direction, traffic, remotes } = exception;
    let ports = traffic.ports().map(PortSet::ranges).unwrap_or_default();
    ExceptionDocument {
        name: name.to_string(),
        action: action.to_string(),
        direction: direction.to_string(),
        protocol: traffic.protocol(),
        ports: ports.iter().map(PortRange::to_string).collect(),
        remotes: remotes.as_slice().iter().map(Remote::to_string).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use landmark_proto::firewall::{self, Action, Direction, Exceptions, Level, Mode, Traffic};
    use landmark_proto::location::Location;
    use landmark_proto::revision::{Digest, Held, Revision};

    use super::*;
    use crate::policy::Policy;

    fn desired(firewall: Option<Arc<Chosen>>) -> Desired {
        Desired {
            held: Held { revision: Revision::new(7).unwrap(), digest: Digest::of(b"") },
            location: Location::Unknown,
            policy: Policy::External,
            firewall,
        }
    }

    #[test]
    fn says_what_shall_be_in_force_and_from_where() {
        assert_eq!(
            render(&desired(None)),
            "{\"version\":1,\"policy\":\"external\",\"location\":\"unknown\",\"revision\":7,\"digest\":\
             \"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"firewall\":null}\n"
        );
    }

    #[test]
    fn says_what_the_firewall_shall_let_pass() {
        let exception = Exception {
            name: "Files".parse().unwrap(),
            action: Action::Allow,
            direction: Direction::Outbound,
            traffic: Traffic::Tcp("445,8000-8099".parse().unwrap()),
            remotes: "10.0.0.0/8,files.example".parse().unwrap(),
        };
        let policy = firewall::Policy {
            name: "Road".parse().unwrap(),
            level: Level::High,
            mode: Mode::Enforce,
            exceptions: Exceptions::new(vec![exception]).unwrap(),
        };
        let chosen = Chosen { profile: "Outside".parse().unwrap(), policy };
        let document: serde_json::Value =
            serde_json::from_str(&render(&desired(Some(Arc::new(chosen))))).unwrap();
        assert_eq!(
            document["firewall"],
            serde_json::json!({
                "profile": "Outside",
                "policy": "Road",
                "level": "high",
                "mode": "enforce",
                "exceptions": [{
                    "name": "Files",
                    "action": "allow",
                    "direction": "outbound",
                    "protocol": "tcp",
                    "ports": ["445", "8000-8099"],
                    "remotes": ["10.0.0.0/8", "files.example"],
                }],
            })
        );
    }
}
