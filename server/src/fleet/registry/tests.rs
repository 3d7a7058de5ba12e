use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use landmark_proto::ids::{BootId, EvaluationId, PushId};
use landmark_proto::location::{Basis, Location, LocationReport, Verdict};
use landmark_proto::message::{
    AssignmentOutcome, AssignmentResult, EnforcementState, EnforcementStatus, HostFacts, Rejection,
    RejectionCode,
};
use landmark_proto::pin::SpkiPin;
use proptest::prelude::*;
use tokio::time::timeout;
use uuid::Uuid;

use super::tally::{Class, Counts, Tally};
use super::*;
use crate::fleet::agent::{Boots, Reported};
use crate::fleet::order::Sorting;
use crate::fleet::slots::Next;
use crate::fleet::testing::{LIMIT, assignments};

fn id(number: u128) -> AgentId {
    AgentId::from_uuid(Uuid::from_u128(number))
}

fn agent(number: u128, host_name: &str) -> Agent {
    let facts = HostFacts { host_name: host_name.to_owned(), ..HostFacts::default() };
    Agent::enrolled(id(number), SpkiPin::of(b""), facts, SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH)
}

fn registry(host_names: &[&str]) -> Registry {
    let enrolled = host_names.iter().zip(1..).map(|(host_name, number)| agent(number, host_name)).collect();
    Registry::new(Agents { enrolled, removed: Vec::new() }, None)
}

impl Registry {
    fn open(&self, number: u128) -> Arc<Outbound> {
        let session = Arc::new(Outbound::default());
        self.open_session(id(number), &session, |_, _| ()).unwrap();
        session
    }

    fn apply(&self, number: u128, held: Held) {
        self.note(id(number), |agent| {
            agent.answer(&AssignmentResult {
                push_id: PushId::new(1),
                offered: held,
                outcome: AssignmentOutcome::Applied,
            })
        });
    }

    fn rename(&self, number: u128, host_name: &str) {
        self.note(id(number), |agent| {
            host_name.clone_into(&mut agent.facts.host_name);
            true
        });
    }
}

#[test]
fn an_agent_is_found_by_what_people_call_it() {
    let registry = registry(&["alpha", "beta", "Beta", "0000"]);
    registry.enrolled(agent(0xabcd_0000_0000_0000_0000_0000_0000_0000, "gamma"));
    let found = |text: &str| registry.find(text).map(|view| view.agent.agent_id);
    assert_eq!(found("alpha"), Ok(id(1)));
    assert_eq!(found(" ALPHA "), Ok(id(1)));
    assert_eq!(found(&id(2).to_string()), Ok(id(2)));
    assert_eq!(found("abcd"), Ok(id(0xabcd_0000_0000_0000_0000_0000_0000_0000)));
    assert_eq!(found("ABCD0000-00"), Ok(id(0xabcd_0000_0000_0000_0000_0000_0000_0000)));
    assert_eq!(found("0000"), Ok(id(4)), "a host name goes before the beginning of an id");
    assert!(matches!(found("beta"), Err(FindError::Ambiguous { first, .. }) if first == [id(2), id(3)]));
    assert!(matches!(found("00000000"), Err(FindError::Ambiguous { first, .. }) if first.len() == 4));
    for nobody in ["", "delta", "abce", &"0".repeat(33), "alph", "é"] {
        assert!(matches!(found(nobody), Err(FindError::NotFound { .. })), "{nobody}");
    }
}

#[tokio::test]
async fn an_assignment_is_offered_to_those_who_are_connected() {
    let ([first, second], registry) = (assignments().await, registry(&["a", "b", "c"]));
    let (a, _b) = (registry.open(1), registry.open(2));
    registry.publish(&second, Duration::ZERO).await;
    registry.publish(&first, Duration::ZERO).await;
    let progress = registry.progress().unwrap();
    assert_eq!(progress.revision, second.held().revision, "an older one does not come back");
    assert_eq!((progress.n_pending, progress.n_offline, progress.n_agents()), (2, 1, 3));
    registry.apply(1, second.held());
    registry.close_session(id(2), &_b, |_| ());
    let progress = registry.progress().unwrap();
    assert_eq!((progress.n_applied, progress.n_pending, progress.n_offline), (1, 0, 2));
    assert!(progress.is_done());
    assert!(a.with(|slots| matches!(slots.take(Instant::now()), Next::Nothing)), "before its welcome");
}

