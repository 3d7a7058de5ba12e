//! Totals over replacements of the table.

use landmark_proto::firewall::{Direction, Level, Mode, Traffic};
use landmark_proto::revision::{Digest, Revision};

use super::*;
use crate::enforce::firewall::ground::Ground;
use crate::enforce::firewall::render::render;
use crate::enforce::firewall::testing::{exception, policy_of};

fn subject(revision: u64) -> Subject {
    let held = Held { revision: Revision::new(revision).unwrap(), digest: Digest::of(b"") };
    let in_force = ProfileInForce { profile: "All".parse().unwrap(), policy: "P".parse().unwrap() };
    Subject { held, in_force }
}

fn policy() -> Policy {
    let web = Traffic::TcpUdp("80".parse().unwrap());
    let exceptions = vec![
        exception("web", Action::Allow, Direction::Inbound, web),
        exception("ping", Action::Block, Direction::Both, Traffic::Icmp),
    ];
    policy_of(Level::Medium, Mode::Enforce, exceptions)
}

/// Every counter of one decision has counted as many packets of 100 bytes; the rest nothing.
fn counts(rendered: &Rendered, counted: &[(DecidedBy, Flow, u64)]) -> Vec<Vec<Count>> {
    let chains = rendered.ruleset.chains.iter();
    let count = |chain: &str, rule: usize| {
        let counter = rendered.counters.iter().find(|counter| counter.chain == chain && counter.rule == rule);
        let is_it = |entry: &&(DecidedBy, Flow, u64)| {
            counter.is_some_and(|counter| (counter.decided_by, counter.flow) == (entry.0, entry.1))
        };
        let n_packets = counted.iter().find(is_it).map_or(0, |entry| entry.2);
        Count { n_packets, n_bytes: 100 * n_packets }
    };
    chains.map(|chain| (0..chain.rules.len()).map(|rule| count(&chain.name, rule)).collect()).collect()
}

fn told(hits: &Hits) -> Vec<String> {
    let line = |hits: &RuleHits| {
        let RuleHits { exception, flow, action, n_packets, n_bytes } = hits;
        let by = exception.as_ref().map_or("level", |name| name.as_str());
        format!("{by} {flow:?} {action} {n_packets} {n_bytes}")
    };
    hits.report().iter().map(line).collect()
}

const WEB: DecidedBy = DecidedBy::Exception(0);
const PING: DecidedBy = DecidedBy::Exception(1);

#[test]
fn counters_of_one_exception_are_added_up_and_the_largest_comes_first() {
    let (policy, mut hits) = (policy(), Hits::default());
    let rendered = render(&policy, &Ground::default());
    assert!(hits.stands(subject(1), &policy, &rendered, &[]));
    assert_eq!(told(&hits), Vec::<String>::new());
    // Web has a rule for TCP and one for UDP; the level one in each of three chains.
    hits.read(&counts(
        &rendered,
        &[(WEB, Flow::Inbound, 2), (PING, Flow::Outbound, 5), (DecidedBy::Level, Flow::Inbound, 1)],
    ));
    assert_eq!(
        told(&hits),
        ["ping Outbound block 5 500", "web Inbound allow 4 400", "level Inbound block 3 300"]
    );
}

#[test]
fn totals_go_on_over_a_replacement_and_over_counters_that_fall() {
    let (policy, mut hits) = (policy(), Hits::default());
    let rendered = render(&policy, &Ground::default());
    let ping = |n_packets| counts(&rendered, &[(PING, Flow::Inbound, n_packets)]);
    hits.stands(subject(1), &policy, &rendered, &[]);
    hits.read(&ping(5));
    hits.read(&ping(5));
    hits.read(&ping(7));
    assert_eq!(told(&hits), ["ping Inbound block 7 700"]);
    // The table was replaced, and more was counted since than before.
    assert!(!hits.stands(subject(1), &policy, &rendered, &[]));
    hits.read(&ping(9));
    assert_eq!(told(&hits), ["ping Inbound block 16 1600"]);
    // Somebody has set the counters back.
    hits.read(&ping(4));
    assert_eq!(told(&hits), ["ping Inbound block 20 2000"]);
    // Nothing was replaced.
    assert!(!hits.stands(subject(1), &policy, &rendered, &ping(4)));
    hits.read(&ping(5));
    assert_eq!(told(&hits), ["ping Inbound block 21 2100"]);
}

#[test]
fn totals_start_anew_with_another_policy_and_after_a_restart() {
    let (policy, mut hits) = (policy(), Hits::default());
    let rendered = render(&policy, &Ground::default());
    let ping = |n_packets| counts(&rendered, &[(PING, Flow::Inbound, n_packets)]);
    // The table of an agent that ran before: what it has counted so far was counted before.
    hits.stands(subject(1), &policy, &rendered, &ping(1000));
    hits.read(&ping(1001));
    assert_eq!(told(&hits), ["ping Inbound block 1 100"]);
    // Another assignment, whose rules are the same, so that nothing is replaced.
    assert!(hits.stands(subject(2), &policy, &rendered, &ping(1001)));
    assert_eq!(hits.subject(), Some(&subject(2)));
    assert_eq!(told(&hits), Vec::<String>::new());
    hits.read(&ping(1003));
    assert_eq!(told(&hits), ["ping Inbound block 2 200"]);
}

#[test]
fn a_report_is_not_longer_than_it_may_be_and_counts_of_another_table_do_no_harm() {
    let allow = |index: usize| {
        let traffic = Traffic::Tcp((index + 1).to_string().parse().unwrap());
        exception(&format!("E{index}"), Action::Allow, Direction::Inbound, traffic)
    };
    let policy = policy_of(Level::High, Mode::Enforce, (0..100).map(allow).collect());
    let rendered = render(&policy, &Ground::default());
    let mut hits = Hits::default();
    hits.stands(subject(1), &policy, &rendered, &[]);
    let counted: Vec<_> =
        (0..100).map(|index| (DecidedBy::Exception(index), Flow::Inbound, index as u64)).collect();
    hits.read(&counts(&rendered, &counted));
    let report = hits.report();
    assert_eq!(report.len(), MAX_RULE_HITS);
    assert!(report.is_sorted_by_key(|hits| std::cmp::Reverse(hits.n_packets)));
    assert_eq!(report[0].exception.as_ref().unwrap().as_str(), "E99");
    hits.read(&[vec![Count { n_packets: 1, n_bytes: 1 }]]);
    assert_eq!(hits.report(), report);
}
