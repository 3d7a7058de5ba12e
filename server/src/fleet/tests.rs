//! Sessions over real TLS on loopback.

use hyper::client::conn::http2::Builder;
use hyper_util::rt::TokioExecutor;
use landmark_proto::ids::{BootId, EvaluationId, PushId, Sequence};
use landmark_proto::location::{Basis, Location, LocationReport, Trigger, Verdict};
use landmark_proto::message::{
    AgentMessage, AssignmentOutcome, AssignmentResult, LocationReports, Rejection, RejectionCode, ReportAck,
};
use landmark_proto::revision::{Digest, Held, Revision};
use landmark_proto::wire;
use rcgen::KeyPair;
use rustls::pki_types::CertificateDer;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;
use uuid::Uuid;

use super::testing::{LIMIT, TestServer, TestSession, hello, outbox};
use super::*;
use crate::identity::PeerIdentity;
use crate::identity::testing::certificate_request;

mod evidence;
mod hits;

/// Long enough for what should not come to have come.
const QUIET: Duration = Duration::from_millis(300);

impl TestSession {
    async fn answer(&self, push_id: PushId, offered: Held, outcome: AssignmentOutcome) {
        self.say(AgentMessage::AssignmentResult(AssignmentResult { push_id, offered, outcome })).await;
    }

    async fn hear_ack(&mut self) -> ReportAck {
        let next = self.hear().await;
        let ServerMessage::ReportAck(ack) = next else { panic!("{next:?}") };
        ack
    }
}

fn report(number: u64) -> LocationReport {
    LocationReport {
        at: SystemTime::UNIX_EPOCH + Duration::from_secs(number),
        boot_id: BootId::from_uuid(Uuid::from_u128(1)),
        since_boot: Duration::from_secs(number),
        verdict: Verdict { location: Location::External, basis: Basis::ListDisabled },
        triggers: vec![Trigger::Recheck],
        revision: None,
        evaluation: EvaluationId::new(number),
        decided_in: Duration::ZERO,
        n_flips: 0,
    }
}

fn reports(first: u64, n_records: u64) -> AgentMessage {
    AgentMessage::LocationReports(LocationReports {
        outbox_id: outbox(1, 0, 0).outbox_id,
        first: Sequence::new(first),
        reports: (first..first + n_records).map(report).collect(),
    })
}

fn reason_of(status: &Status) -> String {
    status.get_error_details().error_info().map(|info| info.reason.clone()).unwrap_or_default()
}

#[tokio::test]
async fn an_assignment_is_pushed_answered_and_never_pushed_again() {
    let server = TestServer::new().await;
    let first = server.assign().await;
    let agent = server.agent("a").await;
    let (mut session, welcome) = agent.connected().await;
    assert!(!welcome.up_to_date);
    let push = session.hear_assignment().await;
    assert_eq!((push.offered, &push.settings), (first.held(), first.encoded()));
    let progress = server.fleet.registry().progress().unwrap();
    assert_eq!((progress.n_pending, progress.n_applied, progress.is_done()), (1, 0, false));
    session.answer(push.push_id, push.offered, AssignmentOutcome::Applying).await;
    session.answer(push.push_id, push.offered, AssignmentOutcome::Applied).await;
    server.until(agent.agent_id, |agent| agent.held == Some(first.held())).await;
    assert_eq!(server.fleet.registry().progress().unwrap().n_applied, 1);

    let (mut session, welcome) = agent.welcomed(hello(Some(first.held()))).await;
    assert!(welcome.up_to_date);
    assert!(session.is_quiet_for(QUIET).await, "a reconnect of an up-to-date agent costs no push");
    let second = server.assign().await;
    assert_eq!(session.hear_assignment().await.offered, second.held());
    server.stopped().await;
}

