//! What a call that did not succeed says: a refusal of the server with its details, or a connection that broke.

use std::error::Error;
use std::io;

use landmark_daemon::error::Chain;
use landmark_proto::wire;
use prost::Message as _;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::view::Violation;
use crate::view::draft::Draft;

/// The type name of the detail that a stale etag brings.
const DRAFT_CONFLICT: &str = "landmark.v1.DraftConflict";

/// A call did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// The server said no.
    #[error("{}", .0.message)]
    Refused(Box<Refusal>),
    /// No answer within the limit.
    #[error("no answer within {} s", super::CALL_LIMIT.as_secs())]
    NoAnswer,
    /// The connection broke before anything was heard: it may be another service.
    #[error("{0}")]
    NeverSpoke(String),
    /// The connection broke, or the peer does not speak gRPC.
    #[error("{0}")]
    Broken(String),
}

/// The server's "no", with all its details.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: Code,
    pub(crate) message: String,
    /// For programs, such as `PASSWORD_MUST_CHANGE`.
    pub(crate) reason: Option<String>,
    pub(crate) violations: Vec<Violation>,
    /// What would have to be done first.
    pub(crate) preconditions: Vec<String>,
    /// The present draft, when the etag was stale.
    pub(crate) present: Option<Box<Draft>>,
}

impl From<Status> for CallError {
    fn from(status: Status) -> Self {
        // A status with a cause was made on this side of the wire.
        if let Some(cause) = status.source() {
            return Self::Broken(why(cause));
        }
        let details = status.get_error_details();
        let violations = details
            .bad_request()
            .map(|request| request.field_violations.iter())
            .into_iter()
            .flatten()
            .map(|violation| Violation {
                path: violation.field.clone(),
                message: violation.description.clone(),
            })
            .collect();
        let preconditions = details
            .precondition_failure()
            .map(|failure| failure.violations.iter())
            .into_iter()
            .flatten()
            .map(|violation| violation.description.clone())
            .collect();
        Self::Refused(Box::new(Refusal {
            code: status.code(),
            message: status.message().to_owned(),
            reason: details.error_info().map(|info| info.reason.clone()),
            violations,
            preconditions,
            present: present_draft(status.details()).map(Box::new),
        }))
    }
}

/// A peer that just goes away is the common case; TLS has many more words for it.
fn why(cause: &(dyn Error + 'static)) -> String {
    let mut closed = false;
    let mut next = Some(cause);
    while let Some(error) = next {
        // h2 keeps its cause to itself.
        let system = error
            .downcast_ref::<io::Error>()
            .or_else(|| error.downcast_ref::<h2::Error>().and_then(h2::Error::get_io));
        closed |= system.is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof);
        next = error.source();
    }
    if closed { "the server closed it".to_owned() } else { Chain(cause).to_string() }
}

fn present_draft(details: &[u8]) -> Option<Draft> {
    let status = tonic_types::Status::decode(details).ok()?;
    let conflict =
        status.details.iter().find(|any| any.type_url.rsplit('/').next() == Some(DRAFT_CONFLICT))?;
    let wire::DraftConflict { present } = wire::DraftConflict::decode(conflict.value.as_slice()).ok()?;
    present.map(Draft::from)
}

#[cfg(test)]
mod tests {
    use tonic_types::{ErrorDetails, pb};

    use super::*;

    fn refusal(status: Status) -> Refusal {
        match CallError::from(status) {
            CallError::Refused(refusal) => *refusal,
            error @ (CallError::NoAnswer | CallError::NeverSpoke(_) | CallError::Broken(_)) => {
                panic!("{error:?}")
            }
        }
    }

    #[test]
    fn every_field_violation_and_precondition_is_kept_in_order() {
        let mut details = ErrorDetails::new();
        details.add_bad_request_violation("edits[0].add_reference_server.ports[0]", "0 is not a port");
        details.add_bad_request_violation("edits[0].add_reference_server.ports[1]", "70000 is not a port");
        details.add_precondition_failure_violation("STATE", "assignment", "there is none yet");
        let refusal = refusal(Status::with_error_details(Code::InvalidArgument, "2 problems", details));
        let paths: Vec<&str> = refusal.violations.iter().map(|violation| violation.path.as_str()).collect();
        assert_eq!(
            paths,
            ["edits[0].add_reference_server.ports[0]", "edits[0].add_reference_server.ports[1]"]
        );
        assert_eq!(refusal.preconditions[0], "there is none yet");
        assert_eq!(refusal.present, None);
    }

    #[test]
    fn a_stale_etag_brings_the_present_draft() {
        let present = wire::Draft { etag: "7".into(), changed_by: "mia".into(), ..wire::Draft::default() };
        let conflict = wire::DraftConflict { present: Some(present) };
        let any = prost_types::Any {
            type_url: "type.googleapis.com/landmark.v1.DraftConflict".into(),
            value: conflict.encode_to_vec(),
        };
        let status = pb::Status { code: Code::Aborted.into(), message: "stale".into(), details: vec![any] };
        let status = Status::with_details(Code::Aborted, "stale", status.encode_to_vec().into());
        let present = refusal(status).present.unwrap();
        assert_eq!((present.etag.as_str(), present.changed_by.as_deref()), ("7", Some("mia")));
    }

    #[test]
    fn a_broken_connection_is_no_refusal() {
        let status = Status::from_error(Box::new(io::Error::from(io::ErrorKind::ConnectionReset)));
        assert!(matches!(CallError::from(status), CallError::Broken(text) if text == "connection reset"));
    }
}
