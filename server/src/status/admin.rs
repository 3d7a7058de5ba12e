//! From an error of administration to a gRPC status, with the details of `google.rpc` and the way out.

use std::time::Duration;

use landmark_daemon::error::Chain;
use landmark_proto::convert::time::duration_to_wire;
use landmark_proto::violation::{Path, Violations};
use prost::Message;
use prost_types::Any;
use tonic::{Code, Status};
use tonic_types::pb;
use tracing::error;

use super::DOMAIN;
use crate::access::{PasswordError, SignInError};
use crate::admin::AdminError;
use crate::admin::convert::conflict_to_wire;
use crate::store::StoreError;
use crate::store::api_tokens::ApiTokenError;
use crate::store::drafts::Draft;

/// All of a status travels in headers, which clients limit to 16 KiB (hyper, C-core), and Base64 makes a third more of it.
const MAX_DETAIL_BYTES: usize = 8 * 1024;
const MAX_MESSAGE_CHARS: usize = 1000;
/// The way out of a conflict whose draft does not fit in.
const READ_IT: &str = "read it (landmarkctl draft show, or Admin.GetDraft)";
/// After which a busy server may be asked again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

impl From<AdminError> for Status {
    fn from(error: AdminError) -> Self {
        let message = error.to_string();
        match error {
            AdminError::Unauthenticated => status(Code::Unauthenticated, &message, "API_TOKEN", vec![]),
            AdminError::NotPermitted { .. } => {
                status(Code::PermissionDenied, &message, "NOT_PERMITTED", vec![])
            }
            AdminError::Invalid(violations) => {
                status(Code::InvalidArgument, &message, "INVALID", vec![bad_request(&violations)])
            }
            AdminError::Conflict(present) => match conflict(*present) {
                Some(detail) => status(Code::Aborted, &message, "DRAFT_CHANGED", vec![detail]),
                None => {
                    let message = format!("{message}; the draft is too large to be told here: {READ_IT}");
                    status(Code::Aborted, &message, "DRAFT_CHANGED", vec![])
                }
            },
            AdminError::NoAssignment(_) => status(Code::NotFound, &message, "NO_SUCH_ASSIGNMENT", vec![]),
            AdminError::NoAgent(_) => status(Code::NotFound, &message, "NO_SUCH_AGENT", vec![]),
            AdminError::NoToken(_) => status(Code::NotFound, &message, "NO_SUCH_JOIN_TOKEN", vec![]),
            AdminError::NothingAssigned => {
                let detail = precondition(
                    "ASSIGNMENT",
                    "assignment",
                    "assign the draft first (landmarkctl assign, or Admin.Assign)",
                );
                status(Code::FailedPrecondition, &message, "NOTHING_ASSIGNED", vec![detail])
            }
            AdminError::AmbiguousAgent { .. } => {
                let violations = Violations::one(&Path::root().field("agent"), &message);
                status(Code::InvalidArgument, &message, "AMBIGUOUS_AGENT", vec![bad_request(&violations)])
            }
            AdminError::SignIn(error) => sign_in_status(&error, &message),
            AdminError::NoAccount(_) => status(Code::NotFound, &message, "NO_SUCH_ACCOUNT", vec![]),
            AdminError::AccountExists(_) => status(Code::AlreadyExists, &message, "ACCOUNT_EXISTS", vec![]),
            AdminError::LastAdministrator(name) => {
                let way_out = "make another account an administrator first (landmarkctl accounts edit, or \
                               Admin.EditAccount)";
                let detail = precondition("ACCOUNT", name.as_str(), way_out);
                status(Code::FailedPrecondition, &message, "LAST_ADMINISTRATOR", vec![detail])
            }
            AdminError::NoOwnAccount(_) => {
                let detail = precondition(
                    "ACCOUNT",
                    "caller",
                    "sign in to an account first (landmarkctl login, or Admin.SignIn)",
                );
                status(Code::FailedPrecondition, &message, "NO_ACCOUNT", vec![detail])
            }
            AdminError::NotSignedIn => status(Code::FailedPrecondition, &message, "NOT_SIGNED_IN", vec![]),
            AdminError::NoApiToken(_) => status(Code::NotFound, &message, "NO_SUCH_API_TOKEN", vec![]),
            AdminError::ApiToken(error) => api_token_status(&error, &message),
            AdminError::Password(PasswordError::Busy) => {
                status(Code::ResourceExhausted, &message, "BUSY", vec![retry_info()])
            }
            AdminError::Password(PasswordError::Failed) => {
                status(Code::Internal, &message, "PASSWORD_FAILED", vec![])
            }
            AdminError::Stopping => status(Code::Unavailable, &message, "STOPPING", vec![retry_info()]),
            AdminError::Store(error) => store_status(&error),
        }
    }
}

