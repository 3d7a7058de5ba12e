//! The whole agent against a server that the test plays, over real sockets and TLS.

use std::sync::Arc;
use std::time::{Duration, Instant};

use landmark_proto::ids::Sequence;
use landmark_proto::location::{Basis, LinkState, Location, Trigger};
use landmark_proto::message::{
    AgentMessage, AssignmentOutcome, AssignmentResult, EnforcementState, RejectionCode, ReportAck,
    ServerMessage,
};
use landmark_proto::reference_server::{Probe, ReferenceServer, ReferenceServerList};
use landmark_proto::settings::Settings;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tonic::Status;

use super::*;
use crate::config::Config;
use crate::identity::testing::Fleet;
use crate::ledger::testing::{offer, settings};
use crate::link::dial::TcpConnector;
use crate::link::task::LinkStatus;
use crate::link::testing::fleet::{FleetPlane, LIMIT, welcome};

mod evidence;

struct Setup {
    folder: tempfile::TempDir,
    fleet: Arc<Fleet>,
    plane: FleetPlane,
}

struct Agent {
    sources: Sources,
    stop: CancellationToken,
    done: tokio::task::JoinHandle<Result<(), TasksError>>,
}

impl Setup {
    async fn new() -> Self {
        let fleet = Arc::new(Fleet::new());
        let plane = FleetPlane::start(&fleet).await;
        let folder = tempfile::tempdir().unwrap();
        fleet.enroll(folder.path(), &plane.server.address);
        Self { folder, fleet, plane }
    }

    fn config(&self) -> Config {
        let text = format!(
            "state-dir = {:?}\nlocation.allow-loopback = true\nenforce.backend = \"observe\"",
            self.folder.path()
        );
        Config::read(landmark_daemon::config::Layers::new("X").toml("agent.toml", &text)).unwrap().0
    }

    async fn start(&self) -> Agent {
        Agent::start(&self.config()).await
    }
}

impl Agent {
    async fn start(config: &Config) -> Self {
        let connector = TcpConnector { connect_timeout: Duration::from_secs(2) };
        let running = start(config, Box::new(connector)).await.unwrap();
        let (sources, stop) = (running.sources().clone(), running.stop_token());
        #[expect(clippy::disallowed_methods, reason = "a test awaits it")]
        let done = tokio::spawn(running.wait());
        Self { sources, stop, done }
    }

    async fn stop(self) {
        self.stop.cancel();
        drop(self.sources);
        timeout(LIMIT, self.done).await.expect("the agent does not stop").unwrap().unwrap();
    }

    async fn location(&self, wanted: Location) -> Basis {
        let mut decided = self.sources.decided.clone();
        let found = decided
            .wait_for(|decided| decided.as_ref().is_some_and(|decided| decided.verdict.location == wanted));
        let found = timeout(LIMIT, found).await.expect("not there").unwrap();
        found.as_ref().unwrap().verdict.basis.clone()
    }

    async fn link(&self, wanted: impl Fn(&LinkStatus) -> bool) {
        let mut link = self.sources.link.clone();
        timeout(LIMIT, link.wait_for(wanted)).await.expect("the link does not come to that").unwrap();
    }
}

fn outcome(message: &AgentMessage) -> Option<AssignmentResult> {
    let AgentMessage::AssignmentResult(result) = message else { return None };
    Some(result.clone())
}

fn final_outcome(message: &AgentMessage) -> Option<AssignmentResult> {
    outcome(message).filter(|result| result.outcome != AssignmentOutcome::Applying)
}

/// A list with one reference server, where this listener is.
fn list_of(listener: &TcpListener) -> Settings {
    let port = listener.local_addr().unwrap().port().to_string().parse().unwrap();
    let ports = landmark_proto::port::Ports::new(vec![port]).unwrap();
    let server = ReferenceServer { host: "127.0.0.1".parse().unwrap(), ports, probe: Probe::Tcp };
    Settings {
        reference_servers: ReferenceServerList::new(true, vec![server]).unwrap(),
        ..Settings::default()
    }
}

