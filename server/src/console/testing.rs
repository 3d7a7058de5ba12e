//! The console without a socket, for tests of its pages: the real router over a real administration, in one process.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header, request};
use axum::response::Response;
use landmark_daemon::durable;
use landmark_daemon::tasks::Tasks;
use landmark_proto::wire;
use landmark_proto::wire::edit::{AddReferenceServer, Kind};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::fields::Fields;
use super::flash::Flashes;
use super::gate::COOKIE;
use super::visit::Visit;
use super::{Console, Shared, live, mounted};
use crate::access::token_file::{self, TokenFile};
use crate::access::{
    AccountName, Authenticator, Caller, CallerKind, Password, Role, SessionKey, SessionLimits,
};
use crate::admin::{self, Administration};
use crate::fleet::{self, FleetConfig};
use crate::identity::{Authority, KnownFleet};
use crate::settings::MaxServers;
use crate::store::Store;
use crate::store::drafts::Author;

const TOKEN: &str = "landmark_admin_0123456789abcdef0123456789abcdef";

/// The pages, asked for by whoever has the token of the first start.
pub(super) struct Pages {
    pub(super) console: Console,
    router: Router,
    _tasks: Tasks,
    _folder: TempDir,
}

impl Pages {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let token_file = folder.path().join(token_file::FILE);
        durable::write(&token_file, TOKEN.as_bytes(), durable::Mode::Private).unwrap();
        let store = Store::open(&folder.path().join("landmark.db")).await.unwrap();
        let mut tasks = Tasks::new();
        let assignments = crate::assignments::spawn(&mut tasks, store.clone()).await.unwrap();
        let known = KnownFleet { fleet_id: store.fleet_id(), pin: None };
        let authority = Arc::new(Authority::open(folder.path(), known).unwrap());
        let authority_pin = authority.pin();
        let parts = fleet::Parts {
            store: store.clone(),
            authority,
            published_rx: assignments.subscribe(),
            config: FleetConfig::default(),
        };
        let fleet = fleet::spawn(&mut tasks, parts).await.unwrap();
        let stop = CancellationToken::new();
        let token_file = TokenFile::open(folder.path()).unwrap();
        let limits = SessionLimits::default();
        let authenticator =
            Arc::new(Authenticator::open(store.clone(), token_file, limits, folder.path()).await.unwrap());
        let administration = Arc::new(Administration::new(admin::Parts {
            fleet,
            store,
            assignments,
            max_servers: MaxServers::default(),
            authority_pin,
            enrollment: vec!["hq.example:7444".parse().unwrap()],
            authenticator: Arc::clone(&authenticator),
            stop: stop.clone(),
        }));
        let live = live::spawn(&mut tasks, &administration, stop);
        let console =
            Console(Arc::new(Shared { administration, authenticator, live, flashes: Flashes::default() }));
        let router = mounted(console.clone()).finish();
        Self { console, router, _tasks: tasks, _folder: folder }
    }

    pub(super) async fn get(&self, path: &str) -> (StatusCode, String) {
        let (status, _, text) = self.call(Request::get(path), Body::empty()).await;
        (status, text)
    }

    pub(super) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> (StatusCode, HeaderMap, String) {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.call(Request::post(path), Body::from(form)).await
    }

    async fn call(&self, request: request::Builder, body: Body) -> (StatusCode, HeaderMap, String) {
        self.send(request.header(header::AUTHORIZATION, format!("Bearer {TOKEN}")), body).await
    }

    /// A request as it is, of whomever it says.
    pub(super) async fn send(
        &self,
        request: request::Builder,
        body: Body,
    ) -> (StatusCode, HeaderMap, String) {
        let response = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let headers = response.headers().clone();
        let (status, text) = read(response).await;
        (status, headers, text)
    }

    /// The cookie of someone with this role, who has just signed in.
    pub(super) async fn signed_in(&self, role: Role) -> String {
        let authenticator = self.console.authenticator();
        let name: AccountName = role.name().parse().unwrap();
        let author = Author::from("test".to_owned());
        let (_, password) = authenticator.create_account(name.clone(), role, author).await.unwrap();
        let password = Password::presented(password.reveal().to_owned());
        let new = Some("a good long sentence".to_owned());
        let signed_in = authenticator.sign_in(name.as_str(), password, new, None).await.unwrap();
        let cookie = authenticator.open_session(&signed_in).await.unwrap().unwrap();
        format!("{COOKIE}={}", cookie.reveal())
    }

    /// A request of someone with this role, as handlers get it once the gate has let it in.
    pub(super) fn visit(&self, role: Role, path: &str) -> Visit {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let now = std::time::SystemTime::now();
        Visit {
            caller: Caller {
                author: role.name().to_owned().into(),
                role,
                kind: CallerKind::Session { session: SessionKey([7; 32]), expires_at: now },
            },
            path: path.to_owned(),
            query: Fields::from_bytes(query.as_bytes()),
            now,
        }
    }

    /// The draft's present etag.
    pub(super) async fn etag(&self) -> String {
        self.console.admin().drafts.get().await.unwrap().etag
    }

    /// Edits the draft as somebody else.
    pub(super) async fn edit(&self, by: &str, kind: Kind) -> wire::Draft {
        let edits = vec![wire::Edit { kind: Some(kind) }];
        let request = wire::EditDraftRequest { etag: String::new(), edits };
        self.console.admin().drafts.edit(request, Author::from(by.to_owned())).await.unwrap()
    }

    /// Makes the draft the next assignment; its revision.
    pub(super) async fn assign(&self, note: &str) -> u64 {
        let request = wire::AssignRequest { etag: String::new(), note: note.to_owned() };
        let assigned = self.console.admin().assignments.assign(request, Author::from("mia".to_owned())).await;
        assigned.unwrap().assignment.unwrap().revision
    }
}

/// What a response says.
pub(super) async fn read(response: Response) -> (StatusCode, String) {
    let status = response.status();
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

/// The value of the first hidden field of this name.
pub(super) fn hidden<'a>(html: &'a str, name: &str) -> &'a str {
    let start = format!("<input type=\"hidden\" name=\"{name}\" value=\"");
    let (_, rest) = html.split_once(&start).unwrap_or_else(|| panic!("no hidden field {name} in {html}"));
    rest.split_once('"').unwrap().0
}

pub(super) async fn text_of(response: Response) -> String {
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Where a form leads after it was done.
pub(super) fn location(headers: &HeaderMap) -> &str {
    headers[header::LOCATION].to_str().unwrap()
}

pub(super) fn add(host: &str, ports: &[u32]) -> Kind {
    Kind::AddReferenceServer(AddReferenceServer {
        host: host.to_owned(),
        ports: ports.to_vec(),
        position: None,
        tls: None,
    })
}
