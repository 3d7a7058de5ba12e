//! Evidence and sweeps in sessions over real TLS on loopback.

use landmark_proto::evidence::{Evidence, Outcome};
use landmark_proto::message::{SweepReport, SweepResult};
use landmark_proto::reference_server::ReferenceServer;
use landmark_proto::settings::Settings;

use super::super::testing::publish;
use super::*;
use crate::store::evidence::tests::evidence;

impl TestSession {
    async fn hear_evidence_ack(&mut self) -> EvaluationId {
        let next = self.hear().await;
        let ServerMessage::EvidenceAck { evaluation } = next else { panic!("{next:?}") };
        evaluation
    }

    async fn show(&self, evidence: Evidence) {
        self.say(AgentMessage::Evidence(Box::new(evidence))).await;
    }
}

#[tokio::test]
async fn evidence_is_wanted_acknowledged_once_stored_and_judged() {
    let server = TestServer::new().await;
    let agent = server.agent("a").await;
    let (mut session, welcome) = agent.connected().await;
    assert!(welcome.wants_evidence);
    for (number, location) in [(1, Location::Unknown), (2, Location::Internal)] {
        session.show(evidence(number, location)).await;
        assert_eq!(session.hear_evidence_ack().await, EvaluationId::new(number));
        let stored = server.store.evidence(agent.agent_id, 1).await.unwrap().remove(0);
        assert_eq!(stored.evidence, evidence(number, location));
        assert_eq!(stored.follows, number == 1, "a verdict that does not follow is stored and marked");
    }
    // Sent again, as after a lost acknowledgement.
    session.show(evidence(1, Location::Unknown)).await;
    assert_eq!(session.hear_evidence_ack().await, EvaluationId::new(1));
    assert_eq!(server.store.evidence(agent.agent_id, 16).await.unwrap().len(), 2);
    server.stopped().await;
}

#[tokio::test]
async fn no_more_records_are_taken_of_an_agent_in_a_minute_than_it_is_allowed() {
    const ALLOWED: u64 = 32;
    let server = TestServer::new().await;
    let agent = server.agent("a").await;
    let (mut session, _) = agent.connected().await;
    for number in 1..=ALLOWED {
        session.show(evidence(number, Location::Unknown)).await;
        assert_eq!(session.hear_evidence_ack().await, EvaluationId::new(number));
    }
    session.show(evidence(ALLOWED + 1, Location::Unknown)).await;
    session.say(AgentMessage::Heartbeat).await;
    let next = session.hear().await;
    assert!(matches!(next, ServerMessage::HeartbeatAck { .. }), "{next:?}");
    // Others are not concerned, and what is stored with theirs or before is stored by then.
    let (mut other, _) = server.agent("b").await.connected().await;
    other.show(evidence(1, Location::Unknown)).await;
    assert_eq!(other.hear_evidence_ack().await, EvaluationId::new(1));
    let newest = server.store.evidence(agent.agent_id, 1).await.unwrap().remove(0);
    assert_eq!(newest.evidence, evidence(ALLOWED, Location::Unknown));
    assert!(session.is_quiet_for(QUIET).await, "one too many is acknowledged");
}

#[tokio::test]
async fn what_an_agent_sends_beyond_its_credit_costs_nothing() {
    let server = TestServer::new().await;
    let agent = server.agent("a").await;
    let (mut session, _) = agent.connected().await;
    let mut n_acks = 0;
    for number in 1..=100 {
        session.show(evidence(number, Location::Unknown)).await;
    }
    // Answered in order, after all of it was seen.
    session.say(AgentMessage::Heartbeat).await;
    loop {
        let said = session.hear().await;
        if matches!(said, ServerMessage::HeartbeatAck { .. }) {
            break;
        }
        assert!(matches!(said, ServerMessage::EvidenceAck { .. }), "{said:?}");
        n_acks += 1;
    }
    assert!(n_acks < 100, "one record is under way at a time");
    for number in 101..=200 {
        session.show(evidence(number, Location::Unknown)).await;
        session.say(AgentMessage::Heartbeat).await;
        while !matches!(session.hear().await, ServerMessage::HeartbeatAck { .. }) {}
    }
    let kept = server.store.evidence(agent.agent_id, 16).await.unwrap();
    assert!(kept.len() <= 8, "{}", kept.len());
    // Others are not concerned.
    let (mut session, _) = server.agent("b").await.connected().await;
    session.show(evidence(1, Location::Unknown)).await;
    assert_eq!(session.hear_evidence_ack().await, EvaluationId::new(1));
}

