//! The console in process, for the tests of its pages.

use std::sync::Arc;
use std::time::SystemTime;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::response::Response;
use landmark_daemon::tasks::Tasks;
use landmark_proto::wire;
use landmark_proto::wire::edit::{AddReferenceServer, Kind};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::fields::Fields;
use super::visit::Visit;
use super::{Console, Parts, mounted, open};
use crate::access::token_file::{self, TokenFile};
use crate::access::{Authenticator, Caller, CallerKind, Role};
use crate::admin::{self, Administration};
use crate::fleet::{self, FleetConfig};
use crate::identity::{Authority, KnownFleet};
use crate::settings::MaxServers;
use crate::store::Store;
use crate::store::drafts::Author;

const TOKEN: &str = "landmark_admin_0123456789abcdef0123456789abcdef";

/// Every page, behind its gate, without a socket.
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
        let private = landmark_daemon::durable::Mode::Private;
        landmark_daemon::durable::write(&token_file, TOKEN.as_bytes(), private).unwrap();
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
        let parts = admin::Parts {
            fleet,
            store,
            assignments,
            max_servers: MaxServers::default(),
            authority_pin,
            enrollment: vec!["hq.example:7444".parse().unwrap()],
            stop: stop.clone(),
        };
        let administration = Arc::new(Administration::new(parts));
        let authenticator = Arc::new(Authenticator::new(TokenFile::open(folder.path()).unwrap()));
        let console = open(&mut tasks, Parts { administration, authenticator, stop });
        let router = mounted(console.clone()).finish();
        Self { console, router, _tasks: tasks, _folder: folder }
    }

    pub(super) async fn get(&self, path: &str) -> (StatusCode, String) {
        let (status, _, text) = self.call(request("GET", path), Body::empty()).await;
        (status, text)
    }

    pub(super) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> (StatusCode, HeaderMap, String) {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = request("POST", path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.call(request, Body::from(form)).await
    }

    async fn call(&self, request: http::request::Builder, body: Body) -> (StatusCode, HeaderMap, String) {
        let response = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        (status, headers, text_of(response).await)
    }

    /// A request of someone with this role, for calling a handler itself.
    pub(super) fn visit(&self, role: Role, path: &str) -> Visit {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        Visit {
            caller: Caller {
                author: Author::from(role.name().to_owned()),
                role,
                kind: CallerKind::TokenFile,
            },
            path: path.to_owned(),
            query: Fields::from_bytes(query.as_bytes()),
            now: SystemTime::now(),
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

fn request(method: &str, path: &str) -> http::request::Builder {
    Request::builder().method(method).uri(path).header(header::AUTHORIZATION, format!("Bearer {TOKEN}"))
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