#[tokio::test]
async fn a_closed_session_that_was_superseded_changes_nothing() {
    let registry = registry(&["a"]);
    let (older, newer) = (registry.open(1), registry.open(1));
    assert_eq!(older.state().ending, Some(End::Superseded));
    registry.close_session(id(1), &older, |_| ());
    assert_eq!(registry.n_online(), 1);
    registry.close_session(id(1), &newer, |_| ());
    assert_eq!(registry.n_online(), 0);
}

#[test]
fn statuses_are_written_once_however_often_they_change() {
    let registry = registry(&["a", "b"]);
    assert!(registry.n_unwritten() == 0, "what was read is written");
    for number in 0..100 {
        registry.rename(1, &format!("a-{number}"));
    }
    registry.note(id(2), |_| false);
    let taken = registry.take_unwritten(10);
    assert_eq!(taken.iter().map(|agent| agent.facts.host_name.as_str()).collect::<Vec<_>>(), ["a-99"]);
    assert!(registry.n_unwritten() == 0);
    registry.put_back_unwritten(&taken);
    assert_eq!(registry.take_unwritten(10).len(), 1);
    registry.put_back_unwritten(&taken);
    registry.removed(id(1));
    assert!(registry.n_unwritten() == 0, "nobody writes a removed agent");
}

async fn next(watch: &mut AgentWatch) -> String {
    match timeout(LIMIT, watch.next()).await.unwrap() {
        AgentEvent::Changed(view) => view.agent.facts.host_name.clone(),
        AgentEvent::Gone(agent_id) => format!("gone {}", agent_id.as_uuid().as_u128()),
        AgentEvent::Synced => "synced".to_owned(),
    }
}

#[tokio::test]
async fn a_follower_sees_what_is_there_and_then_every_change_once() {
    let registry = registry(&["a", "b", "x"]);
    let mut watch = registry.watch(AgentFilter::default().with_text("a"));
    assert_eq!(next(&mut watch).await, "a");
    assert_eq!(next(&mut watch).await, "synced");
    // What changes many times while nobody looks is told once, in its newest state.
    for number in 0..1_000 {
        registry.rename(1, &format!("a-{number}"));
    }
    registry.rename(2, "also a");
    assert_eq!(next(&mut watch).await, "a-999");
    assert_eq!(next(&mut watch).await, "also a");
    registry.rename(2, "b");
    assert_eq!(next(&mut watch).await, "gone 2");
    registry.removed(id(3));
    registry.removed(id(1));
    assert_eq!(next(&mut watch).await, "gone 1", "nobody was told of the third");
}

#[tokio::test]
async fn a_follower_of_an_empty_fleet_is_in_step_at_once() {
    let registry = registry(&[]);
    let mut watch = registry.watch(AgentFilter::default());
    assert_eq!(next(&mut watch).await, "synced");
    registry.enrolled(agent(1, "first"));
    assert_eq!(next(&mut watch).await, "first");
}

#[tokio::test]
async fn a_follower_is_told_of_everyone_again_when_the_assignment_changes() {
    let ([published], registry) = (assignments().await, registry(&["a"]));
    let mut watch = registry.watch(AgentFilter::default());
    assert_eq!((next(&mut watch).await, next(&mut watch).await), ("a".to_owned(), "synced".to_owned()));
    registry.publish(&published, Duration::ZERO).await;
    let next = timeout(LIMIT, watch.next()).await.unwrap();
    let AgentEvent::Changed(view) = next else { panic!("{next:?}") };
    assert_eq!(view.state, AssignmentState::Behind);
}

#[tokio::test]
async fn progress_is_followed_to_its_end() {
    let ([first, second], registry) = (assignments().await, registry(&["a", "b"]));
    let _sessions = (registry.open(1), registry.open(2));
    registry.publish(&first, Duration::ZERO).await;
    let mut watch = registry.watch_progress(first.held().revision);
    let counts = async |watch: &mut ProgressWatch| {
        let progress = timeout(LIMIT, watch.next()).await.unwrap()?;
        Some((progress.n_applied, progress.n_pending, progress.superseded_by.map(Revision::get)))
    };
    assert_eq!(counts(&mut watch).await, Some((0, 2, None)));
    registry.apply(1, first.held());
    assert_eq!(counts(&mut watch).await, Some((1, 1, None)));
    registry.publish(&second, Duration::ZERO).await;
    assert_eq!(counts(&mut watch).await, Some((1, 1, Some(2))), "with the last counts that were seen");
    assert_eq!(counts(&mut watch).await, None);
    let mut late = registry.watch_progress(first.held().revision);
    assert_eq!(counts(&mut late).await, Some((0, 0, Some(2))));
}

