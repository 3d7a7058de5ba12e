use std::sync::Arc;
use std::time::Duration;

use landmark_daemon::tasks::Tasks;
use landmark_proto::wire::admin_client::AdminClient;
use landmark_proto::wire::edit::{
    AddReferenceServer, EnableReferenceServers, Kind, MoveReferenceServer, RemoveReferenceServers,
};
use tempfile::TempDir;
use tonic::{Code, Request, Status};
use tonic_health::server::HealthReporter;
use tonic_types::StatusExt as _;

use super::*;
use crate::access::SessionLimits;
use crate::access::token_file::{self, TokenFile};
use crate::fleet::{self, FleetConfig};
use crate::identity::{Authority, KnownFleet};

mod access;
mod firewall;
mod overview;

const TOKEN: &str = "landmark_admin_0123456789abcdef0123456789abcdef";

/// The whole service behind its guard, without a socket.
struct Served {
    client: AdminClient<Routes>,
    routes: Routes,
    fleet: Fleet,
    authenticator: Arc<Authenticator>,
    stop: CancellationToken,
    _tasks: Tasks,
    _folder: TempDir,
}

impl Served {
    async fn new() -> Self {
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
        let token_file = TokenFile::open(folder.path()).unwrap();
        let limits = SessionLimits::default();
        let authenticator = Authenticator::open(store.clone(), token_file, limits, folder.path()).await;
        let authenticator = Arc::new(authenticator.unwrap());
        let parts = Parts {
            fleet: fleet.clone(),
            authenticator: Arc::clone(&authenticator),
            store,
            assignments,
            max_servers: MaxServers::default(),
            authority_pin,
            enrollment: vec!["hq.example:7444".parse().unwrap()],
            stop: stop.clone(),
        };
        let health = HealthServer::new(HealthService::from_health_reporter(HealthReporter::new()));
        let administration = Arc::new(Administration::new(parts));
        let routes: Routes = routes(administration, Arc::clone(&authenticator), health).unwrap().into();
        let client = AdminClient::new(routes.clone());
        Self { client, routes, fleet, authenticator, stop, _tasks: tasks, _folder: folder }
    }

    async fn edit(&mut self, etag: &str, edits: Vec<Kind>) -> Result<wire::Draft, Status> {
        let edits = edits.into_iter().map(|kind| wire::Edit { kind: Some(kind) }).collect();
        let request = wire::EditDraftRequest { etag: etag.to_owned(), edits };
        Ok(self.client.edit_draft(with_token(request)).await?.into_inner())
    }

    async fn assign(&mut self, etag: &str) -> Result<wire::AssignResponse, Status> {
        let request = wire::AssignRequest { etag: etag.to_owned(), note: "because".to_owned() };
        Ok(self.client.assign(with_token(request)).await?.into_inner())
    }
}

fn with_token<T>(message: T) -> Request<T> {
    with(TOKEN, message)
}

fn with<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
}

fn add(host: &str, ports: &[u32]) -> Kind {
    Kind::AddReferenceServer(AddReferenceServer {
        host: host.to_owned(),
        ports: ports.to_vec(),
        position: None,
        tls: None,
    })
}

fn hosts(draft: &wire::Draft) -> Vec<String> {
    let list = draft.settings.as_ref().unwrap().reference_servers.as_ref().unwrap();
    list.servers.iter().map(|server| server.host.clone()).collect()
}

#[tokio::test]
async fn nothing_is_answered_without_the_token_except_health() {
    let mut served = Served::new().await;
    let refused = served.client.get_draft(wire::GetDraftRequest {}).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    let mut wrong = Request::new(wire::AssignRequest::default());
    wrong.metadata_mut().insert("authorization", "Bearer wrong".parse().unwrap());
    assert_eq!(served.client.assign(wrong).await.unwrap_err().code(), Code::Unauthenticated);
    let mut health = tonic_health::pb::health_client::HealthClient::new(served.routes.clone());
    let request = tonic_health::pb::HealthCheckRequest { service: String::new() };
    let answer = health.check(request).await.unwrap().into_inner();
    assert_eq!(answer.status(), tonic_health::pb::health_check_response::ServingStatus::Serving);
    // Neither what is not there nor another spelling of a path is a way around.
    for path in ["/", "/landmark.v1.Admin/", "//landmark.v1.Admin/GetDraft", "/nothing/AtAll"] {
        let request = http::Request::post(path).body(tonic::body::Body::empty()).unwrap();
        let response = tower::ServiceExt::oneshot(served.routes.clone(), request).await.unwrap();
        let status = response.headers().get("grpc-status").unwrap();
        assert_eq!(Code::from_bytes(status.as_bytes()), Code::Unauthenticated, "{path}");
    }
}

