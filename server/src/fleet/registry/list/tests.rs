use std::time::{Duration, SystemTime};

use landmark_proto::ids::{AgentId, BootId, EvaluationId};
use landmark_proto::location::{Basis, Location, LocationReport, Verdict};
use landmark_proto::message::{EnforcementState, EnforcementStatus, HostFacts};
use landmark_proto::pin::SpkiPin;
use landmark_proto::revision::{Digest, Held, Revision};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::fleet::agent::{Boots, Reported};
use crate::store::agents::Agents;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn agent(number: u128, host_name: &str) -> Agent {
    let facts = HostFacts { host_name: host_name.to_owned(), ..HostFacts::default() };
    Agent::enrolled(AgentId::from_uuid(Uuid::from_u128(number)), SpkiPin::of(b""), facts, at(0), at(0))
}

fn registry(enrolled: Vec<Agent>) -> Registry {
    Registry::new(Agents { enrolled, removed: Vec::new() }, None)
}

fn names(page: &Page) -> Vec<&str> {
    page.agents.iter().map(|view| view.agent.facts.host_name.as_str()).collect()
}

const BY_NAME: Sorting = Sorting { order: AgentOrder::HostName, descending: false };

#[test]
fn a_list_is_in_order_and_comes_in_parts() {
    let host_names = ["web-2", "Web-1", "db", "web-1", "app"];
    let registry = registry(host_names.iter().zip(1..).map(|(name, number)| agent(number, name)).collect());
    let all = AgentFilter::default();
    assert_eq!(names(&registry.list(&all, BY_NAME, None, 9)), ["app", "db", "Web-1", "web-1", "web-2"]);
    let filter = AgentFilter::default().with_text("WEB");
    let first = registry.list(&filter, BY_NAME, None, 2);
    assert_eq!((names(&first), first.n_matching), (vec!["Web-1", "web-1"], 3));
    let second = registry.list(&filter, BY_NAME, first.next.as_ref(), 2);
    assert_eq!((names(&second), second.n_matching, second.next.is_none()), (vec!["web-2"], 3, true));
    registry.note(AgentId::from_uuid(Uuid::from_u128(3)), |agent| {
        "zeta".clone_into(&mut agent.facts.host_name);
        true
    });
    registry.removed(AgentId::from_uuid(Uuid::from_u128(5)));
    let page = registry.list(&all, BY_NAME, None, 4);
    assert_eq!((names(&page), page.next.is_none()), (vec!["Web-1", "web-1", "web-2", "zeta"], true));
}

#[test]
fn a_list_longer_than_a_look_under_one_lock_is_whole() {
    let registry = registry((1..=5_000).map(|number| agent(number, &format!("host-{number:05}"))).collect());
    let by_connection = Sorting { order: AgentOrder::Connection, descending: true };
    for sorting in [BY_NAME, by_connection] {
        let page = registry.list(&AgentFilter::default().with_text("host-04999"), sorting, None, 10);
        assert_eq!((page.agents.len(), page.n_matching, page.next), (1, 1, None));
        let page = registry.list(&AgentFilter::default(), sorting, None, 4_999);
        assert_eq!((page.agents.len(), page.n_matching), (4_999, 5_000));
        let last = registry.list(&AgentFilter::default(), sorting, page.next.as_ref(), 10);
        assert_eq!((names(&last), last.next.is_none()), (vec!["host-05000"], true));
    }
}

