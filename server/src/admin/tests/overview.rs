//! Numbers, attention, samples and lists of agents, asked for over the whole service.

use std::time::SystemTime;

use landmark_proto::ids::AgentId;
use landmark_proto::message::HostFacts;
use landmark_proto::pin::SpkiPin;
use uuid::Uuid;

use super::*;
use crate::fleet::Agent;

impl Served {
    /// As if they had been enrolled; their certificates last.
    fn enroll(&self, host_names: &[&str]) {
        let now = SystemTime::now();
        for (number, host_name) in (1..).zip(host_names) {
            let facts = HostFacts { host_name: (*host_name).to_owned(), ..HostFacts::default() };
            let agent_id = AgentId::from_uuid(Uuid::from_u128(number));
            let expires_at = now + Duration::from_secs(30 * 24 * 60 * 60);
            self.fleet.registry().enrolled(Agent::enrolled(
                agent_id,
                SpkiPin::of(b""),
                facts,
                now,
                expires_at,
            ));
        }
    }

    async fn overview(&mut self) -> wire::Overview {
        let request = with_token(wire::GetOverviewRequest {});
        self.client.get_overview(request).await.unwrap().into_inner()
    }
}

fn codes(overview: &wire::Overview) -> Vec<&str> {
    overview.attention.iter().map(|item| item.code.as_str()).collect()
}

#[tokio::test]
async fn an_overview_has_the_numbers_the_progress_and_what_to_do() {
    let mut served = Served::new().await;
    let empty = served.overview().await;
    assert_eq!(empty.counts, Some(wire::FleetCounts::default()));
    assert!(empty.progress.is_none() && empty.attention.is_empty(), "{empty:?}");

    served.enroll(&["a", "b"]);
    served.edit("", vec![add("10.1.1.5", &[443])]).await.unwrap();
    let before = served.overview().await;
    assert_eq!(codes(&before), ["nothing_assigned"]);
    assert_eq!(before.n_draft_changes, 1);
    let counts = before.counts.unwrap();
    assert_eq!((counts.n_agents, counts.n_offline, counts.n_unknown, counts.n_behind), (2, 2, 2, 0));

    served.assign("").await.unwrap();
    // The registry learns of it a moment later.
    let mut changed_rx = served.fleet.registry().subscribe();
    while served.fleet.registry().progress().is_none() {
        changed_rx.changed().await.unwrap();
    }
    let after = served.overview().await;
    assert_eq!((after.n_draft_changes, after.counts.unwrap().n_behind), (0, 2));
    let progress = after.progress.as_ref().unwrap();
    assert_eq!((progress.revision, progress.n_agents, progress.n_offline, progress.done), (1, 2, 2, true));
    assert_eq!(codes(&after), ["list_disabled"]);
    let [item] = after.attention.as_slice() else { panic!() };
    assert_eq!(item.level(), wire::AttentionLevel::Warning);
    assert!(item.remedy.contains("landmarkctl servers enable"), "{}", item.remedy);
}

#[tokio::test]
async fn samples_end_with_the_present() {
    let mut served = Served::new().await;
    served.enroll(&["a", "b", "c"]);
    let request = with_token(wire::ListFleetSamplesRequest { span: None });
    let samples = served.client.list_fleet_samples(request).await.unwrap().into_inner().samples;
    let last = samples.last().unwrap();
    assert_eq!((last.n_unknown, last.n_online, last.stopped), (3, 0, false));
    let span = Some(prost_types::Duration { seconds: 60, nanos: 0 });
    let request = with_token(wire::ListFleetSamplesRequest { span });
    let refused = served.client.list_fleet_samples(request).await.unwrap_err();
    assert_eq!(refused.get_details_bad_request().unwrap().field_violations[0].field, "span");
}

#[tokio::test]
async fn agents_are_listed_in_the_order_that_is_asked_for_and_counted() {
    let mut served = Served::new().await;
    served.enroll(&["web-1", "db", "web-2", "app"]);
    let request = |text: &str, page_token: &str, descending| {
        let filter = wire::AgentFilter { text: text.to_owned(), ..wire::AgentFilter::default() };
        with_token(wire::ListAgentsRequest {
            filter: Some(filter),
            page_size: 1,
            page_token: page_token.to_owned(),
            order: wire::AgentOrder::LastSeen.into(),
            descending,
        })
    };
    let first = served.client.list_agents(request("web", "", false)).await.unwrap().into_inner();
    assert_eq!((first.agents[0].host_name.as_str(), first.n_matching), ("web-1", 2));
    let token = &first.next_page_token;
    let second = served.client.list_agents(request("web", token, false)).await.unwrap().into_inner();
    assert_eq!((second.agents[0].host_name.as_str(), second.n_matching), ("web-2", 2));
    assert_eq!(second.next_page_token, "");
    let refused = served.client.list_agents(request("web", token, true)).await.unwrap_err();
    assert_eq!(refused.get_details_bad_request().unwrap().field_violations[0].field, "page_token");
    let all = served.client.list_agents(request("", "", true)).await.unwrap().into_inner();
    assert_eq!(all.n_matching, 4);
}