#[tokio::test]
async fn an_agent_says_hello_and_is_internal_while_the_link_stands() {
    let mut setup = Setup::new().await;
    let agent = setup.start().await;
    let (session, hello) = setup.plane.welcome().await;
    assert_eq!((hello.held, hello.last_result), (None, None));
    assert_eq!(hello.enforcement.unwrap().state, EnforcementState::Nothing);
    assert_eq!(agent.location(Location::Internal).await, Basis::ManagementServer);
    agent.link(|link| link.state == LinkState::Connected && link.epoch.is_some()).await;
    drop(session);
    assert_eq!(agent.location(Location::Unknown).await, Basis::NoAssignment);
    agent.stop().await;
}

#[tokio::test]
async fn a_push_is_stored_applied_and_in_the_next_hello() {
    let mut setup = Setup::new().await;
    let agent = setup.start().await;
    let (mut session, _) = setup.plane.welcome().await;
    let push = offer(7, &settings(&["192.0.2.1"]));
    session.say(ServerMessage::Assignment(push.clone())).await;
    let mut statuses = Vec::new();
    let result = loop {
        let message = session.receive().await;
        if let AgentMessage::Enforcement(status) = &message {
            statuses.push((status.state, status.location, status.revision));
        }
        if let Some(result) = final_outcome(&message) {
            break result;
        }
    };
    assert_eq!((result.push_id, result.offered), (push.push_id, push.offered));
    assert_eq!(result.outcome, AssignmentOutcome::Applied);
    // What is reported as applied was enforced, and that was said before.
    let revision = Some(push.offered.revision);
    assert_eq!(statuses.last(), Some(&(EnforcementState::Observed, Location::Internal, revision)));
    drop(session);
    let (_, hello) = setup.plane.welcome().await;
    assert_eq!(hello.held, Some(push.offered));
    assert_eq!(hello.last_result.unwrap().outcome, AssignmentOutcome::Applied);
    agent.stop().await;
    // A restart holds it before it connects.
    let agent = setup.start().await;
    assert_eq!(setup.plane.accept().await.1.held, Some(push.offered));
    agent.stop().await;
}

#[tokio::test]
async fn a_refused_push_keeps_the_old_one() {
    let mut setup = Setup::new().await;
    let agent = setup.start().await;
    let (mut session, _) = setup.plane.welcome().await;
    let held = offer(7, &settings(&["192.0.2.1"]));
    session.say(ServerMessage::Assignment(held.clone())).await;
    session.until(final_outcome).await;
    session.say(ServerMessage::Assignment(offer(6, &settings(&["192.0.2.2"])))).await;
    let AssignmentOutcome::Rejected(rejection) = session.until(final_outcome).await.outcome else { panic!() };
    assert_eq!((rejection.code, rejection.still_held), (RejectionCode::Outdated, Some(held.offered)));
    agent.stop().await;
}

#[tokio::test]
async fn what_the_disk_did_not_take_is_stored_once_it_does() {
    let mut setup = Setup::new().await;
    let agent = setup.start().await;
    let (mut session, _) = setup.plane.welcome().await;
    // No file replaces a folder.
    let in_the_way = setup.folder.path().join("ledger");
    std::fs::create_dir(&in_the_way).unwrap();
    let push = offer(3, &settings(&["192.0.2.1"]));
    session.say(ServerMessage::Assignment(push.clone())).await;
    let AssignmentOutcome::Rejected(rejection) = session.until(final_outcome).await.outcome else { panic!() };
    assert_eq!((rejection.code, rejection.still_held), (RejectionCode::Storage, None));
    std::fs::remove_dir(&in_the_way).unwrap();
    let result = session.until(final_outcome).await;
    assert_eq!((result.push_id, result.outcome), (push.push_id, AssignmentOutcome::Applied));
    let enforced = agent.sources.enforcement.borrow().clone().unwrap();
    assert_eq!(enforced.revision, Some(push.offered.revision));
    agent.stop().await;
}

