//! In front of every page: who is it, may they, and does the form come from one of our own pages.
//!
//! A session is a cookie that scripts cannot read and other sites cannot send. What changes anything must besides carry the
//! session's own proof, which only our pages have, and must not say that another site sent it.

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::State;
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use landmark_daemon::error::Chain;
use tokio::time::timeout;
use tracing::warn;

use super::Console;
use super::fields::Fields;
use super::problem::{self, Problem};
use super::visit;
use crate::access::{Access, Caller, CallerKind};

/// A whole firewall policy with 255 KiB of exceptions, typed into a form.
const MAX_FORM_BYTES: usize = 512 * 1024;
/// A name and three passwords: what a stranger may make the server hold.
const MAX_STRANGERS_FORM_BYTES: usize = 8 * 1024;
/// For a form to arrive, over the worst line that somebody still works over.
const FORM_TIMEOUT: Duration = Duration::from_secs(20);
/// The prefix makes browsers insist on `Secure`, the path `/` and this very host.
pub(super) const COOKIE: &str = "__Host-landmark";
/// The field of a form that carries the session's proof.
pub(super) const PROOF: &str = "csrf";

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const HEADERS: [(HeaderName, &str); 7] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    ),
];

/// One route's gate.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) console: Console,
    /// `None`: nobody said whom the route is for, and so it is for nobody.
    pub(super) access: Option<Access>,
}

/// The middleware.
pub(super) async fn admit(State(entry): State<Entry>, request: Request<Body>, next: Next) -> Response {
    let is_fragment = visit::is_fragment(request.headers());
    let mut response = match entry.check(request).await {
        Ok(request) => next.run(request).await,
        Err(Stop::Answer(response)) => response,
        Err(Stop::Problem(problem)) if is_fragment => problem.into_fragment(),
        Err(Stop::Problem(problem)) => problem.into_response(),
    };
    let is_error = response.status().is_client_error() || response.status().is_server_error();
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // Pages show what only their reader may see; assets say otherwise for themselves.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if is_error {
        // What was refused is not a place to come back to.
        headers.insert(HeaderName::from_static("hx-push-url"), HeaderValue::from_static("false"));
    }
    response
}

/// Why a request goes no further.
enum Stop {
    Answer(Response),
    Problem(Problem),
}

impl<P: Into<Problem>> From<P> for Stop {
    fn from(problem: P) -> Self {
        Self::Problem(problem.into())
    }
}

impl Entry {
    async fn check(&self, request: Request<Body>) -> Result<Request<Body>, Stop> {
        let (mut parts, body) = request.into_parts();
        let caller = caller(&self.console, &parts.headers).await?;
        if let Err(refusal) = self.may(caller.as_ref(), parts.method == Method::POST) {
            return Err(match refusal {
                Refusal::SignIn if visit::is_fragment(&parts.headers) => Problem::SignedOut.into(),
                Refusal::SignIn if parts.method == Method::GET => Stop::Answer(to_sign_in(&parts.uri)),
                Refusal::SignIn => Problem::SignedOut.into(),
                Refusal::Problem(problem) => problem.into(),
            });
        }
        let fields = if parts.method == Method::POST {
            refuse_foreign(&parts.headers, &parts.uri)?;
            let is_for_anyone = self.access == Some(Access::Anyone);
            let most = if is_for_anyone { MAX_STRANGERS_FORM_BYTES } else { MAX_FORM_BYTES };
            let fields = Fields::from_bytes(&read(body, most).await?);
            // Whoever signs in anew has the form of no session.
            if !is_for_anyone {
                refuse_without_proof(caller.as_ref(), &fields)?;
            }
            fields
        } else {
            Fields::default()
        };
        if let Some(caller) = caller {
            parts.extensions.insert(caller);
        }
        parts.extensions.insert(fields);
        Ok(Request::from_parts(parts, Body::empty()))
    }

    fn may(&self, caller: Option<&Caller>, is_change: bool) -> Result<(), Refusal> {
        match (self.access, caller) {
            (Some(Access::Anyone), _) | (Some(Access::SignedIn), Some(_)) => Ok(()),
            (Some(Access::Needs(permission)), Some(caller)) if caller.may(permission) => Ok(()),
            (Some(Access::Needs(permission)), Some(caller)) => {
                Err(Refusal::Problem(Problem::NotPermitted { permission, caller: caller.clone(), is_change }))
            }
            (Some(Access::SignedIn | Access::Needs(_)), None) => Err(Refusal::SignIn),
            (None, _) => Err(Refusal::Problem(Problem::NotFound)),
        }
    }
}