#[tokio::test]
async fn reflection_tells_the_contract_to_whoever_has_the_token() {
    use tonic_reflection::pb::v1 as reflection;

    let served = Served::new().await;
    let mut client = reflection::server_reflection_client::ServerReflectionClient::new(served.routes.clone());
    let ask = || {
        let list = reflection::server_reflection_request::MessageRequest::ListServices(String::new());
        let request =
            reflection::ServerReflectionRequest { host: String::new(), message_request: Some(list) };
        tokio_stream::iter([request])
    };
    let refused = client.server_reflection_info(ask()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    let mut answers = client.server_reflection_info(with_token(ask())).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response;
    let Some(reflection::server_reflection_response::MessageResponse::ListServicesResponse(list)) = answer
    else {
        panic!("{answer:?}");
    };
    let names: Vec<&str> = list.service.iter().map(|service| service.name.as_str()).collect();
    assert!(names.contains(&"landmark.v1.Admin"), "{names:?}");
}

#[tokio::test]
async fn a_list_is_edited_saved_assigned_and_found_again() {
    let mut served = Served::new().await;
    let draft = served.edit("", vec![add("10.1.1.5", &[443, 80]), add("ftp.example", &[21])]).await.unwrap();
    assert_eq!(draft.changed_by, "admin-token");
    assert!(draft.differs);
    let enable = Kind::EnableReferenceServers(EnableReferenceServers { enabled: true });
    let to_front =
        Kind::MoveReferenceServer(MoveReferenceServer { host: "FTP.example".to_owned(), position: 0 });
    let draft = served.edit(&draft.etag, vec![enable, to_front]).await.unwrap();
    assert_eq!(hosts(&draft), ["ftp.example", "10.1.1.5"]);

    let diff = served.client.diff_draft(with_token(wire::DiffDraftRequest {})).await.unwrap().into_inner();
    assert_eq!((diff.from_revision, diff.to_revision, diff.changes.len()), (0, 0, 3));
    let assigned = served.assign(&draft.etag).await.unwrap();
    assert!(assigned.created);
    let summary = assigned.assignment.unwrap();
    assert_eq!((summary.revision, summary.n_reference_servers, summary.list_enabled), (1, 2, true));
    assert_eq!((summary.assigned_by.as_str(), summary.note.as_str()), ("admin-token", "because"));
    assert!(!served.assign("").await.unwrap().created);

    let detail = served.client.get_assignment(with_token(wire::GetAssignmentRequest { revision: 0 })).await;
    let detail = detail.unwrap().into_inner();
    assert_eq!(detail.settings, draft.settings);
    assert_eq!(detail.summary, Some(summary));
    let info = served.client.get_server_info(with_token(wire::GetServerInfoRequest {})).await;
    let info = info.unwrap().into_inner();
    assert_eq!((info.revision, info.max_reference_servers, info.n_agents), (1, 32, 0));
}

#[tokio::test]
async fn every_bad_value_comes_back_as_a_field_violation_and_nothing_is_saved() {
    let mut served = Served::new().await;
    let refused =
        served.edit("", vec![add("a.example", &[443]), add("http://x", &[0, 70_000])]).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let details = refused.get_details_bad_request().unwrap();
    let fields: Vec<&str> =
        details.field_violations.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "edits[1].add_reference_server.host",
            "edits[1].add_reference_server.ports[0]",
            "edits[1].add_reference_server.ports[1]",
        ]
    );
    let absent = vec![wire::ReferenceServer { host: "a.example".to_owned(), ports: vec![], tls: None }];
    let remove = Kind::RemoveReferenceServers(RemoveReferenceServers { servers: absent });
    let refused = served.edit("", vec![add("b.example", &[1]), remove]).await.unwrap_err();
    let details = refused.get_details_bad_request().unwrap();
    assert_eq!(details.field_violations[0].field, "edits[1].remove_reference_servers.servers[0].host");
    let draft = served.client.get_draft(with_token(wire::GetDraftRequest {})).await.unwrap().into_inner();
    assert_eq!(hosts(&draft), Vec::<String>::new());
}

#[tokio::test]
async fn a_stale_etag_is_aborted_with_the_present_draft() {
    use prost::Message as _;

    let mut served = Served::new().await;
    let first = served.edit("", vec![add("a.example", &[443])]).await.unwrap();
    let second = served.edit(&first.etag, vec![add("b.example", &[443])]).await.unwrap();
    let refused = served.edit(&first.etag, vec![add("c.example", &[443])]).await.unwrap_err();
    assert_eq!(refused.code(), Code::Aborted);
    let status = tonic_types::Status::decode(refused.details()).unwrap();
    let detail =
        status.details.iter().find(|any| any.type_url.ends_with("/landmark.v1.DraftConflict")).unwrap();
    let conflict = wire::DraftConflict::decode(detail.value.as_slice()).unwrap();
    assert_eq!(conflict.present, Some(second));
    assert_eq!(served.assign(&first.etag).await.unwrap_err().code(), Code::Aborted);
}

