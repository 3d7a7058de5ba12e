//! Who may call: everything needs the API token, except asking for health. One place in front of all services, so that
//! a service that is added later is guarded too.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, Response, header};
use axum::middleware::{Next, from_fn_with_state};
use landmark_proto::wire::admin_server;
use tonic::service::Routes;
use tonic::{Code, Status};
use tracing::warn;

use super::error::AdminError;
use super::token::ApiToken;
use crate::edge::PeerAddress;
use crate::metrics;
use crate::store::drafts::Author;

/// Whoever has the token of the first start.
const ADMINISTRATOR: &str = "admin";
/// Anyone can be refused as often as they like; the log tells it this often.
const WARN_INTERVAL: Duration = Duration::from_secs(60);
const HEALTH: &str = "/grpc.health.v1.Health/";

#[derive(Debug)]
struct Guard {
    token: ApiToken,
    last_warning: Mutex<Option<Instant>>,
}

/// Puts the guard in front of everything in `routes`. Behind it every request carries its [`Author`].
pub(super) fn guarded(routes: Routes, token: ApiToken) -> Routes {
    let guard = Arc::new(Guard { token, last_warning: Mutex::new(None) });
    let router: Router = routes.into_axum_router().layer(from_fn_with_state(guard, check));
    router.into()
}

async fn check(State(guard): State<Arc<Guard>>, mut request: Request<Body>, next: Next) -> Response<Body> {
    let method = method_name(request.uri().path());
    let response = if request.uri().path().starts_with(HEALTH) {
        next.run(request).await
    } else if guard.admits(&request) {
        request.extensions_mut().insert(Author::from(ADMINISTRATOR.to_owned()));
        next.run(request).await
    } else {
        guard.warn(request.extensions().get::<PeerAddress>());
        Status::from(AdminError::Unauthenticated).into_http()
    };
    metrics::admin_call(method, code_name(&response));
    response
}

impl Guard {
    /// RFC 6750: `Authorization: Bearer TOKEN`, the scheme in any case.
    fn admits(&self, request: &Request<Body>) -> bool {
        let Some(value) = request.headers().get(header::AUTHORIZATION) else { return false };
        let Some((scheme, token)) = value.as_bytes().split_at_checked("Bearer ".len()) else { return false };
        scheme.eq_ignore_ascii_case(b"Bearer ") && self.token.is(token.trim_ascii())
    }

    fn warn(&self, peer: Option<&PeerAddress>) {
        let now = Instant::now();
        let mut last = self.last_warning.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|last| now.duration_since(last) >= WARN_INTERVAL) {
            *last = Some(now);
            let peer = peer.map(|PeerAddress(address)| address.to_string());
            warn!(peer, "administration refused: no valid API token");
        }
    }
}

/// The contract's own name of a method, so that a caller cannot invent labels.
fn method_name(path: &str) -> &'static str {
    let method = path
        .strip_prefix('/')
        .and_then(|path| path.split_once('/'))
        .filter(|(service, _)| *service == admin_server::SERVICE_NAME);
    METHODS.iter().find(|name| method.is_some_and(|(_, method)| method == **name)).copied().unwrap_or("other")
}

const METHODS: &[&str] = &[
    "GetServerInfo",
    "GetDraft",
    "EditDraft",
    "DiscardDraft",
    "DiffDraft",
    "LintDraft",
    "Assign",
    "AssignAgain",
    "ListAssignments",
    "GetAssignment",
    "DiffAssignments",
    "WatchAssignment",
    "ListAgents",
    "GetAgent",
    "WatchAgents",
    "RecheckAgents",
    "ListAgentEvidence",
    "GetReferenceServerHealth",
    "SweepReferenceServers",
    "WhichFirewallProfile",
    "ListFirewallHits",
    "RemoveAgent",
    "CreateJoinToken",
    "ListJoinTokens",
    "RevokeJoinToken",
];

/// A refusal stands in the headers; what went well, or ends later as a stream, does not.
fn code_name(response: &Response<Body>) -> &'static str {
    let code = response
        .headers()
        .get(Status::GRPC_STATUS)
        .map_or(Code::Ok, |value| Code::from_bytes(value.as_bytes()));
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;

    #[test]
    fn every_method_of_the_contract_has_a_label_and_no_other() {
        let set = prost_types::FileDescriptorSet::decode(landmark_proto::wire::DESCRIPTORS).unwrap();
        let admin =
            set.file.iter().flat_map(|file| &file.service).find(|service| service.name() == "Admin").unwrap();
        let methods: Vec<&str> = admin.method.iter().map(|method| method.name()).collect();
        assert_eq!(methods, METHODS);
        assert_eq!(method_name("/landmark.v1.Admin/Assign"), "Assign");
        assert_eq!(method_name("/landmark.v1.Admin/Invented"), "other");
        assert_eq!(method_name("/landmark.v1.Fleet/Assign"), "other");
    }

    fn admits(headers: &[(&str, &str)]) -> bool {
        let folder = tempfile::tempdir().unwrap();
        let token = "x".repeat(40);
        let path = folder.path().join(super::super::token::FILE);
        landmark_daemon::durable::write(&path, token.as_bytes(), landmark_daemon::durable::Mode::Private)
            .unwrap();
        let guard = Guard { token: ApiToken::open(folder.path()).unwrap(), last_warning: Mutex::new(None) };
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        guard.admits(&request.body(Body::empty()).unwrap())
    }

    #[test]
    fn only_the_token_as_a_bearer_gets_in() {
        let token = "x".repeat(40);
        assert!(admits(&[("authorization", &format!("Bearer {token}"))]));
        assert!(admits(&[("authorization", &format!("bearer {token}"))]));
        assert!(!admits(&[]));
        assert!(!admits(&[("authorization", &token)]));
        assert!(!admits(&[("authorization", "Bearer ")]));
        assert!(!admits(&[("authorization", &format!("Basic {token}"))]));
        assert!(!admits(&[("authorization", &format!("Bearer {token}x"))]));
    }
}
