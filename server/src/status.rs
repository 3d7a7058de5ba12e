//! The one way from an error to a gRPC status: here of the agent plane and of enrolment, in [`admin`] of administration.
//!
//! Whether an agent tries again is decided by the code and the reason, never by the text; the text is for people.
//!
//! | Code | Reasons | Meaning for the agent |
//! |---|---|---|
//! | `UNAVAILABLE`, `RESOURCE_EXHAUSTED` | | come back after the delay in `RetryInfo`, or with back-off |
//! | `ABORTED` | `SESSION_SUPERSEDED` | another session of this identity is open |
//! | `DEADLINE_EXCEEDED` | | too slow; come back with back-off |
//! | `INVALID_ARGUMENT` | | a bug; the violations are in `BadRequest` |
//! | `PERMISSION_DENIED` | `AGENT_REMOVED`, `AGENT_UNKNOWN`, `TOKEN_…`, `KEY_REMOVED` | trying again is useless |
//! | `UNAUTHENTICATED` | `CERTIFICATE_REQUIRED` | no identity |

use std::collections::HashMap;
use std::time::Duration;

use landmark_daemon::error::Chain;
use landmark_proto::violation::Violations;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};
use tracing::error;

use crate::enrollment::EnrollmentError;
use crate::fleet::{End, RenewError, SessionRefused};
use crate::identity::tokens::RefusedToken;
use crate::store::StoreError;
use crate::store::tokens::EnrollError;

mod admin;

/// The `domain` of every `ErrorInfo`.
const DOMAIN: &str = "landmark";

impl From<End> for Status {
    fn from(end: End) -> Self {
        let text = end.to_string();
        match end {
            // Both end their stream without an error; here only so that nothing is left out.
            End::Left | End::Drained => Self::unavailable(text),
            End::Superseded => with_reason(Code::Aborted, text, "SESSION_SUPERSEDED"),
            End::Removed => with_reason(Code::PermissionDenied, text, "AGENT_REMOVED"),
            End::Unknown => with_reason(Code::PermissionDenied, text, "AGENT_UNKNOWN"),
            End::Invalid(violations) => invalid(&violations),
            End::NoHello(_) | End::Overdue(_) | End::Blocked(_) | End::Unanswered(_) => {
                Self::deadline_exceeded(text)
            }
            End::Panicked => Self::internal(text),
        }
    }
}

impl From<SessionRefused> for Status {
    fn from(refused: SessionRefused) -> Self {
        let text = refused.to_string();
        match refused {
            SessionRefused::NoIdentity => with_reason(Code::Unauthenticated, text, "CERTIFICATE_REQUIRED"),
            SessionRefused::Later(delay) | SessionRefused::TooOften(delay) => {
                retry_after(Code::Unavailable, text, delay)
            }
            SessionRefused::Stopping => Self::unavailable(text),
        }
    }
}

impl From<RenewError> for Status {
    fn from(error: RenewError) -> Self {
        let text = error.to_string();
        match error {
            RenewError::Refused(refused) => refused.into(),
            RenewError::Removed => End::Removed.into(),
            RenewError::Unknown => End::Unknown.into(),
            RenewError::Request(_) => bad_field("certificate_request", text),
            RenewError::Store(error) => store(&error),
            RenewError::Sign(_) => internal(&error),
        }
    }
}

impl From<EnrollmentError> for Status {
    fn from(error: EnrollmentError) -> Self {
        let text = error.to_string();
        match error {
            EnrollmentError::TooManyFailures(delay) => retry_after(Code::ResourceExhausted, text, delay),
            EnrollmentError::Request(_) => bad_field("certificate_request", text),
            EnrollmentError::Invalid(violations) => invalid(&violations),
            EnrollmentError::Enroll(EnrollError::Token(refused)) => {
                let reason = match refused {
                    RefusedToken::Unknown => "TOKEN_UNKNOWN",
                    RefusedToken::Expired => "TOKEN_EXPIRED",
                    RefusedToken::UsedUp { .. } => "TOKEN_USED_UP",
                    RefusedToken::Revoked => "TOKEN_REVOKED",
                };
                with_reason(Code::PermissionDenied, text, reason)
            }
            EnrollmentError::Enroll(EnrollError::RemovedKey) => {
                with_reason(Code::PermissionDenied, text, "KEY_REMOVED")
            }
            EnrollmentError::Enroll(EnrollError::Store(error)) => store(&error),
            EnrollmentError::Sign(_) => internal(&error),
        }
    }
}

/// A peer without rights learns that the store failed, not how.
fn store(error: &StoreError) -> Status {
    if !error.is_temporary() {
        error!(error = %Chain(error), "store failed");
    }
    Status::unavailable("the server cannot store anything at the moment; try again later")
}

/// Not the peer's fault, and nothing that it should know.
fn internal(error: &dyn std::error::Error) -> Status {
    error!(error = %Chain(error), "request failed");
    Status::internal("the server failed; its log says why")
}

fn with_reason(code: Code, text: String, reason: &str) -> Status {
    let details = ErrorDetails::with_error_info(reason, DOMAIN, HashMap::<String, String>::new());
    Status::with_error_details(code, text, details)
}

fn retry_after(code: Code, text: String, delay: Duration) -> Status {
    Status::with_error_details(code, text, ErrorDetails::with_retry_info(Some(delay)))
}

fn bad_field(field: &str, text: String) -> Status {
    let details = ErrorDetails::with_bad_request_violation(field, text.as_str());
    Status::with_error_details(Code::InvalidArgument, text, details)
}

fn invalid(violations: &Violations) -> Status {
    // All of it travels in headers, which clients limit to 16 KiB: the first violations have to do.
    let cut = |text: &str, max| text.chars().take(max).collect::<String>();
    let fields = violations
        .as_slice()
        .iter()
        .take(20)
        .map(|violation| FieldViolation::new(cut(&violation.path, 100), cut(&violation.message, 200)))
        .collect::<Vec<_>>();
    let text = cut(&violations.to_string(), 500);
    Status::with_error_details(Code::InvalidArgument, text, ErrorDetails::with_bad_request(fields))
}
