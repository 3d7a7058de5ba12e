use std::sync::LazyLock;
use std::time::Duration;

use landmark_proto::firewall::{
    Action, Conditions, Direction, Exception, Exceptions, ItemName, Level, Mode, Profile, Remotes, Traffic,
};
use landmark_proto::message::ProfileInForce;
use landmark_proto::settings::Settings;
use uuid::Uuid;

use super::*;
use crate::fleet::testing::published;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn agent(number: u128) -> AgentId {
    AgentId::from_uuid(Uuid::from_u128(number))
}

fn name(text: &str) -> ItemName {
    text.parse().unwrap()
}

fn exception(text: &str, action: Action, direction: Direction) -> Exception {
    Exception { name: name(text), action, direction, traffic: Traffic::All, remotes: Remotes::default() }
}

/// `Outside` (high: `Web` allows both ways, `Scan` blocks inbound) and `Inside` (medium), each with its profile.
pub(in crate::fleet) fn firewall() -> Firewall {
    let exceptions = vec![
        exception("Web", Action::Allow, Direction::Both),
        exception("Scan", Action::Block, Direction::Inbound),
    ];
    let policy = |text, level, exceptions| Policy {
        name: name(text),
        level,
        mode: Mode::Enforce,
        exceptions: Exceptions::new(exceptions).unwrap(),
    };
    let policies =
        vec![policy("Outside", Level::High, exceptions), policy("Inside", Level::Medium, Vec::new())];
    let profile = |text: &str| Profile {
        name: name(&format!("{text} machines")),
        is_enabled: true,
        policy: name(text),
        conditions: Conditions::default(),
    };
    Firewall::new(policies, vec![profile("Outside"), profile("Inside")], Exceptions::default()).unwrap()
}

/// Two assignments with that firewall.
static PUBLISHED: LazyLock<[Published; 2]> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    [1, 2].map(|n_required| {
        let mut settings = Settings { firewall: firewall(), ..Settings::default() };
        settings.location.required_successes =
            landmark_proto::location_rules::RequiredSuccesses::new(n_required).unwrap();
        runtime.block_on(published(settings))
    })
});

fn hit(exception: &str, flow: Flow, action: Action, n_packets: u64) -> RuleHits {
    let exception = (!exception.is_empty()).then(|| name(exception));
    RuleHits { exception, flow, action, n_packets, n_bytes: n_packets.saturating_mul(100) }
}

pub(in crate::fleet) fn report(held: Held, policy: &str, hits: Vec<RuleHits>) -> FirewallHits {
    let in_force = ProfileInForce { profile: name(&format!("{policy} machines")), policy: name(policy) };
    FirewallHits { held, in_force, is_observing: false, counted_for: Duration::from_secs(60), hits }
}

fn take(hits: &mut Hits, number: u128, report: &FirewallHits, now: SystemTime) -> Result<(), Unfit> {
    let counted = read(hits.present().as_ref(), report)?;
    hits.note(agent(number), report.held, counted, now)
}

/// A line for each rule.
fn told(hits: &Hits) -> Vec<String> {
    let line = |policy: &ItemName, rule: &RuleCount| {
        let exception = rule.exception.as_ref().map_or("the level".to_owned(), ItemName::to_string);
        let RuleCount { flow, action, n_agents, n_packets, n_bytes, is_observing, .. } = rule;
        let mode = if *is_observing { " (observed)" } else { "" };
        format!(
            "{policy}, {exception}, {flow:?}: {action}{mode}: {n_agents} agents, {n_packets} packets, {n_bytes} bytes"
        )
    };
    let sums = hits.snapshot().sums();
    sums.policies.iter().flat_map(|hits| hits.rules.iter().map(|rule| line(&hits.policy, rule))).collect()
}

#[test]
fn a_counter_is_as_small_as_was_promised() {
    assert_eq!(size_of::<Counter>(), 24);
    assert!(size_of::<(AgentId, Report)>() <= 56);
}

#[test]
fn all_reports_are_added_up_in_the_order_of_the_settings() {
    use Action::{Allow, Block};
    use Flow::{Inbound, Outbound};
    let held = PUBLISHED[0].held();
    let mut hits = Hits::new(Some(PUBLISHED[0].clone()));
    let inside = report(held, "Inside", vec![hit("", Inbound, Block, 5), hit("", Outbound, Allow, 0)]);
    take(&mut hits, 1, &inside, at(30)).unwrap();
    let outside =
        vec![hit("", Inbound, Block, 9), hit("Scan", Inbound, Block, 2), hit("Web", Outbound, Allow, 7)];
    take(&mut hits, 2, &report(held, "Outside", outside), at(10)).unwrap();
    let outside = vec![hit("Web", Outbound, Allow, 3), hit("Web", Inbound, Allow, 1)];
    take(&mut hits, 3, &report(held, "Outside", outside), at(20)).unwrap();
    let observed = vec![hit("Scan", Inbound, Block, 1)];
    let observed = FirewallHits { is_observing: true, ..report(held, "Outside", observed) };
    take(&mut hits, 4, &observed, at(15)).unwrap();
    assert_eq!(
        told(&hits),
        [
            "Outside, Web, Inbound: allow: 1 agents, 1 packets, 100 bytes",
            "Outside, Web, Outbound: allow: 2 agents, 10 packets, 1000 bytes",
            "Outside, Scan, Inbound: block: 1 agents, 2 packets, 200 bytes",
            "Outside, Scan, Inbound: block (observed): 1 agents, 1 packets, 100 bytes",
            "Outside, the level, Inbound: block: 1 agents, 9 packets, 900 bytes",
            "Inside, the level, Inbound: block: 1 agents, 5 packets, 500 bytes",
        ]
    );
    let sums = hits.snapshot().sums();
    assert_eq!(sums.held, Some(held));
    let shown = |hits: &PolicyHits| (hits.n_agents, hits.oldest_report_at, hits.newest_report_at);
    assert_eq!(shown(&sums.policies[0]), (3, Some(at(10)), Some(at(20))));
    assert_eq!(shown(&sums.policies[1]), (1, Some(at(30)), Some(at(30))));
}