#[tokio::test]
async fn evidence_of_a_removed_agent_is_gone() {
    let server = TestServer::new().await;
    let agent = server.agent("a").await;
    let (mut session, _) = agent.connected().await;
    session.show(evidence(1, Location::Unknown)).await;
    session.hear_evidence_ack().await;
    assert!(server.fleet.remove(agent.agent_id).await.unwrap());
    assert_eq!(server.store.evidence(agent.agent_id, 16).await.unwrap(), []);
}

fn with_server(settings: &Settings) -> Settings {
    let server = ReferenceServer {
        host: "dc1.example".parse().unwrap(),
        ports: landmark_proto::port::Ports::new(vec!["443".parse().unwrap()]).unwrap(),
        probe: landmark_proto::reference_server::Probe::Tcp,
    };
    let list = landmark_proto::reference_server::ReferenceServerList::new(true, vec![server]);
    Settings { reference_servers: list.unwrap(), ..settings.clone() }
}

fn sweep(held: Held, outcome: Outcome) -> AgentMessage {
    let result = SweepResult {
        position: 0,
        port: "443".parse().unwrap(),
        outcome,
        took: Duration::from_millis(7),
        counts: outcome == Outcome::Answered,
        certificate: None,
    };
    AgentMessage::SweepReport(SweepReport { held, age: Duration::from_secs(5), results: vec![result] })
}

#[tokio::test]
async fn agents_are_asked_to_sweep_and_their_reports_make_the_health() {
    let server = TestServer::new().await;
    let published = publish(&server.store, &server.publisher, with_server).await;
    let agents = [server.agent("a").await, server.agent("b").await, server.agent("offline").await];
    let (mut first, _) = agents[0].welcomed(hello(Some(published.held()))).await;
    let (second, _) = agents[1].welcomed(hello(Some(published.held()))).await;
    let SweepAsked { asked, spread } = server.fleet.sweep(None).await;
    assert_eq!((asked, spread), (Asked { n_asked: 2, n_offline: 1 }, Duration::from_secs(2)));
    let next = first.hear().await;
    assert!(matches!(next, ServerMessage::SweepNow { spread: told } if told == spread), "{next:?}");

    let n_unwritten = server.fleet.registry().n_unwritten();
    first.say(sweep(published.held(), Outcome::Answered)).await;
    second.say(sweep(published.held(), Outcome::Refused)).await;
    let health = server.health_of(2).await;
    let of_server = &health.servers[0];
    assert_eq!((of_server.n_reached, of_server.n_depend, health.n_agents_external), (1, 1, 1));
    assert_eq!(of_server.ports[0].median, Some(Duration::from_millis(7)));
    assert!(server.fleet.registry().n_unwritten() <= n_unwritten, "nothing of it is written");

    server.fleet.remove(agents[1].agent_id).await.unwrap();
    server.health_of(1).await;
    let next = server.assign().await;
    while server.fleet.health().await.unwrap().held != Some(next.held()) {
        tokio::task::yield_now().await;
    }
    server.health_of(0).await;
}

#[tokio::test]
async fn reports_of_sweeps_beyond_the_allowance_are_not_taken() {
    let server = TestServer::new().await;
    let published = publish(&server.store, &server.publisher, with_server).await;
    let agents = [server.agent("a").await, server.agent("b").await];
    let (mut first, _) = agents[0].welcomed(hello(Some(published.held()))).await;
    for _ in 0..4 {
        first.say(sweep(published.held(), Outcome::Answered)).await;
    }
    for _ in 0..20 {
        first.say(sweep(published.held(), Outcome::Refused)).await;
    }
    // Answered in order, after all of it was seen.
    first.say(AgentMessage::Heartbeat).await;
    while !matches!(first.hear().await, ServerMessage::HeartbeatAck { .. }) {}
    assert_eq!(server.health_of(1).await.servers[0].n_reached, 1, "the fifth and later ones are ignored");
    // Others are not concerned.
    let (second, _) = agents[1].welcomed(hello(Some(published.held()))).await;
    second.say(sweep(published.held(), Outcome::Answered)).await;
    assert_eq!(server.health_of(2).await.servers[0].n_reached, 2);
}

impl TestServer {
    /// The health once it rests on so many agents.
    async fn health_of(&self, n_agents: usize) -> Health {
        let waiting = async {
            loop {
                let health = self.fleet.health().await.unwrap();
                if health.n_agents == n_agents {
                    return health;
                }
                tokio::task::yield_now().await;
            }
        };
        timeout(LIMIT, waiting).await.expect("no such health")
    }
}