#[tokio::test]
async fn only_the_latest_assignment_is_pushed_once_the_one_before_is_answered() {
    let server = TestServer::new().await;
    let first = server.assign().await;
    let agent = server.agent("a").await;
    let (mut session, _) = agent.connected().await;
    let push = session.hear_assignment().await;
    server.assign().await;
    let third = server.assign().await;
    assert!(session.is_quiet_for(QUIET).await, "one unanswered push at most");
    session.answer(push.push_id, push.offered, AssignmentOutcome::Applied).await;
    let next = session.hear_assignment().await;
    assert_eq!(next.offered, third.held());
    let violations =
        landmark_proto::violation::Violations::one(&landmark_proto::violation::Path::root(), "bad");
    let rejection = Rejection {
        code: RejectionCode::Invalid,
        violations: Some(violations),
        still_held: Some(first.held()),
    };
    session.answer(next.push_id, next.offered, AssignmentOutcome::Rejected(rejection.clone())).await;
    server.until(agent.agent_id, |agent| agent.refused.is_some()).await;
    let progress = server.fleet.registry().progress().unwrap();
    assert_eq!((progress.n_rejected, progress.is_done()), (1, true));
    let [(_, refused)] = progress.rejections.as_slice() else { panic!("{progress:?}") };
    assert_eq!(refused.rejection, rejection);
}

#[tokio::test]
async fn a_newer_session_supersedes_the_older_one() {
    let server = TestServer::new().await;
    let agent = server.agent("a").await;
    let (mut older, first) = agent.connected().await;
    let (newer, second) = agent.connected().await;
    assert!(second.epoch > first.epoch);
    let status = older.end().await.unwrap_err();
    assert_eq!((status.code(), reason_of(&status).as_str()), (Code::Aborted, "SESSION_SUPERSEDED"));
    assert_eq!(server.fleet.registry().n_online(), 1, "the older one did not take the newer one offline");
    drop(newer);
    server.until(agent.agent_id, |agent| !agent.online).await;
}

#[tokio::test]
async fn two_machines_with_one_identity_are_flagged() {
    let server = TestServer::new().await;
    let agent = server.agent("a").await;
    for boot in [1, 2, 1] {
        let hello = landmark_proto::message::Hello {
            boot_id: BootId::from_uuid(Uuid::from_u128(boot)),
            ..hello(None)
        };
        drop(agent.welcomed(hello).await);
    }
    assert!(server.fleet.registry().agent(agent.agent_id).unwrap().agent.boots.is_cloned());
}

#[tokio::test]
async fn a_removed_agent_is_thrown_out_and_stays_out() {
    let server = TestServer::new().await;
    let agent = server.agent("a").await;
    let (mut session, _) = agent.connected().await;
    assert!(server.fleet.remove(agent.agent_id).await.unwrap());
    assert!(matches!(session.hear().await, ServerMessage::Revoked { .. }));
    let status = session.end().await.unwrap_err();
    assert_eq!((status.code(), reason_of(&status).as_str()), (Code::PermissionDenied, "AGENT_REMOVED"));
    assert_eq!((server.fleet.registry().n_agents(), server.fleet.registry().n_online()), (0, 0));
    assert!(!server.fleet.remove(agent.agent_id).await.unwrap());

    let mut session = agent.silent().await.unwrap();
    session.say(AgentMessage::Hello(Box::new(hello(None)))).await;
    assert!(matches!(session.hear().await, ServerMessage::Revoked { .. }));
    assert_eq!(reason_of(&session.end().await.unwrap_err()), "AGENT_REMOVED");
    let renewal = wire::RenewCertificateRequest {
        certificate_request: certificate_request(&KeyPair::generate().unwrap()).into(),
    };
    let status = agent.client().await.renew_certificate(renewal).await.unwrap_err();
    assert_eq!(reason_of(&status), "AGENT_REMOVED");
}

#[tokio::test]
async fn a_removal_is_done_to_its_end_though_nobody_waits_for_it() {
    let server = TestServer::new().await;
    let agent = server.agent("a").await;
    let (mut session, _) = agent.connected().await;
    {
        // As of an administrator whose connection breaks.
        let mut removal = std::pin::pin!(server.fleet.remove(agent.agent_id));
        assert!(futures_util::poll!(removal.as_mut()).is_pending());
    }
    assert_eq!(reason_of(&session.end().await.unwrap_err()), "AGENT_REMOVED");
    assert!(server.fleet.registry().agent(agent.agent_id).is_none());
    server.stopped().await;
}

