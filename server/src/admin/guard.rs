//! Who may call: everything needs a caller who has the permission, except asking for health and signing in. One place in
//! front of all services, so that a service that is added later is guarded too.

use std::future::pending;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, Response, header};
use axum::middleware::{Next, from_fn_with_state};
use http_body_util::Limited;
use landmark_proto::wire::admin_server;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tonic::service::Routes;
use tonic::{Code, Status};
use tracing::warn;
use zeroize::Zeroizing;

use super::error::AdminError;
use crate::access::{Access, Authenticator, Caller, rpc};
use crate::edge::PeerAddress;
use crate::metrics;

mod lasting;

/// Anyone can be refused as often as they like; the log tells it this often.
const WARN_INTERVAL: Duration = Duration::from_secs(60);
/// A name, two passwords, and what the token is for: what a stranger may make the server hold.
const MAX_STRANGERS_BYTES: usize = 16 * 1024;
/// For such a call to arrive and be answered, its place in the queue of passwords included.
const STRANGERS_TIMEOUT: Duration = Duration::from_secs(30);
const HEALTH: &str = "/grpc.health.v1.Health/";
const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/";

#[derive(Debug)]
struct Guard {
    authenticator: Arc<Authenticator>,
    last_warning: Mutex<Option<Instant>>,
}

/// Puts the guard in front of everything in `routes`. Behind it every request carries its
/// [`Caller`](crate::access::Caller).
pub(super) fn guarded(routes: Routes, authenticator: Arc<Authenticator>) -> Router {
    let guard = Arc::new(Guard { authenticator, last_warning: Mutex::new(None) });
    routes.into_axum_router().layer(from_fn_with_state(guard, check))
}

async fn check(State(guard): State<Arc<Guard>>, mut request: Request<Body>, next: Next) -> Response<Body> {
    let (method, access) = access_of(request.uri().path());
    // From before the look, so that no change in between is missed.
    let changes = guard.authenticator.changes();
    let response = match guard.admit(&mut request, access).await {
        Ok(None) if method == "other" => next.run(request).await,
        Ok(None) => strangers_call(request, next).await,
        Ok(Some(admitted)) => {
            let lost = admitted.until_lost(Arc::clone(&guard.authenticator), changes);
            next.run(request).await.map(|body| lasting::until(body, lost))
        }
        Err(refusal) => {
            if matches!(refusal, AdminError::Unauthenticated) {
                guard.warn(request.extensions().get::<PeerAddress>());
            }
            Status::from(refusal).into_http()
        }
    };
    metrics::admin_call(method, code_name(&response));
    response
}

/// A call of the service by someone who has shown nothing yet: short, and soon over. (Asking for health may go on.)
async fn strangers_call(request: Request<Body>, next: Next) -> Response<Body> {
    let request = request.map(|body| Body::new(Limited::new(body, MAX_STRANGERS_BYTES)));
    let answered = timeout(STRANGERS_TIMEOUT, next.run(request)).await;
    answered.unwrap_or_else(|_| Status::deadline_exceeded("the call did not arrive in time").into_http())
}

/// For whom a path is. What is not known is for nobody; strangers are not told so.
fn access_of(path: &str) -> (&'static str, Option<Access>) {
    if path.starts_with(HEALTH) {
        return ("other", Some(Access::Anyone));
    }
    if path.starts_with(REFLECTION) {
        return ("other", Some(Access::SignedIn));
    }
    let method = path
        .strip_prefix('/')
        .and_then(|path| path.split_once('/'))
        .filter(|(service, _)| *service == admin_server::SERVICE_NAME)
        .and_then(|(_, method)| rpc(method));
    method.map_or(("other", None), |(name, access)| (name, Some(access)))
}

impl Guard {
    /// What can be lost again; `None` for what needs nobody's permission.
    async fn admit(
        &self,
        request: &mut Request<Body>,
        access: Option<Access>,
    ) -> Result<Option<Admitted>, AdminError> {
        if access == Some(Access::Anyone) {
            return Ok(None);
        }
        let token = bearer(request).ok_or(AdminError::Unauthenticated)?;
        let caller = admit(&self.authenticator, token, access).await?;
        let admitted =
            Admitted { token: Zeroizing::new(token.to_vec()), access, expires_at: caller.kind.expires_at() };
        request.extensions_mut().insert(caller);
        Ok(Some(admitted))
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

/// Who has a token, if they have what it takes.
async fn admit(
    authenticator: &Authenticator,
    token: &[u8],
    access: Option<Access>,
) -> Result<Caller, AdminError> {
    let caller = authenticator.bearer(token).await?.ok_or(AdminError::Unauthenticated)?;
    match access {
        // Answered by the service itself: there is no such method.
        None | Some(Access::Anyone | Access::SignedIn) => Ok(caller),
        Some(Access::Needs(permission)) if caller.may(permission) => Ok(caller),
        Some(Access::Needs(permission)) => Err(AdminError::NotPermitted { permission, caller }),
    }
}

/// A caller who was let in, for an answer that may go on for days.
struct Admitted {
    token: Zeroizing<Vec<u8>>,
    access: Option<Access>,
    expires_at: Option<SystemTime>,
}

impl Admitted {
    /// Waits until they would not be let in any more, and says why.
    async fn until_lost(
        self,
        authenticator: Arc<Authenticator>,
        mut changes: watch::Receiver<()>,
    ) -> AdminError {
        let Self { token, access, expires_at } = self;
        let expired = async {
            match expires_at {
                Some(at) => sleep(at.duration_since(SystemTime::now()).unwrap_or_default()).await,
                None => pending().await,
            }
        };
        let mut expired = pin!(expired);
        loop {
            tokio::select! {
                biased;
                () = &mut expired => return AdminError::Unauthenticated,
                changed = changes.changed() => {
                    if changed.is_err() {
                        return AdminError::Stopping;
                    }
                }
            }
            if let Err(lost) = admit(&authenticator, &token, access).await {
                return lost;
            }
        }
    }
}

/// RFC 6750: `Authorization: Bearer TOKEN`, the scheme in any case.
fn bearer(request: &Request<Body>) -> Option<&[u8]> {
    let value = request.headers().get(header::AUTHORIZATION)?;
    let (scheme, token) = value.as_bytes().split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}

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
    use super::*;

    #[test]
    fn a_method_has_the_label_of_the_contract_and_no_other() {
        let label = |path| access_of(path).0;
        assert_eq!(label("/landmark.v1.Admin/Assign"), "Assign");
        assert_eq!(label("/landmark.v1.Admin/Invented"), "other");
        assert_eq!(label("/landmark.v1.Fleet/Assign"), "other");
        assert_eq!(access_of("/landmark.v1.Admin/Invented").1, None);
    }

    fn token_of(headers: &[(&str, &str)]) -> Option<String> {
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).unwrap();
        bearer(&request).map(|token| String::from_utf8(token.to_vec()).unwrap())
    }

    #[test]
    fn a_token_is_shown_as_a_bearer() {
        let token = Some("x".repeat(40));
        assert_eq!(token_of(&[("authorization", &format!("Bearer {}", "x".repeat(40)))]), token);
        assert_eq!(token_of(&[("authorization", &format!("bearer {}", "x".repeat(40)))]), token);
        assert_eq!(token_of(&[]), None);
        assert_eq!(token_of(&[("authorization", &"x".repeat(40))]), None);
        assert_eq!(token_of(&[("authorization", "Bearer ")]), Some(String::new()));
        assert_eq!(token_of(&[("authorization", &format!("Basic {}", "x".repeat(40)))]), None);
    }
}