#[tokio::test]
async fn when_the_server_goes_the_reference_server_decides_at_once() {
    let mut setup = Setup::new().await;
    let reference = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let agent = setup.start().await;
    let (mut session, _) = setup.plane.welcome().await;
    session.say(ServerMessage::Assignment(offer(1, &list_of(&reference)))).await;
    session.until(final_outcome).await;
    let mut enforcement = agent.sources.enforcement.clone();
    enforcement.mark_unchanged();
    // The whole server dies.
    let gone = Instant::now();
    drop(setup.plane);
    let by_reference = |basis: &Basis| matches!(basis, Basis::ReferenceServer { position: 0, .. });
    let mut decided = agent.sources.decided.clone();
    let found = decided.wait_for(|decided| by_reference(&decided.as_ref().unwrap().verdict.basis));
    timeout(LIMIT, found).await.unwrap().unwrap();
    println!("decided {:?} after the server was gone", gone.elapsed());
    drop(reference);
    agent.sources.location.evaluate(location::Asked::OnThisMachine).await.unwrap();
    assert_eq!(agent.location(Location::External).await, Basis::NoneReachable { n_attempts: 1 });
    let external =
        enforcement.wait_for(|status| status.as_ref().is_some_and(|s| s.location == Location::External));
    timeout(LIMIT, external).await.unwrap().unwrap();
    agent.stop().await;
}

#[tokio::test]
async fn changes_are_recorded_while_the_server_is_away_and_replayed_in_order_once() {
    let mut setup = Setup::new().await;
    let agent = setup.start().await;
    let (mut session, hello) = setup.plane.welcome().await;
    let batch = session.until(reports).await;
    assert_eq!((batch.outbox_id, batch.first), (hello.outbox.outbox_id, hello.outbox.first));
    agent.location(Location::Internal).await;
    // It is not acknowledged, and so it comes again.
    drop(session);
    agent.location(Location::Unknown).await;
    agent.stop().await;
    let agent = setup.start().await;
    let (mut session, hello_again) = setup.plane.welcome().await;
    assert_eq!(hello_again.outbox.outbox_id, hello.outbox.outbox_id);
    let mut received = Vec::new();
    loop {
        let batch = session.until(reports).await;
        assert_eq!(batch.first.get(), received.len() as u64);
        received.extend(batch.reports.clone());
        let ack = ReportAck { outbox_id: batch.outbox_id, next: batch.next(), slow_down: Duration::ZERO };
        session.say(ServerMessage::ReportAck(ack)).await;
        let is_internal_again =
            received.iter().filter(|r| r.verdict.location == Location::Internal).count() == 2;
        if is_internal_again {
            break;
        }
    }
    assert_eq!(received.first(), batch.reports.first());
    assert!(received.iter().any(|report| report.triggers.contains(&Trigger::LinkLost)));
    let mut outbox = agent.sources.outbox.clone();
    let empty = outbox.wait_for(|status| status.range.first == status.range.next);
    timeout(LIMIT, empty).await.unwrap().unwrap();
    agent.stop().await;
}

fn reports(message: &AgentMessage) -> Option<landmark_proto::message::LocationReports> {
    let AgentMessage::LocationReports(batch) = message else { return None };
    Some(batch.clone())
}

#[tokio::test]
async fn a_server_that_knows_more_than_the_outbox_has_gets_a_new_one() {
    let mut setup = Setup::new().await;
    let agent = setup.start().await;
    let (mut session, hello) = setup.plane.accept().await;
    session.say(ServerMessage::Welcome(welcome(Sequence::new(1_000)))).await;
    let (_, again) = setup.plane.accept().await;
    assert_ne!(again.outbox.outbox_id, hello.outbox.outbox_id);
    agent.stop().await;
}