/// Why nobody was signed in: who does not know the password learns nothing but that.
fn sign_in_status(error: &SignInError, message: &str) -> Status {
    match error {
        SignInError::Refused => status(Code::Unauthenticated, message, "SIGN_IN_REFUSED", vec![]),
        SignInError::Busy => status(Code::ResourceExhausted, message, "BUSY", vec![retry_info()]),
        SignInError::TooManyFailures { retry_after } => {
            let detail = retry_after_info(*retry_after);
            status(Code::ResourceExhausted, message, "TOO_MANY_FAILURES", vec![detail])
        }
        SignInError::Disabled(_) => status(Code::PermissionDenied, message, "ACCOUNT_DISABLED", vec![]),
        SignInError::MustChange(name) => {
            let way_out =
                "sign in with a new password beside the present one (landmarkctl login asks for it)";
            let detail = precondition("PASSWORD", name.as_str(), way_out);
            status(Code::FailedPrecondition, message, "PASSWORD_MUST_CHANGE", vec![detail])
        }
        SignInError::NewPassword(weak) => Status::from(AdminError::new_password(weak)),
        SignInError::Failed => status(Code::Internal, message, "PASSWORD_FAILED", vec![]),
        SignInError::Store(error) => store_status(error),
    }
}

fn api_token_status(error: &ApiTokenError, message: &str) -> Status {
    match error {
        ApiTokenError::AccountChanged => status(Code::Aborted, message, "ACCOUNT_CHANGED", vec![]),
        ApiTokenError::TooMany => {
            let way_out = "landmarkctl api-tokens list, and revoke some (Admin.RevokeApiToken)";
            let detail = precondition("API_TOKENS", "account", way_out);
            status(Code::FailedPrecondition, message, "TOO_MANY_API_TOKENS", vec![detail])
        }
        ApiTokenError::Store(error) => store_status(error),
    }
}

/// What the store's trouble means for the caller: what happened, that nothing was changed, and the way out.
fn store_status(store_error: &StoreError) -> Status {
    let chain = Chain(store_error).to_string();
    if store_error.is_full() {
        error!(error = chain, "store full");
        let message = "the server's disk is full, nothing was changed: free some space in the file system of its state \
                       folder and try again";
        return status(Code::ResourceExhausted, message, "STORE_FULL", vec![]);
    }
    if store_error.is_disk_failure() {
        error!(error = chain, "store failing");
        let message =
            format!("the server cannot use its disk, nothing was changed ({chain}); its log has more");
        return status(Code::Unavailable, &message, "STORE_FAILING", vec![]);
    }
    match store_error {
        StoreError::Busy => status(
            Code::Unavailable,
            "the server has too many changes to store at the moment, nothing was changed; try again",
            "STORE_BUSY",
            vec![retry_info()],
        ),
        StoreError::Closed => status(
            Code::Unavailable,
            "the server is stopping, nothing was changed",
            "STOPPING",
            vec![retry_info()],
        ),
        StoreError::Database { .. } | StoreError::Damaged { .. } | StoreError::Newer { .. } => {
            error!(error = chain, "store failed");
            status(Code::Internal, &format!("the server's store failed: {chain}"), "STORE_FAILED", vec![])
        }
    }
}

/// `None` for a draft that is too large for a status: whoever wants it asks for it.
fn conflict(present: Draft) -> Option<Any> {
    let conflict = conflict_to_wire(present);
    let type_url = "type.googleapis.com/landmark.v1.DraftConflict".to_owned();
    (conflict.encoded_len() <= MAX_DETAIL_BYTES).then(|| Any { type_url, value: conflict.encode_to_vec() })
}

fn status(code: Code, message: &str, reason: &str, mut details: Vec<Any>) -> Status {
    let message: String = message.chars().take(MAX_MESSAGE_CHARS).collect();
    let info =
        pb::ErrorInfo { reason: reason.to_owned(), domain: DOMAIN.to_owned(), ..pb::ErrorInfo::default() };
    details.push(any("ErrorInfo", &info));
    let detailed = pb::Status { code: code.into(), message: message.clone(), details };
    Status::with_details(code, message, detailed.encode_to_vec().into())
}

/// As many violations as a status has room for, and the number of the others.
fn bad_request(violations: &Violations) -> Any {
    let all = violations.as_slice();
    let mut request = pb::BadRequest::default();
    let mut n_bytes = 0;
    for (index, violation) in all.iter().enumerate() {
        let violation = field_violation(&violation.path, &violation.message);
        n_bytes += violation.encoded_len();
        if n_bytes > MAX_DETAIL_BYTES {
            let n_more = all.len() - index;
            request.field_violations.push(field_violation("", &format!("and {n_more} more problems")));
            break;
        }
        request.field_violations.push(violation);
    }
    any("BadRequest", &request)
}

fn field_violation(field: &str, description: &str) -> pb::bad_request::FieldViolation {
    pb::bad_request::FieldViolation {
        field: field.to_owned(),
        description: description.to_owned(),
        ..pb::bad_request::FieldViolation::default()
    }
}

fn precondition(kind: &str, subject: &str, description: &str) -> Any {
    let violation = pb::precondition_failure::Violation {
        r#type: kind.to_owned(),
        subject: subject.to_owned(),
        description: description.to_owned(),
    };
    any("PreconditionFailure", &pb::PreconditionFailure { violations: vec![violation] })
}

fn retry_info() -> Any {
    retry_after_info(RETRY_AFTER)
}

fn retry_after_info(delay: Duration) -> Any {
    any("RetryInfo", &pb::RetryInfo { retry_delay: Some(duration_to_wire(delay)) })
}

fn any(name: &str, message: &impl Message) -> Any {
    Any { type_url: format!("type.googleapis.com/google.rpc.{name}"), value: message.encode_to_vec() }
}

#[cfg(test)]
mod tests;
