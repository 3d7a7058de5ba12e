//! The assignment that was refused last, in words for people. Pure.
//!
//! A rejection names values by their path on the wire, for programs; people count the entries of a list from 1 and know
//! them by their hosts.

use std::fmt;
use std::time::SystemTime;

use landmark_proto::message::{Assignment, Rejection, RejectionCode};
use landmark_proto::reference_server::place;
use landmark_proto::revision::Held;
use landmark_proto::settings::Settings;
use landmark_proto::violation::Violation;

/// What the path of an entry of the list begins with.
const SERVERS: &str = "reference_servers.servers[";

/// An assignment that was offered and refused, while no later one was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Which.
    pub offered: Held,
    /// Why, for programs.
    pub code: RejectionCode,
    /// Why, for people; empty where the code says it all.
    pub complaints: Vec<Complaint>,
    /// When it was refused first.
    pub at: SystemTime,
}

/// What is wrong with one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// The value, as people call it; empty for the whole assignment.
    pub subject: String,
    /// In the field names of the wire.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

impl Refused {
    /// Why this offer was refused.
    pub fn new(offer: &Assignment, rejection: &Rejection, at: SystemTime) -> Self {
        let violations = rejection.violations.as_ref().map_or(&[][..], |violations| violations.as_slice());
        // Where the settings cannot be read, an entry has its number and no name.
        let settings = offer.settings.decode().ok();
        let complaints = violations.iter().map(|violation| complaint(violation, settings.as_ref())).collect();
        Self { offered: offer.offered, code: rejection.code, complaints, at }
    }

    /// All complaints in one line.
    pub fn why(&self) -> String {
        self.complaints.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.subject.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.subject, self.message)
        }
    }
}

fn complaint(Violation { path, message }: &Violation, settings: Option<&Settings>) -> Complaint {
    let subject = entry(path, settings).unwrap_or_else(|| path.clone());
    Complaint { subject, path: path.clone(), message: message.clone() }
}

/// `reference server 3 (127.0.0.1:9999)`, for everything in that entry; `None` for what is in none.
fn entry(path: &str, settings: Option<&Settings>) -> Option<String> {
    let (index, rest) = path.strip_prefix(SERVERS)?.split_once(']')?;
    let index: usize = index.parse().ok()?;
    let number = index.checked_add(1)?;
    let known = settings.and_then(|settings| settings.reference_servers.servers().get(index));
    let name = known
        .map_or_else(String::new, |server| format!(" ({})", place(&server.host, server.ports.as_slice())));
    let port = rest.strip_prefix(".ports[").and_then(|rest| rest.strip_suffix(']'));
    let port = port.and_then(|index| index.parse::<usize>().ok()?.checked_add(1));
    let part = port.map_or_else(String::new, |number| format!(", port {number}"));
    Some(format!("reference server {number}{name}{part}"))
}

#[cfg(test)]
mod tests {
    use landmark_proto::violation::{Path, Violations};

    use super::*;
    use crate::ledger::accept::{Limits, Standing, accept};
    use crate::ledger::testing::{offer, settings};

    #[test]
    fn an_entry_is_named_as_people_count_and_by_its_place_on_the_wire() {
        let offer = offer(5, &settings(&["a", "::1"]));
        let rejection = accept(Standing::default(), &offer, &Limits::default()).unwrap_err();
        let refused = Refused::new(&offer, &rejection, SystemTime::UNIX_EPOCH);
        assert_eq!(refused.complaints[0].path, "reference_servers.servers[1].host");
        let why = refused.why();
        assert!(why.starts_with("reference server 2 ([::1]:80): ::1 is this machine itself"), "{why}");
    }

    #[test]
    fn what_cannot_be_read_has_a_number_and_what_is_no_entry_its_path() {
        let subject = |path: &str| entry(path, None);
        assert_eq!(subject("reference_servers.servers[2]").unwrap(), "reference server 3");
        assert_eq!(subject("reference_servers.servers[2].ports[0]").unwrap(), "reference server 3, port 1");
        for path in ["", "digest", "reference_servers.servers[x]", "reference_servers.servers[2"] {
            assert_eq!(subject(path), None, "{path}");
        }
        let max = format!("reference_servers.servers[{}]", usize::MAX);
        assert_eq!(subject(&max), None);
    }

    #[test]
    fn a_complaint_about_the_whole_has_no_subject() {
        let rejection = Rejection {
            code: RejectionCode::Storage,
            violations: Some(Violations::one(&Path::root(), "the disk is full")),
            still_held: None,
        };
        let refused = Refused::new(&offer(5, &settings(&["a"])), &rejection, SystemTime::UNIX_EPOCH);
        assert_eq!(refused.why(), "the disk is full");
    }
}