#[tokio::test]
async fn a_push_without_an_answer_ends_the_session_once_a_newer_one_waits() {
    let server = TestServer::with(FleetConfig { answer_limit: QUIET, ..FleetConfig::default() }).await;
    server.assign().await;
    let agent = server.agent("a").await;
    let (mut session, _) = agent.connected().await;
    session.hear_assignment().await;
    assert!(session.is_quiet_for(QUIET * 2).await, "nothing waits for the answer");
    let second = server.assign().await;
    let status = session.end().await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
    let (mut session, _) = agent.connected().await;
    assert_eq!(session.hear_assignment().await.offered, second.held());
    server.stopped().await;
}

#[tokio::test]
async fn one_agent_that_comes_without_a_pause_does_not_keep_the_others_out() {
    let config = FleetConfig { sessions_per_second: 1, session_burst: 100, ..FleetConfig::default() };
    let server = TestServer::with(config).await;
    let (eager, calm) = (server.agent("eager").await, server.agent("calm").await);
    let mut client = eager.client().await;
    let mut refused = None;
    for _ in 0..300 {
        let (_messages_tx, messages_rx) = tokio::sync::mpsc::channel(1);
        refused = client.session(Request::new(ReceiverStream::new(messages_rx))).await.err().or(refused);
    }
    let refused = refused.expect("300 sessions were admitted");
    assert_eq!(refused.code(), Code::Unavailable);
    assert!(refused.message().starts_with("this agent asks too often"), "{refused}");
    let delay = refused.get_error_details().retry_info().unwrap().retry_delay.unwrap();
    assert!(delay > Duration::ZERO && delay <= Duration::from_secs(60), "{delay:?}");
    let request = wire::RenewCertificateRequest { certificate_request: b"x".to_vec().into() };
    let status = client.renew_certificate(request).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "renewals count too: {status}");
    calm.connected().await;
}

#[tokio::test]
async fn a_certificate_without_an_agent_is_refused() {
    let server = TestServer::new().await;
    let stranger = server.certified(AgentId::from_uuid(Uuid::now_v7()));
    let mut session = stranger.silent().await.unwrap();
    session.say(AgentMessage::Hello(Box::new(hello(None)))).await;
    let status = session.end().await.unwrap_err();
    assert_eq!((status.code(), reason_of(&status).as_str()), (Code::PermissionDenied, "AGENT_UNKNOWN"));
}

#[tokio::test]
async fn who_breaks_a_rule_learns_which() {
    let server = TestServer::new().await;
    let agent = server.agent("a").await;
    let violation = async |session: &mut TestSession| {
        let status = session.end().await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status}");
        let details = status.get_error_details();
        details.bad_request().unwrap().field_violations.first().unwrap().field.clone()
    };
    let mut session = agent.silent().await.unwrap();
    session.say(AgentMessage::Heartbeat).await;
    assert_eq!(violation(&mut session).await, "hello");

    let (mut session, _) = agent.connected().await;
    session.say(AgentMessage::Hello(Box::new(hello(None)))).await;
    assert_eq!(violation(&mut session).await, "hello");

    let (mut session, _) = agent.connected().await;
    let never_pushed = Held { revision: Revision::FIRST, digest: Digest::of(b"") };
    session.answer(PushId::new(9), never_pushed, AssignmentOutcome::Applied).await;
    assert_eq!(violation(&mut session).await, "assignment_result.push_id");

    let (mut session, _) = agent.connected().await;
    session.say_raw(wire::AgentMessage { kind: None }).await;
    assert_eq!(violation(&mut session).await, "");

    let (mut session, _) = agent.connected().await;
    let flood = wire::agent_message::Kind::Goodbye(wire::Goodbye { reason: "x".repeat(300_000) });
    session.say_raw(wire::AgentMessage { kind: Some(flood) }).await;
    assert_eq!(violation(&mut session).await, "", "too large");

    server.until(agent.agent_id, |agent| !agent.online).await;
}

