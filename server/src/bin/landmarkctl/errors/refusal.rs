//! Words for the server's "no": every broken rule at the argument or line that it comes from.

use landmark_proto::violation::Violations;
use tonic::Code;

use super::connect::PORTS;
use super::{Exit, Failure};
use crate::client::{CallError, Refusal};
use crate::render::Paper;
use crate::render::changes::change_line;
use crate::view::change::Change;
use crate::view::draft::Draft;

/// Which argument or line each value of a request came from: the beginning of its path on the wire, and its name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origins(Vec<(String, String)>);

impl Origins {
    /// No value comes from the user.
    pub(crate) fn none() -> Self {
        Self::default()
    }

    pub(crate) fn add(&mut self, path: impl Into<String>, place: impl Into<String>) {
        self.0.push((path.into(), place.into()));
    }

    /// With one more.
    #[must_use]
    pub(crate) fn with(mut self, path: impl Into<String>, place: impl Into<String>) -> Self {
        self.add(path, place);
        self
    }

    /// The longest known path that the given one is, or lies below; else the path itself.
    fn place_of(&self, path: &str) -> String {
        self.0
            .iter()
            .filter(|(known, _)| {
                path.strip_prefix(known.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
            })
            .max_by_key(|(known, _)| known.len())
            .map_or_else(|| path.to_owned(), |(_, place)| place.clone())
    }
}

/// Says what was refused and where each problem comes from. `doing` as in "cannot …".
pub(crate) fn refused(doing: &str, error: CallError, origins: &Origins) -> Failure {
    match error {
        CallError::Refused(refusal) => from_refusal(doing, &refusal, origins),
        CallError::NeverSpoke(reason) => {
            Failure::new(Exit::Unreachable, format!("cannot {doing}: what answers there hung up"))
                .detail(reason)
                .hint(PORTS)
        }
        CallError::NoAnswer | CallError::Broken(_) => {
            Failure::new(Exit::Unreachable, format!("cannot {doing}: the connection to the server was lost"))
                .detail(error.to_string())
        }
    }
}

/// The same for a call that changes something: of a lost connection it is not known whether it did.
pub(crate) fn refused_change(doing: &str, error: CallError, origins: &Origins) -> Failure {
    let is_lost = !matches!(error, CallError::Refused(_));
    let failure = refused(doing, error, origins);
    if is_lost {
        failure.hint("whether the server still did it is not known; look before doing it again")
    } else {
        failure
    }
}

fn from_refusal(doing: &str, refusal: &Refusal, origins: &Origins) -> Failure {
    let Refusal { code, message, reason: _, violations, preconditions, present: _ } = refusal;
    if let Some(failure) = beside_the_request(doing, *code) {
        return failure.detail(message.clone());
    }
    // What is wrong stands in the lines below, if there are any.
    let failure = if violations.is_empty() {
        Failure::new(Exit::Refused, format!("cannot {doing}: {message}"))
    } else {
        Failure::new(Exit::Refused, format!("cannot {doing}"))
    };
    let failure = violations.iter().fold(failure, |failure, violation| {
        failure.problem(origins.place_of(&violation.path), violation.message.clone())
    });
    preconditions.iter().fold(failure, |failure, needed| failure.hint(needed.clone()))
}

/// What was given breaks rules that need no server to be seen: each of them at the argument that it comes from.
pub(crate) fn unusable(doing: &str, violations: &Violations, origins: &Origins) -> Failure {
    let failure = Failure::usage(format!("cannot {doing}"));
    violations.as_slice().iter().fold(failure, |failure, violation| {
        failure.problem(origins.place_of(&violation.path), violation.message.clone())
    })
}

/// Words for codes that say nothing about what was asked; `None` for the others.
fn beside_the_request(doing: &str, code: Code) -> Option<Failure> {
    let (exit, reason, hint) = match code {
        Code::Unauthenticated => (
            Exit::Token,
            "the server does not accept the API token",
            "landmarkctl context show tells which token was sent; landmarkctl login makes a new one",
        ),
        Code::PermissionDenied => (
            Exit::Token,
            "this API token may not do that",
            "ask for a role that may (landmarkctl whoami tells yours)",
        ),
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled => {
            (Exit::Unreachable, "the server cannot do it at the moment", "try again in a moment")
        }
        Code::Unimplemented => (
            Exit::Unreachable,
            "what answers there does not know this call",
            "is it the administration port (7445), and is the server as new as this landmarkctl?",
        ),
        Code::Internal | Code::Unknown | Code::DataLoss => {
            (Exit::Internal, "the server failed", "its log tells more")
        }
        Code::Ok
        | Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::ResourceExhausted
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::OutOfRange => return None,
    };
    Some(Failure::new(exit, format!("cannot {doing}: {reason}")).hint(hint))
}

/// What can be said about a draft that somebody else changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// How it differs from what was read.
    SinceRead(Vec<Change>),
    /// How it differs from what is assigned.
    Unassigned(Vec<Change>),
    Nothing,
}