#[test]
fn the_latest_report_of_an_agent_of_each_policy_stands_for_it() {
    let held = PUBLISHED[0].held();
    let mut hits = Hits::new(Some(PUBLISHED[0].clone()));
    let blocked = |policy, n| report(held, policy, vec![hit("", Flow::Inbound, Action::Block, n)]);
    take(&mut hits, 1, &blocked("Outside", 5), at(1)).unwrap();
    take(&mut hits, 1, &blocked("Inside", 2), at(2)).unwrap();
    take(&mut hits, 1, &blocked("Outside", 6), at(3)).unwrap();
    assert_eq!(
        told(&hits),
        [
            "Outside, the level, Inbound: block: 1 agents, 6 packets, 600 bytes",
            "Inside, the level, Inbound: block: 1 agents, 2 packets, 200 bytes",
        ]
    );
    assert_eq!(hits.snapshot().sums().n_agents, 1);
    hits.forget(agent(1));
    assert_eq!(told(&hits), Vec::<String>::new());
}

#[test]
fn what_was_counted_under_another_assignment_says_nothing() {
    let [first, second] = &*PUBLISHED;
    let blocked = |held| report(held, "Outside", vec![hit("", Flow::Inbound, Action::Block, 1)]);
    let mut hits = Hits::new(None);
    assert_eq!(take(&mut hits, 1, &blocked(first.held()), at(1)), Err(Unfit::Other));
    hits.publish(first.clone());
    take(&mut hits, 1, &blocked(first.held()), at(1)).unwrap();
    hits.publish(first.clone());
    assert_eq!(told(&hits).len(), 1, "it is the present one already");
    let early = read(hits.present().as_ref(), &blocked(first.held())).unwrap();
    hits.publish(second.clone());
    assert_eq!(told(&hits), Vec::<String>::new());
    assert_eq!(hits.note(agent(1), first.held(), early, at(2)), Err(Unfit::Other), "published in between");
    assert_eq!(take(&mut hits, 1, &blocked(first.held()), at(2)), Err(Unfit::Other));
    take(&mut hits, 1, &blocked(second.held()), at(2)).unwrap();
    assert_eq!(hits.snapshot().sums().held, Some(second.held()));
}

#[test]
fn a_report_that_names_what_the_assignment_does_not_have_is_not_taken() {
    use Action::{Allow, Block};
    use Flow::{Inbound, Outbound};
    let held = PUBLISHED[0].held();
    let present = Some(&PUBLISHED[0]);
    let refused = |report: &FirewallHits| read(present, report).unwrap_err();
    assert_eq!(refused(&report(held, "Nowhere", Vec::new())), Unfit::Policy);
    let mut other_profile = report(held, "Outside", Vec::new());
    other_profile.in_force.profile = name("Inside machines");
    assert_eq!(refused(&other_profile), Unfit::Policy, "that profile gives another policy");
    for hits in [
        vec![hit("Telnet", Inbound, Block, 1)],
        vec![hit("Scan", Outbound, Block, 1)],
        vec![hit("Scan", Inbound, Allow, 1)],
        vec![hit("", Inbound, Allow, 1)],
        vec![hit("Web", Inbound, Allow, 1), hit("", Inbound, Block, 1), hit("Web", Inbound, Allow, 2)],
    ] {
        assert_eq!(refused(&report(held, "Outside", hits.clone())), Unfit::Rule, "{hits:?}");
    }
}

#[test]
fn sums_end_where_numbers_end() {
    let held = PUBLISHED[0].held();
    let mut hits = Hits::new(Some(PUBLISHED[0].clone()));
    for number in 1..=2 {
        let blocked = vec![hit("", Flow::Inbound, Action::Block, u64::MAX - 1)];
        take(&mut hits, number, &report(held, "Outside", blocked), at(1)).unwrap();
    }
    let rule = hits.snapshot().sums().policies.remove(0).rules.remove(0);
    assert_eq!((rule.n_agents, rule.n_packets, rule.n_bytes), (2, u64::MAX, u64::MAX));
}