#[tokio::test]
async fn who_falls_silent_is_given_up() {
    let tuning = Tuning { heartbeat_interval: Duration::from_millis(100), ..Tuning::default() };
    let hello_timeout = Duration::from_millis(200);
    let server = TestServer::with(FleetConfig { tuning, hello_timeout, ..FleetConfig::default() }).await;
    let agent = server.agent("a").await;
    let mut session = agent.silent().await.unwrap();
    assert_eq!(session.end().await.unwrap_err().code(), Code::DeadlineExceeded, "no hello");

    let mut session = agent.silent().await.unwrap();
    session.say(AgentMessage::Hello(Box::new(hello(None)))).await;
    server.until(agent.agent_id, |agent| agent.online).await;
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        session.say(AgentMessage::Heartbeat).await;
    }
    assert!(server.fleet.registry().agent(agent.agent_id).unwrap().agent.online, "heartbeats keep it");
    assert_eq!(session.end().await.unwrap_err().code(), Code::DeadlineExceeded, "no heartbeat");
    server.until(agent.agent_id, |agent| !agent.online).await;
}

#[tokio::test]
async fn reports_are_acknowledged_after_their_commit_only() {
    let server = TestServer::new().await;
    let agent = server.agent("a").await;
    let (mut session, welcome) = agent.connected().await;
    assert_eq!(welcome.next_sequence.get(), 0);
    session.say(reports(0, 3)).await;
    assert_eq!(session.hear_ack().await.next.get(), 3);
    assert_eq!(server.store.history(agent.agent_id, 10).await.unwrap().len(), 3);

    // The store fails: a table is gone.
    let break_it = async |statement: &'static str| {
        let broken: Result<(), StoreError> = server
            .store
            .write(async |connection| {
                sqlx::raw_sql(statement)
                    .execute(connection)
                    .await
                    .map_err(StoreError::doing("break the store"))?;
                Ok(())
            })
            .await;
        broken.unwrap();
    };
    break_it("ALTER TABLE history RENAME TO history_away").await;
    session.say(reports(3, 2)).await;
    assert!(session.is_quiet_for(QUIET).await, "acknowledged without a commit");
    let reported = server.fleet.registry().agent(agent.agent_id).unwrap().agent.location.clone();
    assert_eq!(reported.unwrap().report, report(2), "published without a commit");
    // A second batch while one is in flight is asked for again, and nothing is taken for committed.
    session.say(reports(5, 1)).await;
    let deferred = session.hear_ack().await;
    assert_eq!(deferred.next.get(), 3);
    assert!(!deferred.slow_down.is_zero());

    break_it("ALTER TABLE history_away RENAME TO history").await;
    let ack = session.hear_ack().await;
    assert_eq!((ack.next.get(), ack.slow_down), (5, Duration::ZERO));
    server.until(agent.agent_id, |agent| agent.location.as_ref().unwrap().report == report(4)).await;

    let (_, welcome) = agent.connected().await;
    assert_eq!(welcome.next_sequence.get(), 5, "replay starts behind what is committed");
}

#[tokio::test]
async fn statuses_and_reports_survive_a_stop() {
    let server = TestServer::new().await;
    let assigned = server.assign().await;
    let agent = server.agent("a").await;
    let (mut session, _) = agent.connected().await;
    let push = session.hear_assignment().await;
    session.answer(push.push_id, push.offered, AssignmentOutcome::Applied).await;
    session.say(reports(0, 1)).await;
    assert_eq!(session.hear_ack().await.next.get(), 1);
    let folder = server.identity.folder.path().to_owned();
    let identity = server.stopped_but_kept().await;
    let store = Store::open(&folder.join("landmark.db")).await.unwrap();
    let stored = store.load_agents().await.unwrap().enrolled.remove(0);
    assert_eq!(stored.held, Some(assigned.held()));
    assert_eq!(stored.location.unwrap().report, report(0));
    assert_eq!(stored.facts.host_name, "test");
    drop(identity);
}

#[tokio::test]
async fn a_stop_tells_every_agent_when_to_come_back() {
    let drain_spread = Duration::from_secs(7);
    let server = TestServer::with(FleetConfig { drain_spread, ..FleetConfig::default() }).await;
    let agent = server.agent("a").await;
    let (mut session, _) = agent.connected().await;
    let started = Instant::now();
    server.stopped().await;
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    let next = session.hear().await;
    let ServerMessage::Drain { reconnect_after, .. } = next else { panic!("{next:?}") };
    assert!(reconnect_after <= drain_spread);
    session.end().await.unwrap();
}

