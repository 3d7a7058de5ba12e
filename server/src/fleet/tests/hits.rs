//! What firewalls have counted, in sessions over real TLS on loopback.

use landmark_proto::firewall::Action;
use landmark_proto::firewall::ruling::Flow;
use landmark_proto::message::RuleHits;
use landmark_proto::settings::Settings;

use super::super::hits::tests::{firewall, report};
use super::super::testing::publish;
use super::*;

fn with_firewall(settings: &Settings) -> Settings {
    Settings { firewall: firewall(), ..settings.clone() }
}

fn blocked(held: Held, n_packets: u64) -> AgentMessage {
    let hits = RuleHits {
        exception: None,
        flow: Flow::Inbound,
        action: Action::Block,
        n_packets,
        n_bytes: n_packets * 60,
    };
    AgentMessage::FirewallHits(report(held, "Outside", vec![hits]))
}

impl TestServer {
    /// Agents and packets of `Outside`, once so many agents have reported.
    async fn counted_by(&self, n_agents: usize) -> u64 {
        let waiting = async {
            loop {
                let hits = self.fleet.firewall_hits().await.unwrap();
                let outside = hits.policies.iter().find(|hits| hits.policy.as_str() == "Outside");
                if outside.map_or(0, |hits| hits.n_agents) == n_agents {
                    return outside.map_or(0, |hits| hits.rules.iter().map(|rule| rule.n_packets).sum());
                }
                tokio::task::yield_now().await;
            }
        };
        timeout(LIMIT, waiting).await.expect("no such number of agents")
    }
}

#[tokio::test]
async fn what_firewalls_count_is_wanted_added_up_and_written_nowhere() {
    let server = TestServer::new().await;
    let published = publish(&server.store, &server.publisher, with_firewall).await;
    let agents = [server.agent("a").await, server.agent("b").await];
    let (first, welcome) = agents[0].welcomed(hello(Some(published.held()))).await;
    assert!(welcome.wants_firewall_hits);
    let (second, _) = agents[1].welcomed(hello(Some(published.held()))).await;
    let n_unwritten = server.fleet.registry().n_unwritten();
    first.say(blocked(published.held(), 3)).await;
    assert_eq!(server.counted_by(1).await, 3);
    second.say(blocked(published.held(), 4)).await;
    assert_eq!(server.counted_by(2).await, 7);
    assert!(server.fleet.registry().n_unwritten() <= n_unwritten, "nothing of it is written");

    server.fleet.remove(agents[1].agent_id).await.unwrap();
    assert_eq!(server.counted_by(1).await, 3);
    let next = server.assign().await;
    while server.fleet.firewall_hits().await.unwrap().held != Some(next.held()) {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.counted_by(0).await, 0);
    first.say(blocked(published.held(), 9)).await;
    first.say(blocked(next.held(), 5)).await;
    assert_eq!(server.counted_by(1).await, 5);
}

#[tokio::test]
async fn reports_of_firewalls_beyond_the_allowance_are_not_taken() {
    let server = TestServer::new().await;
    let published = publish(&server.store, &server.publisher, with_firewall).await;
    let agents = [server.agent("a").await, server.agent("b").await];
    let (mut first, _) = agents[0].welcomed(hello(Some(published.held()))).await;
    for n_packets in 1..=20 {
        first.say(blocked(published.held(), n_packets)).await;
    }
    // Answered in order, after all of it was seen.
    first.say(AgentMessage::Heartbeat).await;
    while !matches!(first.hear().await, ServerMessage::HeartbeatAck { .. }) {}
    assert_eq!(server.counted_by(1).await, 6, "the seventh and later ones are ignored");
    // Others are not concerned.
    let (second, _) = agents[1].welcomed(hello(Some(published.held()))).await;
    second.say(blocked(published.held(), 100)).await;
    assert_eq!(server.counted_by(2).await, 106);
}
