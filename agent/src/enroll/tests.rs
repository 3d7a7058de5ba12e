use std::collections::HashMap;

use landmark_daemon::error::Chain;
use landmark_proto::pin::SpkiPin;
use tonic_types::ErrorDetails;

use super::*;
use crate::ledger::testing::{offer, settings};
use crate::link::dial::TcpConnector;
use crate::link::testing::enrollment::{Alteration, Behaviour, FakeEnrollment};
use crate::link::testing::{Clients, TestServer};

const CONNECTOR: TcpConnector = TcpConnector { connect_timeout: Duration::from_secs(2) };

struct Setup {
    folder: tempfile::TempDir,
    server: TestServer,
    fake: Arc<FakeEnrollment>,
}

impl Setup {
    async fn new(behaviours: &[Behaviour]) -> Self {
        let (fake, server) = FakeEnrollment::start(behaviours).await;
        Self { folder: tempfile::tempdir().unwrap(), server, fake }
    }

    fn ticket(&self) -> JoinTicket {
        JoinTicket {
            addresses: vec![self.server.address.to_string()],
            authority_pin: pin_of(self.fake.fleet.authority()).unwrap(),
            token: "secret".into(),
        }
    }

    async fn enroll(&self, ticket: &JoinTicket, force: bool) -> Result<Identity, EnrollError> {
        let facts = HostFacts { host_name: "machine".into(), ..HostFacts::default() };
        enroll(self.folder.path(), ticket, &facts, &CONNECTOR, force).await
    }

    fn n_agents(&self) -> usize {
        self.fake.n_agents()
    }
}

#[tokio::test]
async fn at_the_port_for_agents_it_is_told_where_to_ask() {
    let (fake, server) = FakeEnrollment::start_for(Clients::OfTheFleet, &[]).await;
    let setup = Setup { folder: tempfile::tempdir().unwrap(), server, fake };
    let error = setup.enroll(&setup.ticket(), false).await.unwrap_err();
    assert!(matches!(error, EnrollError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("is it the port for agents?"), "{error}");
}

/// A port where nobody listens.
async fn nowhere() -> String {
    tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string()
}

#[tokio::test]
async fn a_join_string_makes_this_machine_an_agent() {
    let setup = Setup::new(&[]).await;
    let identity = setup.enroll(&setup.ticket(), false).await.unwrap();
    assert_eq!(identity.fleet_id, setup.fake.fleet.id);
    assert_eq!(identity.addresses, ["landmark.example:7443".parse().unwrap()]);
    let stored = Identity::load(setup.folder.path()).unwrap().unwrap();
    assert_eq!(stored.agent_id, identity.agent_id);
}

#[tokio::test]
async fn addresses_are_tried_in_order_until_one_answers() {
    let setup = Setup::new(&[]).await;
    let mut ticket = setup.ticket();
    ticket.addresses.insert(0, nowhere().await);
    setup.enroll(&ticket, false).await.unwrap();
    ticket.addresses.truncate(1);
    let error = setup.enroll(&ticket, true).await.unwrap_err();
    assert!(error.to_string().contains("Connection refused"), "{error}");
    assert_eq!(error.exit(), Exit::TemporaryFailure);
}

#[tokio::test]
async fn an_agent_stays_who_it_is_unless_forced() {
    let setup = Setup::new(&[]).await;
    let first = setup.enroll(&setup.ticket(), false).await.unwrap();
    let error = setup.enroll(&setup.ticket(), false).await.unwrap_err();
    assert!(matches!(error, EnrollError::Already { agent_id, .. } if agent_id == first.agent_id));
    let second = setup.enroll(&setup.ticket(), true).await.unwrap();
    assert_ne!(second.agent_id, first.agent_id);
}

#[tokio::test]
async fn repeating_after_a_lost_answer_gives_the_same_agent() {
    let setup = Setup::new(&[Behaviour::Lose]).await;
    let error = setup.enroll(&setup.ticket(), false).await.unwrap_err();
    assert_eq!(error.exit(), Exit::TemporaryFailure);
    setup.enroll(&setup.ticket(), false).await.unwrap();
    assert_eq!(setup.n_agents(), 1);
}

#[tokio::test]
async fn a_key_of_a_removed_agent_is_given_up() {
    let details = ErrorDetails::with_error_info(KEY_REMOVED, "landmark", HashMap::<String, String>::new());
    use tonic_types::StatusExt as _;
    let refused = Status::with_error_details(Code::PermissionDenied, "removed", details);
    let setup = Setup::new(&[Behaviour::Lose, Behaviour::Refuse(refused)]).await;
    setup.enroll(&setup.ticket(), false).await.unwrap_err();
    setup.enroll(&setup.ticket(), false).await.unwrap();
    assert_eq!(setup.n_agents(), 2);
}

#[tokio::test]
async fn a_server_of_another_authority_never_sees_the_token() {
    let setup = Setup::new(&[]).await;
    let ticket = JoinTicket { authority_pin: SpkiPin::of(b"another"), ..setup.ticket() };
    let error = setup.enroll(&ticket, false).await.unwrap_err();
    assert!(error.to_string().contains("another certificate authority"), "{error}");
    assert_eq!(error.exit(), Exit::Unavailable);
    assert_eq!(setup.n_agents(), 0);
}

#[tokio::test]
async fn every_refusal_has_its_way_out() {
    for (status, expected, exit) in [
        (Status::permission_denied("this token has expired"), "this token has expired", Exit::Privilege),
        (Status::resource_exhausted("too many failures"), "run this again later", Exit::TemporaryFailure),
        (Status::invalid_argument("a bad request"), "the server refused: a bad request", Exit::Unavailable),
    ] {
        let setup = Setup::new(&[Behaviour::Refuse(status)]).await;
        let error = setup.enroll(&setup.ticket(), false).await.unwrap_err();
        assert!(Chain(&error).to_string().contains(expected), "{error}");
        assert_eq!(error.exit(), exit, "{error}");
    }
}

#[tokio::test]
async fn an_answer_that_contradicts_itself_is_not_believed() {
    for alteration in Alteration::ALL {
        let setup = Setup::new(&[Behaviour::Alter(alteration)]).await;
        setup.enroll(&setup.ticket(), false).await.unwrap_err();
        assert!(Identity::load(setup.folder.path()).unwrap().is_none());
    }
}

#[tokio::test]
async fn what_was_held_from_another_fleet_is_forgotten_and_from_the_same_kept() {
    let setup = Setup::new(&[]).await;
    setup.enroll(&setup.ticket(), false).await.unwrap();
    let hold = || Ledger::open(setup.folder.path(), Default::default()).0;
    hold().offer(&offer(7, &settings(&["a"]))).unwrap();
    setup.enroll(&setup.ticket(), true).await.unwrap();
    assert!(hold().accepted().is_some());
    let other = Setup { folder: setup.folder, ..Setup::new(&[]).await };
    other.enroll(&other.ticket(), true).await.unwrap();
    assert!(Ledger::open(other.folder.path(), Default::default()).0.accepted().is_none());
}