#[tokio::test]
async fn too_many_new_sessions_get_an_appointment() {
    let config = FleetConfig { sessions_per_second: 1, session_burst: 2, ..FleetConfig::default() };
    let server = TestServer::with(config).await;
    let agent = server.agent("a").await;
    let (_first, _second) = (agent.connected().await, agent.connected().await);
    let Err(status) = agent.silent().await else { panic!("a third session was admitted") };
    assert_eq!(status.code(), Code::Unavailable);
    let delay = status.get_error_details().retry_info().unwrap().retry_delay.unwrap();
    assert!(delay > Duration::ZERO && delay <= Duration::from_secs(1), "{delay:?}");
}

#[tokio::test]
async fn who_does_not_read_is_cut_off() {
    let config = FleetConfig { write_limit: QUIET, ..FleetConfig::default() };
    let server = TestServer::with(config).await;
    server.assign().await;
    let agent = server.agent("a").await;
    let mut builder = Builder::new(TokioExecutor::new());
    // The server may send not a byte of body.
    builder.initial_stream_window_size(0);
    let mut client = agent.client_with(&builder).await;
    let (messages_tx, messages_rx) = tokio::sync::mpsc::channel(1);
    let response = client.session(Request::new(ReceiverStream::new(messages_rx))).await.unwrap();
    let to_wire = landmark_proto::convert::fleet::agent_message_to_wire;
    messages_tx.send(to_wire(&AgentMessage::Hello(Box::new(hello(None))))).await.unwrap();
    server.until(agent.agent_id, |agent| agent.online).await;
    // The connection holds what was said so far in its hands; what is said next waits.
    messages_tx.send(to_wire(&AgentMessage::Heartbeat)).await.unwrap();
    server.until(agent.agent_id, |agent| !agent.online).await;
    // The connection itself is cut, so that nothing of it stays.
    timeout(LIMIT, messages_tx.closed()).await.expect("the connection stands");
    drop(response);
}

#[tokio::test]
async fn who_reads_everything_and_is_silent_stays() {
    let config = FleetConfig { write_limit: QUIET, ..FleetConfig::default() };
    let server = TestServer::with(config).await;
    let mut sessions = Vec::new();
    // Whether the session's task or its reader looks first at what was said is chance.
    for n in 0..16 {
        let agent = server.agent(&n.to_string()).await;
        let (mut session, _) = agent.connected().await;
        session.say(AgentMessage::Heartbeat).await;
        assert!(matches!(session.hear().await, ServerMessage::HeartbeatAck { .. }));
        sessions.push((agent, session));
    }
    assert!(sessions[0].1.is_quiet_for(3 * QUIET).await);
    for (agent, _) in &sessions {
        assert!(server.fleet.registry().agent(agent.agent_id).unwrap().agent.online, "was cut off");
    }
}