fn any_agent() -> impl Strategy<Value = Agent> {
    let state = prop::sample::select(vec![
        EnforcementState::Applied,
        EnforcementState::Observed,
        EnforcementState::Failed,
        EnforcementState::Repaired,
    ]);
    let location = prop::sample::select(vec![Location::Internal, Location::External, Location::Unknown]);
    let since = || prop::option::of(0_u64..4);
    let told = (prop::option::of(state), prop::option::of((location, 0_u64..4)), since(), since());
    ("[abAB]{1,2}", any::<(bool, bool)>(), told).prop_map(|(host_name, (online, cloned), told)| {
        let (state, location, seen, held) = told;
        let mut agent = agent(0, &host_name);
        agent.online = online;
        agent.boots = Boots::restored(Vec::new(), cloned);
        agent.connection_since = seen.map(at);
        agent.held = held.and_then(Revision::new).map(|revision| Held { revision, digest: Digest::of(b"") });
        agent.enforcement = state.map(|state| EnforcementStatus {
            state,
            backend: String::new(),
            reason: String::new(),
            location: Location::Unknown,
            revision: None,
            since: at(0),
            profile: None,
        });
        agent.location = location.map(|(location, seconds)| reported(location, at(seconds)));
        agent
    })
}

fn reported(location: Location, at: SystemTime) -> Reported {
    let report = LocationReport {
        at,
        boot_id: BootId::from_uuid(Uuid::nil()),
        since_boot: Duration::ZERO,
        verdict: Verdict { location, basis: Basis::ListDisabled },
        triggers: Vec::new(),
        revision: None,
        evaluation: EvaluationId::new(1),
        decided_in: Duration::ZERO,
        n_flips: 0,
    };
    Reported { report, received_at: at }
}

fn any_filter() -> impl Strategy<Value = AgentFilter> {
    let text = prop::sample::select(vec!["", "a", "ab", "B", "0000"]);
    let rest = (any::<Option<bool>>(), any::<bool>(), any::<bool>(), any::<bool>());
    (text, rest).prop_map(|(text, (online, cloned, external, failed))| {
        let mut filter = AgentFilter::default().with_text(text);
        (filter.online, filter.cloned) = (online, cloned);
        filter.location = external.then_some(Location::External);
        filter.enforcement_state = failed.then_some(EnforcementState::Failed);
        filter
    })
}

/// The whole list, the slow and obvious way.
fn sorted(agents: &[Agent], filter: &AgentFilter, sorting: Sorting) -> Vec<AgentId> {
    let mut found: Vec<_> =
        agents.iter().filter(|agent| filter.matches(agent, agent.assignment_state(None))).collect();
    found.sort_by_key(|agent| (agent.facts.host_name.to_lowercase(), agent.agent_id));
    if sorting.order == AgentOrder::HostName {
        if sorting.descending {
            found.reverse();
        }
    } else if sorting.descending {
        found.sort_by_key(|agent| std::cmp::Reverse(sorting.rank(agent)));
    } else {
        found.sort_by_key(|agent| sorting.rank(agent));
    }
    found.iter().map(|agent| agent.agent_id).collect()
}

proptest! {
    #[test]
    fn the_pages_of_every_list_together_are_the_whole_list(
        agents in prop::collection::vec(any_agent(), 0..24),
        filter in any_filter(),
        limit in 1_usize..9,
    ) {
        let numbered = agents.into_iter().zip(1..).map(|(agent, number)| {
            Agent { agent_id: AgentId::from_uuid(Uuid::from_u128(number)), ..agent }
        });
        let agents: Vec<_> = numbered.collect();
        let registry = registry(agents.clone());
        for filter in [&filter, &AgentFilter::default()] {
            for order in AgentOrder::ALL {
                for descending in [false, true] {
                    let sorting = Sorting { order, descending };
                    let expected = sorted(&agents, filter, sorting);
                    let (mut listed, mut after) = (Vec::new(), None);
                    loop {
                        let page = registry.list(filter, sorting, after.as_ref(), limit);
                        prop_assert_eq!(page.n_matching, expected.len());
                        prop_assert!(page.agents.len() == limit || page.next.is_none(), "a page is full or the last");
                        listed.extend(page.agents.iter().map(|view| view.agent.agent_id));
                        after = page.next;
                        if after.is_none() {
                            break;
                        }
                    }
                    prop_assert_eq!(&listed, &expected, "{:?}", sorting);
                }
            }
        }
    }
}