#[tokio::test]
async fn a_drain_is_obeyed_exactly() {
    let mut setup = Setup::new().await;
    let agent = setup.start().await;
    let (mut session, _) = setup.plane.welcome().await;
    let reconnect_after = Duration::from_millis(700);
    let told = Instant::now();
    session.say(ServerMessage::Drain { reason: "an update".into(), reconnect_after }).await;
    agent.link(|link| link.reason.as_deref() == Some("asked to come back later: an update")).await;
    let (_, _) = setup.plane.accept().await;
    assert!(told.elapsed() >= reconnect_after);
    agent.stop().await;
}

#[tokio::test]
async fn a_removed_agent_says_so_and_knocks_seldom() {
    let mut setup = Setup::new().await;
    let agent = setup.start().await;
    let (session, _) = setup.plane.accept().await;
    session.end(Status::permission_denied("this agent was removed")).await;
    agent.link(|link| link.is_hopeless && link.reason.as_deref().unwrap().contains("was removed")).await;
    let next = agent.sources.link.borrow().next_dial_at.unwrap();
    assert!(next > SystemTime::now() + Duration::from_secs(100));
    agent.stop().await;
}

#[tokio::test]
async fn a_word_instead_of_a_welcome_is_heard() {
    let mut setup = Setup::new().await;
    let agent = setup.start().await;
    let (mut session, _) = setup.plane.accept().await;
    session.say(ServerMessage::Revoked { reason: "removed by admin".into() }).await;
    agent.link(|link| link.is_hopeless && link.reason.as_deref().unwrap().contains("enroll --force")).await;
    agent.stop().await;
}

#[tokio::test]
async fn a_machine_that_comes_inside_dials_before_it_is_due() {
    let mut setup = Setup::new().await;
    let reference = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = list_of(&reference);
    let address = reference.local_addr().unwrap();
    drop(reference);
    // The server cannot be reached, and by many tries the wait has become long.
    let (mut ledger, _) = Ledger::open(setup.folder.path(), Limits { allow_loopback: true });
    ledger.offer(&offer(1, &settings)).unwrap();
    let nowhere = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let there = setup.plane.server.address.clone();
    setup.fleet.enroll(setup.folder.path(), &nowhere.to_string().parse().unwrap());
    let agent = setup.start().await;
    agent.location(Location::External).await;
    let far = |link: &LinkStatus| {
        link.next_dial_at.is_some_and(|at| at > SystemTime::now() + Duration::from_secs(1))
    };
    agent.link(far).await;
    let due = agent.sources.link.borrow().next_dial_at.unwrap();
    // The network comes back: the server with it, and a reference server.
    setup.fleet.enroll(setup.folder.path(), &there);
    let _reference = TcpListener::bind(address).await.unwrap();
    agent.sources.location.evaluate(location::Asked::OnThisMachine).await.unwrap();
    setup.plane.accept().await;
    assert!(SystemTime::now() < due);
    agent.stop().await;
}