/// Who asks, by what their browser or program sends.
pub(super) async fn caller(console: &Console, headers: &HeaderMap) -> Result<Option<Caller>, Problem> {
    let authenticator = console.authenticator();
    let found = if let Some(cookie) = cookie(headers) {
        // What a page does by itself keeps nobody signed in.
        if visit::is_by_itself(headers) {
            authenticator.session_in_background(cookie).await
        } else {
            authenticator.session(cookie).await
        }
    } else if let Some(token) = bearer(headers) {
        authenticator.bearer(token).await
    } else {
        Ok(None)
    };
    found.map_err(|error| {
        warn!(error = %Chain(&error), "console cannot tell who calls");
        Problem::Unavailable
    })
}

enum Refusal {
    SignIn,
    Problem(Problem),
}

/// To the page that signs in, and back here afterwards.
fn to_sign_in(uri: &Uri) -> Response {
    let here = uri.path_and_query().map_or("/", |place| place.as_str());
    let to = if here == "/" {
        "/sign-in".to_owned()
    } else {
        format!("/sign-in?next={}", super::format::encoded(here))
    };
    Redirect::to(&to).into_response()
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let values = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, value)| value)
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.as_bytes().split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}

/// Browsers say where a request comes from (Fetch Metadata), older ones only which origin had the form.
fn refuse_foreign(headers: &HeaderMap, uri: &Uri) -> Result<(), Problem> {
    let is_ours = match (headers.get(SEC_FETCH_SITE), headers.get(header::ORIGIN)) {
        (Some(site), _) => site == "same-origin",
        (None, Some(origin)) => {
            let host = uri.authority().map(|authority| authority.as_str());
            let host = host.or_else(|| headers.get(header::HOST).and_then(|host| host.to_str().ok()));
            let origin = origin.to_str().ok().and_then(|origin| origin.strip_prefix("https://"));
            origin.is_some() && origin == host
        }
        // Not a browser, and so nobody's cookie against their will.
        (None, None) => true,
    };
    if is_ours { Ok(()) } else { Err(Problem::Foreign) }
}

async fn read(body: Body, most: usize) -> Result<Bytes, Problem> {
    let read = timeout(FORM_TIMEOUT, to_bytes(body, most)).await.map_err(|_| Problem::TooSlow)?;
    read.map_err(|_| Problem::TooLarge)
}

fn refuse_without_proof(caller: Option<&Caller>, fields: &Fields) -> Result<(), Problem> {
    let Some(Caller { kind: CallerKind::Session { session, .. }, .. }) = caller else { return Ok(()) };
    if session.is_proved_by(fields.text(PROOF)) { Ok(()) } else { Err(Problem::Stale) }
}

/// A fragment of a page that is not there.
pub(super) fn not_found() -> Response {
    problem::plain(StatusCode::NOT_FOUND, "There is no such page.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn the_session_is_found_among_other_cookies() {
        let all = headers(&[(header::COOKIE, "a=b; __Host-landmark=secret; c=d")]);
        assert_eq!(cookie(&all), Some("secret"));
        assert_eq!(cookie(&headers(&[(header::COOKIE, "landmark=secret")])), None);
        assert_eq!(cookie(&HeaderMap::new()), None);
    }

    #[test]
    fn a_form_of_another_site_is_refused() {
        let uri: Uri = "https://hq.example:7445/location/rules".parse().unwrap();
        let is_ours = |pairs: &[(HeaderName, &str)]| refuse_foreign(&headers(pairs), &uri).is_ok();
        assert!(is_ours(&[(SEC_FETCH_SITE, "same-origin"), (header::ORIGIN, "https://hq.example:7445")]));
        assert!(is_ours(&[(header::ORIGIN, "https://hq.example:7445")]));
        assert!(is_ours(&[]));
        for foreign in ["same-site", "cross-site", "none"] {
            assert!(!is_ours(&[(SEC_FETCH_SITE, foreign)]), "{foreign}");
        }
        for foreign in ["https://hq.example", "http://hq.example:7445", "https://evil.example", "null"] {
            assert!(!is_ours(&[(header::ORIGIN, foreign)]), "{foreign}");
        }
    }

    #[test]
    fn whoever_has_to_sign_in_comes_back_to_where_they_were() {
        let to = |uri: &str| {
            let response = to_sign_in(&uri.parse().unwrap());
            response.headers()[header::LOCATION].to_str().unwrap().to_owned()
        };
        assert_eq!(to("https://hq.example/"), "/sign-in");
        assert_eq!(
            to("/agents?text=a&location=external"),
            "/sign-in?next=%2Fagents%3Ftext%3Da%26location%3Dexternal"
        );
    }
}