#[tokio::test]
async fn a_live_page_learns_which_agents_have_changed_and_never_more_than_it_asked_for() {
    let ([published], registry) = (assignments().await, registry(&["a", "b", "c"]));
    let mut changed_rx = registry.subscribe();
    changed_rx.mark_unchanged();
    let mark = registry.mark();
    assert_eq!(registry.news_since(mark, 2), (News::Agents(vec![]), mark));
    registry.rename(1, "x");
    registry.rename(3, "y");
    registry.rename(1, "z");
    assert!(changed_rx.has_changed().unwrap());
    let (news, later) = registry.news_since(mark, 2);
    assert_eq!(news, News::Agents(vec![id(3), id(1)]), "each once, in the order of their last changes");
    assert_eq!(registry.news_since(mark, 1).0, News::Many);
    registry.removed(id(2));
    let (news, later) = registry.news_since(later, 2);
    assert_eq!(news, News::Agents(vec![id(2)]), "one that is gone is news");
    changed_rx.mark_unchanged();
    registry.publish(&published, Duration::ZERO).await;
    assert!(changed_rx.has_changed().unwrap());
    let (news, later) = registry.news_since(later, 2);
    assert_eq!(news, News::Many, "everyone stands differently to another assignment");
    assert_eq!(registry.news_since(later, 0).0, News::Agents(vec![]));
}

#[tokio::test]
async fn the_numbers_of_one_moment_belong_together() {
    let ([published], registry) = (assignments().await, registry(&["a", "b", "c"]));
    assert_eq!(registry.moment().counts.n_behind, 0, "there is nothing to be behind of");
    assert!(registry.moment().progress.is_none() && registry.moment().present.is_none());
    let _session = registry.open(1);
    registry.publish(&published, Duration::ZERO).await;
    registry.apply(2, published.held());
    let Moment { counts, progress, present } = registry.moment();
    let progress = progress.unwrap();
    assert_eq!((counts.n_agents, counts.n_online, counts.n_behind, counts.n_rejected), (3, 1, 2, 0));
    assert_eq!((progress.n_pending, progress.n_applied, progress.n_offline), (1, 1, 1));
    assert_eq!(present.unwrap().held().revision, progress.revision);
    assert_eq!(counts, registry.counts());
}

#[derive(Clone, Debug)]
enum Step {
    Enroll(u128),
    Open(u128),
    Close(u128),
    Apply(u128),
    Reject(u128),
    Enforce(u128, EnforcementState),
    Locate(u128, Location),
    Clone(u128),
    Remove(u128),
    Publish,
}

fn any_state() -> impl Strategy<Value = EnforcementState> {
    prop::sample::select(vec![
        EnforcementState::Applied,
        EnforcementState::Observed,
        EnforcementState::Failed,
        EnforcementState::Nothing,
        EnforcementState::Repaired,
        EnforcementState::Unavailable,
    ])
}

fn enforced(state: EnforcementState) -> EnforcementStatus {
    EnforcementStatus {
        state,
        backend: String::new(),
        reason: String::new(),
        location: Location::Internal,
        revision: None,
        since: SystemTime::UNIX_EPOCH,
        profile: None,
    }
}

fn any_location() -> impl Strategy<Value = Location> {
    prop::sample::select(vec![Location::Internal, Location::External, Location::Unknown])
}