/// Somebody changed the draft in between: who, when, and what is different.
pub(crate) fn stale(doing: &str, present: &Draft, known: &Known, paper: &Paper) -> Failure {
    let who = present.changed_by.as_deref().unwrap_or("somebody");
    let when = present.changed_at.map(|time| format!(" ({})", paper.age(time))).unwrap_or_default();
    let failure =
        Failure::new(Exit::Refused, format!("cannot {doing}: {who} changed the draft in between{when}"));
    let (heading, changes) = match known {
        Known::SinceRead(changes) if changes.is_empty() => {
            ("its settings are the same again as those that were read".to_owned(), changes.as_slice())
        }
        Known::SinceRead(changes) => ("since it was read:".to_owned(), changes.as_slice()),
        Known::Unassigned(changes) if changes.is_empty() => {
            let heading = match present.assigned_revision {
                Some(revision) => format!("it is the same as assignment {revision} now"),
                None => "it is as it was made, and nothing was assigned yet".to_owned(),
            };
            (heading, changes.as_slice())
        }
        Known::Unassigned(changes) => {
            ("now it differs from what is assigned by:".to_owned(), changes.as_slice())
        }
        Known::Nothing => ("how it differs is not known".to_owned(), [].as_slice()),
    };
    let failure = changes.iter().fold(failure.detail(heading), |failure, change| {
        failure.detail(format!("  {}", change_line(change)))
    });
    failure
        .detail(format!("its etag is {}", present.etag))
        .hint("nothing was changed by this command; look (landmarkctl draft diff) and run it again")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::Violation;

    fn refusal(code: Code, message: &str, violations: &[(&str, &str)]) -> CallError {
        let violations = violations
            .iter()
            .map(|(path, message)| Violation { path: (*path).into(), message: (*message).into() })
            .collect();
        let message = message.into();
        CallError::Refused(Box::new(Refusal {
            code,
            message,
            reason: None,
            violations,
            preconditions: vec![],
            present: None,
        }))
    }

    #[test]
    fn every_violation_stands_at_the_argument_it_comes_from() {
        let origins = Origins::none()
            .with("edits[0].add_reference_server", "web.example")
            .with("edits[0].add_reference_server.ports[1]", "PORT 70000");
        let error = refusal(
            Code::InvalidArgument,
            "2 fields are wrong",
            &[
                ("edits[0].add_reference_server.ports[1]", "70000 is not a port (1 to 65535)"),
                ("edits[0].add_reference_server.host", "is no host"),
                ("edits[0].add_reference_server.ports[10]", "of the host, not of port 1"),
                ("elsewhere[0]", "is unknown here"),
            ],
        );
        insta::assert_snapshot!(refused("add the reference server", error, &origins), @r"
        landmarkctl: cannot add the reference server
          PORT 70000: 70000 is not a port (1 to 65535)
          web.example: is no host
          web.example: of the host, not of port 1
          elsewhere[0]: is unknown here
        ");
    }

    #[test]
    fn a_refused_token_has_its_own_exit_code() {
        let failure =
            refused("list agents", refusal(Code::Unauthenticated, "unknown token", &[]), &Origins::none());
        assert_eq!(failure.exit(), Exit::Token);
        insta::assert_snapshot!(failure, @r"
        landmarkctl: cannot list agents: the server does not accept the API token
          unknown token
        hint: landmarkctl context show tells which token was sent; landmarkctl login makes a new one
        ");
    }

    #[test]
    fn a_refusal_without_details_says_its_message() {
        let error = refusal(Code::NotFound, "no agent is called web-9", &[]);
        let failure = refused("show the agent", error, &Origins::none());
        assert_eq!(failure.exit(), Exit::Refused);
        assert_eq!(failure.to_string(), "landmarkctl: cannot show the agent: no agent is called web-9");
    }

    #[test]
    fn a_state_that_does_not_allow_it_says_what_to_do_first() {
        let error = CallError::Refused(Box::new(Refusal {
            code: Code::FailedPrecondition,
            message: "nothing has been assigned yet".into(),
            reason: Some("NOTHING_ASSIGNED".into()),
            violations: vec![],
            preconditions: vec!["assign the draft first (landmarkctl assign)".into()],
            present: None,
        }));
        insta::assert_snapshot!(refused("show the assignment", error, &Origins::none()), @r"
        landmarkctl: cannot show the assignment: nothing has been assigned yet
        hint: assign the draft first (landmarkctl assign)
        ");
    }

    #[test]
    fn of_a_changed_draft_it_is_told_who_and_what() {
        let present = Draft {
            etag: "17".into(),
            assigned_revision: Some(1),
            differs: true,
            changed_at: "2026-11-23T11:58:00Z".parse().ok(),
            changed_by: Some("mia".into()),
            settings: crate::view::draft::Settings::default(),
        };
        let change = Change {
            kind: crate::view::change::ChangeKind::Added,
            path: "reference_servers.servers[a.example]".into(),
            before: None,
            after: Some("443".into()),
        };
        let known = Known::SinceRead(vec![change]);
        insta::assert_snapshot!(stale("add this", &present, &known, &Paper::for_tests(None)), @r"
        landmarkctl: cannot add this: mia changed the draft in between (2 min ago)
          since it was read:
            + reference server a.example: 443
          its etag is 17
        hint: nothing was changed by this command; look (landmarkctl draft diff) and run it again
        ");
        let told = stale("assign the draft", &present, &Known::Unassigned(vec![]), &Paper::for_tests(None));
        assert!(told.to_string().contains("\n  it is the same as assignment 1 now\n"), "{told}");
    }

    #[test]
    fn a_lost_connection_says_that_the_outcome_is_unknown() {
        let error = CallError::Broken("connection reset".into());
        insta::assert_snapshot!(refused_change("assign the draft", error, &Origins::none()), @r"
        landmarkctl: cannot assign the draft: the connection to the server was lost
          connection reset
        hint: whether the server still did it is not known; look before doing it again
        ");
    }
}