#[tokio::test]
async fn a_certificate_is_renewed_and_used_from_the_next_session_on() {
    let mut setup = Setup::new().await;
    let before = Identity::load(setup.folder.path()).unwrap().unwrap();
    let agent = setup.start().await;
    let (mut session, _) = setup.plane.welcome().await;
    session.say(ServerMessage::RenewNow { spread: Duration::ZERO }).await;
    let renewed = async {
        loop {
            let now = Identity::load(setup.folder.path()).unwrap().unwrap();
            if now.certificate() != before.certificate() {
                return now;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let renewed = timeout(LIMIT, renewed).await.expect("not renewed");
    assert_eq!(renewed.agent_id, before.agent_id);
    drop(session);
    setup.plane.accept().await;
    agent.stop().await;
}

#[tokio::test]
async fn an_agent_that_stops_says_goodbye() {
    let mut setup = Setup::new().await;
    let agent = setup.start().await;
    let (mut session, _) = setup.plane.welcome().await;
    agent.link(|link| link.state == LinkState::Connected).await;
    let listen = async {
        let is_goodbye =
            |message: &AgentMessage| matches!(message, AgentMessage::Goodbye { .. }).then_some(());
        session.until(is_goodbye).await;
        session.next().await
    };
    let ((), after) = tokio::join!(agent.stop(), listen);
    assert_eq!(after, None);
}

#[tokio::test]
async fn a_server_of_another_fleet_gets_no_hello() {
    let setup = Setup::new().await;
    let other = FleetPlane::start(&Arc::new(Fleet::new())).await;
    setup.fleet.enroll(setup.folder.path(), &other.server.address);
    let agent = setup.start().await;
    agent.link(|link| link.reason.as_deref().is_some_and(|why| why.contains("TLS handshake failed"))).await;
    agent.stop().await;
}

#[tokio::test]
async fn a_machine_that_is_not_enrolled_is_told_how() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("state-dir = {:?}", folder.path().join("state"));
    let config = Config::read(landmark_daemon::config::Layers::new("X").toml("agent.toml", &text)).unwrap().0;
    let error = start(&config, Box::new(TcpConnector { connect_timeout: LIMIT })).await.unwrap_err();
    assert!(error.to_string().contains("landmark-agent enroll"), "{error}");
    assert!(!folder.path().join("state").exists());
}

#[tokio::test]
async fn the_control_socket_answers() {
    use crate::control::client::{Asking, ask};
    use crate::control::{Answer, Ask};
    let mut setup = Setup::new().await;
    let config = setup.config();
    let agent = setup.start().await;
    let (mut session, _) = setup.plane.welcome().await;
    agent.location(Location::Internal).await;
    let Answer::Status(status) = ask(&config.control_socket, Ask::Status).await.unwrap() else { panic!() };
    assert_eq!(status["location"], "internal");
    assert_eq!(status["basis"]["kind"], "management_server");
    assert_eq!(status["link"]["state"], "connected");
    assert_eq!(status["held_revision"], serde_json::Value::Null);
    let Answer::Decided(decided) = ask(&config.control_socket, Ask::Recheck).await.unwrap() else { panic!() };
    assert_eq!(decided["decided"]["triggers"], serde_json::json!(["local_request"]));
    let explain = Ask::Explain { last: 1 };
    let Answer::Explanations(explanations) = ask(&config.control_socket, explain).await.unwrap() else {
        panic!()
    };
    assert!(explanations[0].text.contains("internal"), "{}", explanations[0].text);
    assert_eq!(explanations[0].evidence["location"], "internal");
    assert_eq!(status["refused"], serde_json::Value::Null);
    let mut damaged = offer(7, &settings(&["192.0.2.1"]));
    damaged.offered.digest = offer(7, &settings(&["192.0.2.2"])).offered.digest;
    session.say(ServerMessage::Assignment(damaged)).await;
    let mut refused = agent.sources.refused.clone();
    timeout(LIMIT, refused.wait_for(Option::is_some)).await.expect("not refused").unwrap();
    let Answer::Status(status) = ask(&config.control_socket, Ask::Status).await.unwrap() else { panic!() };
    assert_eq!((&status["refused"]["revision"], &status["refused"]["code"]), (&7.into(), &"digest".into()));
    assert_eq!(status["refused"]["violations"][0]["subject"], "digest");
    let mut watching = Asking::begin(&config.control_socket, Ask::Watch).await.unwrap();
    let mut link_states = Vec::new();
    let mut session = Some(session);
    while link_states.last().is_none_or(|state| state != "lost") {
        let Some(Answer::Status(status)) = watching.next().await.unwrap() else { panic!() };
        link_states.push(status["link"]["state"].as_str().unwrap().to_owned());
        drop(session.take());
    }
    assert_eq!(link_states.first().map(String::as_str), Some("connected"));
    agent.stop().await;
    assert!(watching.next().await.unwrap().is_none());
    let error = ask(&config.control_socket, Ask::Status).await.unwrap_err();
    assert_eq!(error.to_string(), "the agent is not running");
}