fn reported(location: Location, seconds: u64) -> Reported {
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
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

/// Of two machines with one identity.
fn cloned() -> Boots {
    Boots::restored(Vec::new(), true)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let agent = || 1_u128..8;
    let step = prop_oneof![
        agent().prop_map(Step::Enroll),
        agent().prop_map(Step::Open),
        agent().prop_map(Step::Close),
        agent().prop_map(Step::Apply),
        agent().prop_map(Step::Reject),
        (agent(), any_state()).prop_map(|(number, state)| Step::Enforce(number, state)),
        (agent(), any_location()).prop_map(|(number, location)| Step::Locate(number, location)),
        agent().prop_map(Step::Clone),
        agent().prop_map(Step::Remove),
        Just(Step::Publish),
    ];
    prop::collection::vec(step, 1..80)
}

/// Counts everyone anew, the slow and obvious way.
fn recounted(registry: &Registry) -> (Tally, Counts) {
    let (mut tally, mut counts) = (Tally::default(), Counts::default());
    let agents = registry.list(&AgentFilter::default(), Sorting::default(), None, usize::MAX).agents;
    for view in &agents {
        tally.add(view.agent.agent_id, Class::of(&view.agent, registry.held()));
        counts.add(&view.agent);
        counts.n_behind += usize::from(view.state == AssignmentState::Behind);
        counts.n_rejected += usize::from(view.state == AssignmentState::Rejected);
    }
    assert_eq!(counts.n_agents, agents.len());
    (tally, counts)
}

#[test]
fn counters_and_followers_agree_with_what_is_there() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let published: [Published; 4] = runtime.block_on(assignments());
    let config = ProptestConfig::with_cases(64);
    proptest!(config, |(steps in steps())| {
        let registry = registry(&[]);
        let mut sessions: BTreeMap<u128, Arc<Outbound>> = BTreeMap::new();
        let mut unpublished = published.iter();
        // A follower that reads now and then.
        let mut watch = registry.watch(AgentFilter::default());
        let mut followed = BTreeSet::new();
        for step in steps {
            match step {
                Step::Enroll(number) if !registry.was_removed(id(number)) => {
                    registry.enrolled(agent(number, "host"));
                }
                Step::Open(number) => {
                    let session = Arc::new(Outbound::default());
                    if registry.open_session(id(number), &session, |_, _| ()).is_ok() {
                        sessions.insert(number, session);
                    }
                }
                Step::Close(number) => if let Some(session) = sessions.remove(&number) {
                    registry.close_session(id(number), &session, |_| ());
                },
                Step::Apply(number) => if let Some(held) = registry.held() {
                    registry.apply(number, held);
                },
                Step::Reject(number) => if let Some(offered) = registry.held() {
                    let rejection = Rejection { code: RejectionCode::Invalid, violations: None, still_held: None };
                    let outcome = AssignmentOutcome::Rejected(rejection);
                    let result = AssignmentResult { push_id: PushId::new(1), offered, outcome };
                    registry.note(id(number), |agent| agent.answer(&result));
                },
                Step::Enforce(number, state) => registry.note(id(number), |agent| {
                    agent.enforcement = Some(enforced(state));
                    true
                }),
                Step::Locate(number, location) => registry.note_written(id(number), |agent| {
                    agent.location = Some(reported(location, 1));
                    true
                }),
                Step::Clone(number) => registry.note(id(number), |agent| {
                    agent.boots = cloned();
                    true
                }),
                Step::Remove(number) => registry.removed(id(number)),
                Step::Publish => if let Some(published) = unpublished.next() {
                    runtime.block_on(registry.publish(published, Duration::ZERO));
                },
                Step::Enroll(_) => {}
            }
            let (tally, counts) = recounted(&registry);
            let counted = registry.index().tally().clone();
            prop_assert_eq!(counted, tally);
            prop_assert_eq!(registry.index().counts(), counts);
            prop_assert_eq!((registry.n_online(), registry.n_agents()), (counts.n_online, counts.n_agents));
        }
        // In the end the follower knows exactly who is there.
        runtime.block_on(async {
            while let Ok(event) = timeout(Duration::from_millis(1), watch.next()).await {
                match event {
                    AgentEvent::Changed(view) => drop(followed.insert(view.agent.agent_id)),
                    AgentEvent::Gone(agent_id) => drop(followed.remove(&agent_id)),
                    AgentEvent::Synced => {}
                }
            }
        });
        let agents = registry.list(&AgentFilter::default(), Sorting::default(), None, usize::MAX).agents;
        prop_assert_eq!(followed, agents.iter().map(|view| view.agent.agent_id).collect::<BTreeSet<_>>());
    });
}

#[test]
fn the_numbers_of_the_agents_are_there_from_the_start_and_follow_every_change() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let told = |state: &str| format!("landmark_server_agents_enforcement{{state=\"{state}\"}}");
    metrics::with_local_recorder(&recorder, || {
        let agents = Agents { enrolled: vec![agent(1, "a"), agent(2, "b")], removed: Vec::new() };
        let registry = Registry::new(agents, None);
        let text = handle.render();
        assert!(text.contains("landmark_server_agents 2\n"), "{text}");
        assert!(text.contains(&format!("{} 2\n", told("unknown"))), "{text}");
        assert!(text.contains("landmark_server_agents_location{location=\"unknown\"} 2\n"), "{text}");
        registry.note_written(id(1), |agent| {
            agent.location = Some(reported(Location::External, 1));
            true
        });
        registry.note(id(1), |agent| {
            agent.enforcement = Some(enforced(EnforcementState::Failed));
            true
        });
        registry.removed(id(2));
        let text = handle.render();
        assert!(text.contains(&format!("{} 1\n", told("failed"))), "{text}");
        assert!(text.contains(&format!("{} 0\n", told("unknown"))), "{text}");
        assert!(text.contains("landmark_server_agents_location{location=\"external\"} 1\n"), "{text}");
        assert!(text.contains("landmark_server_agents_location{location=\"unknown\"} 0\n"), "{text}");
    });
}