#[tokio::test]
async fn before_the_first_assignment_calls_about_it_say_what_to_do() {
    let mut served = Served::new().await;
    let refused = served.client.get_assignment(with_token(wire::GetAssignmentRequest { revision: 0 })).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert_eq!(refused.get_details_precondition_failure().unwrap().violations[0].subject, "assignment");
    let refused =
        served.client.watch_assignment(with_token(wire::WatchAssignmentRequest { revision: 0 })).await;
    assert_eq!(refused.unwrap_err().code(), Code::FailedPrecondition);
    let refused = served.client.get_assignment(with_token(wire::GetAssignmentRequest { revision: 7 })).await;
    assert_eq!(refused.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn assignments_are_paged_newest_first_and_compared() {
    let mut served = Served::new().await;
    for number in 0..5 {
        served.edit("", vec![add(&format!("host-{number}"), &[443])]).await.unwrap();
        served.assign("").await.unwrap();
    }
    let mut seen = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = wire::ListAssignmentsRequest { page_size: 2, page_token };
        let page = served.client.list_assignments(with_token(request)).await.unwrap().into_inner();
        seen.extend(page.assignments.iter().map(|summary| summary.revision));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, [5, 4, 3, 2, 1]);

    let request = wire::DiffAssignmentsRequest { from_revision: 2, to_revision: 0 };
    let diff = served.client.diff_assignments(with_token(request)).await.unwrap().into_inner();
    let paths: Vec<&str> = diff.changes.iter().map(|change| change.path.as_str()).collect();
    assert_eq!((diff.from_revision, diff.to_revision), (2, 5));
    assert_eq!(paths, [2, 3, 4].map(|number| format!("reference_servers.servers[host-{number}]")));
    let request = wire::AssignAgainRequest { revision: 2, note: String::new() };
    let again =
        served.client.assign_again(with_token(request)).await.unwrap().into_inner().assignment.unwrap();
    assert_eq!((again.revision, again.again_of, again.n_reference_servers), (6, 2, 2));
}

#[tokio::test]
async fn a_join_string_carries_the_addresses_the_pin_and_the_token() {
    let mut served = Served::new().await;
    let request = wire::CreateJoinTokenRequest { max_uses: 3, ..Default::default() };
    let made = served.client.create_join_token(with_token(request)).await.unwrap().into_inner();
    let ticket: landmark_proto::join::JoinTicket = made.join_string.parse().unwrap();
    assert_eq!(ticket.addresses, ["hq.example:7444"]);
    let info = served.client.get_server_info(with_token(wire::GetServerInfoRequest {})).await;
    assert_eq!(ticket.authority_pin.as_bytes()[..], info.unwrap().into_inner().authority_pin[..]);
    let token = made.token.unwrap();
    assert_eq!((token.max_uses, token.n_uses, token.created_by.as_str()), (3, 0, "admin-token"));

    let request = wire::RevokeJoinTokenRequest { token_id: token.token_id.clone() };
    assert!(served.client.revoke_join_token(with_token(request)).await.unwrap().into_inner().revoked);
    let count = async |served: &mut Served, include_dead| {
        let request = wire::ListJoinTokensRequest { include_dead };
        served.client.list_join_tokens(with_token(request)).await.unwrap().into_inner().tokens.len()
    };
    assert_eq!((count(&mut served, false).await, count(&mut served, true).await), (0, 1));
    let unknown = wire::RevokeJoinTokenRequest { token_id: uuid::Uuid::nil().to_string() };
    let refused = served.client.revoke_join_token(with_token(unknown)).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
}

#[tokio::test]
async fn a_watch_of_an_empty_fleet_is_synced_and_ends_with_the_server() {
    let mut served = Served::new().await;
    let request = with_token(wire::WatchAgentsRequest::default());
    let mut events = served.client.watch_agents(request).await.unwrap().into_inner();
    let event = events.message().await.unwrap().unwrap();
    assert!(matches!(event.kind, Some(wire::agent_event::Kind::Synced(_))));
    served.stop.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(5), events.message()).await.unwrap();
    assert_eq!(ended.unwrap_err().code(), Code::Unavailable);
}

#[tokio::test]
async fn an_assignment_without_agents_is_done_at_once() {
    let mut served = Served::new().await;
    served.assign("").await.unwrap();
    let named = wire::RecheckAgentsRequest { agents: vec!["web".to_owned()], all: false };
    assert_eq!(served.client.recheck_agents(with_token(named)).await.unwrap_err().code(), Code::NotFound);
    let both = wire::RecheckAgentsRequest { agents: vec!["web".to_owned()], all: true };
    assert_eq!(
        served.client.recheck_agents(with_token(both)).await.unwrap_err().code(),
        Code::InvalidArgument
    );
    let request = with_token(wire::RecheckAgentsRequest { agents: vec![], all: true });
    let asked = served.client.recheck_agents(request).await.unwrap().into_inner();
    assert_eq!((asked.n_asked, asked.n_offline), (0, 0));
}