#[tokio::test]
async fn a_certificate_is_renewed_and_its_agent_reminded_when_it_is_due() {
    let server = TestServer::new().await;
    let agent = server.agent("a").await;
    let long_ago = SystemTime::now() - Duration::from_secs(25 * 24 * 60 * 60);
    let tls = server.identity.client_signed_by(&server.identity.authority, agent.agent_id, long_ago);
    // As if it had been enrolled then.
    server.fleet.registry().note_written(agent.agent_id, |agent| {
        agent.certificate_expires_at = server.identity.authority.agent_not_after(long_ago);
        true
    });
    let old = testing::TestAgent { tls, ..agent.clone() };
    let (mut session, _) = old.connected().await;
    assert!(matches!(session.hear().await, ServerMessage::RenewNow { .. }));

    let key = KeyPair::generate().unwrap();
    let request = wire::RenewCertificateRequest { certificate_request: certificate_request(&key).into() };
    let response = old.client().await.renew_certificate(request).await.unwrap().into_inner();
    let renewed = PeerIdentity::from_certificate(&response.certificate).unwrap();
    assert_eq!(renewed.agent_id, agent.agent_id);
    assert!(renewed.not_after > SystemTime::now() + Duration::from_secs(29 * 24 * 60 * 60));
    let known = server.fleet.registry().agent(agent.agent_id).unwrap().agent;
    assert_eq!((known.certificate_expires_at, known.key_pin), (renewed.not_after, renewed.pin));
    assert_eq!(response.certificate.as_ref(), CertificateDer::from(response.certificate.to_vec()).as_ref());
    let (mut session, _) = agent.connected().await;
    assert!(session.is_quiet_for(QUIET).await, "nobody reminds a fresh certificate");

    let nonsense = wire::RenewCertificateRequest { certificate_request: b"x".to_vec().into() };
    let status = old.client().await.renew_certificate(nonsense).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_panic_ends_its_own_session_only() {
    let server = TestServer::new().await;
    let (agent, other) = (server.agent("a").await, server.agent("b").await);
    let (mut bystander, _) = other.connected().await;
    let now = SystemTime::now();
    let outbound = Arc::new(outbound::Outbound::default());
    let session = session::Session {
        shared: Arc::clone(&server.fleet.0),
        peer: PeerIdentity {
            agent_id: agent.agent_id,
            fleet_id: server.identity.authority.fleet_id(),
            pin: server.identity.authority.pin(),
            not_before: now,
            not_after: now + LIMIT,
        },
        address: None,
        outbound: Arc::clone(&outbound),
        hangup: crate::edge::Hangup::default(),
    };
    let mut n_read = 0;
    let inbound = futures_util::stream::poll_fn(|_| {
        n_read += 1;
        assert!(n_read < 2, "a bug in a session");
        std::task::Poll::Ready(Some(Ok(AgentMessage::Hello(Box::new(hello(None))))))
    });
    let stream = Messages(Arc::clone(&outbound));
    let reading = async {
        use tokio_stream::StreamExt as _;
        stream.collect::<Vec<_>>().await
    };
    let (said, ()) = tokio::join!(reading, session.run(inbound));
    assert_eq!(said.last().unwrap().as_ref().unwrap_err().code(), Code::Internal);
    assert!(!server.fleet.registry().agent(agent.agent_id).unwrap().agent.online);
    bystander.say(AgentMessage::Heartbeat).await;
    assert!(matches!(bystander.hear().await, ServerMessage::HeartbeatAck { .. }));
}

#[tokio::test]
async fn agents_are_asked_to_look_again() {
    let server = TestServer::new().await;
    let (a, b) = (server.agent("a").await, server.agent("b").await);
    let (mut session, _) = a.connected().await;
    let asked = server.fleet.registry().recheck(&[a.agent_id, b.agent_id], 1);
    assert_eq!((asked.n_asked, asked.n_offline), (1, 1));
    assert!(matches!(session.hear().await, ServerMessage::Evaluate { request_id: 1 }));
    let asked = server.fleet.registry().recheck_all(2).await;
    assert_eq!((asked.n_asked, asked.n_offline), (1, 1));
    assert!(matches!(session.hear().await, ServerMessage::Evaluate { request_id: 2 }));
}

#[tokio::test]
async fn an_idle_fleet_writes_nothing() {
    let server = TestServer::new().await;
    let agent = server.agent("a").await;
    let (mut session, _) = agent.connected().await;
    while server.fleet.registry().n_unwritten() > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(QUIET).await;
    let database = server.identity.folder.path().join("landmark.db-wal");
    let before = std::fs::metadata(&database).unwrap().len();
    for _ in 0..5 {
        session.say(AgentMessage::Heartbeat).await;
        assert!(matches!(session.hear().await, ServerMessage::HeartbeatAck { .. }));
    }
    tokio::time::sleep(QUIET).await;
    assert_eq!(std::fs::metadata(&database).unwrap().len(), before);
}

#[test]
fn a_large_fleet_is_spread_out_by_itself() {
    let spread = |n_agents| tuning_for(&Tuning::default(), n_agents).evaluation_spread.as_secs();
    assert_eq!([0, 4_999, 5_000, 5_001, 20_000, 1_000_000].map(spread), [0, 0, 5, 10, 20, 60]);
    let configured = Tuning { evaluation_spread: Duration::from_secs(3), ..Tuning::default() };
    assert_eq!(tuning_for(&configured, 1_000_000), configured);
}
