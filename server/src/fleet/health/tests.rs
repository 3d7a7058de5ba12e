use std::sync::LazyLock;

use landmark_proto::location_rules::{Criterion, RequiredSuccesses};
use landmark_proto::message::SweepResult;
use landmark_proto::pin::{Pins, SpkiPin};
use landmark_proto::port::Ports;
use landmark_proto::reference_server::{Probe, ReferenceServer, ReferenceServerList};
use landmark_proto::settings::Settings;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::fleet::testing::published;

const PORTS: [&[&str]; 3] = [&["443", "636"], &["389"], &["8443"]];
const N_ENTRIES: usize = 4;

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn agent(number: u128) -> AgentId {
    AgentId::from_uuid(Uuid::from_u128(number))
}

fn certificate(key: u8) -> PeerCertificate {
    PeerCertificate { pin: SpkiPin::of(&[key]), not_after: Some(now() + Duration::from_secs(u64::from(key))) }
}

/// a (443, 636; key 1 is pinned), b (389), c (8443).
fn settings(n_required: u32) -> Settings {
    let servers = ["a", "b", "c"].iter().zip(PORTS).map(|(host, ports)| ReferenceServer {
        host: host.parse().unwrap(),
        ports: Ports::new(ports.iter().map(|port| port.parse().unwrap()).collect()).unwrap(),
        probe: match *host {
            "a" => Probe::Tls(Pins::new(vec![certificate(1).pin]).unwrap()),
            _ => Probe::Tcp,
        },
    });
    let mut settings = Settings {
        reference_servers: ReferenceServerList::new(true, servers.collect()).unwrap(),
        ..Settings::default()
    };
    settings.location.required_successes = RequiredSuccesses::new(n_required).unwrap();
    settings
}

/// One answer, then two, then three are required.
static PUBLISHED: LazyLock<[Published; 3]> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    [1, 2, 3].map(|n_required| runtime.block_on(published(settings(n_required))))
});

fn result(position: usize, port: &str, outcome: Outcome) -> SweepResult {
    let counts = outcome == Outcome::Answered;
    let took = Duration::from_millis(10);
    SweepResult { position, port: port.parse().unwrap(), outcome, took, counts, certificate: None }
}

fn report(published: &Published, outcomes: [Outcome; N_ENTRIES]) -> SweepReport {
    let places =
        PORTS.iter().enumerate().flat_map(|(position, ports)| ports.iter().map(move |it| (position, it)));
    let results = places.zip(outcomes).map(|((position, port), outcome)| result(position, port, outcome));
    SweepReport { held: published.held(), age: Duration::ZERO, results: results.collect() }
}

#[test]
fn an_entry_is_as_small_as_was_promised() {
    assert_eq!(size_of::<Entry>(), 6);
    assert!(size_of::<(AgentId, Sweep)>() <= 48);
}

#[test]
fn a_dead_server_and_those_on_which_agents_depend() {
    use Outcome::{Answered, NameNotFound, Refused, Timeout};
    let published = &PUBLISHED[0];
    let mut sweeps = Sweeps::new(Some(published.clone()));
    for (number, outcomes) in (1..).zip([
        [Answered, Answered, Refused, Answered],
        [Answered, Timeout, Refused, Timeout],
        [Timeout, Timeout, Refused, Answered],
        [NameNotFound, NameNotFound, Refused, Timeout],
    ]) {
        let age = Duration::from_secs(60) * u32::try_from(number).unwrap();
        sweeps.note(agent(number), &SweepReport { age, ..report(published, outcomes) }, now()).unwrap();
    }
    let health = sweeps.snapshot().health();
    assert_eq!((health.held, health.n_agents, health.n_agents_external), (Some(published.held()), 4, 1));
    assert_eq!(health.oldest_sweep_at, Some(now() - Duration::from_secs(240)));
    assert_eq!(health.newest_sweep_at, Some(now() - Duration::from_secs(60)));
    let told =
        health.servers.iter().map(|server| (server.host.to_string(), server.n_reached, server.n_depend));
    assert_eq!(
        told.collect::<Vec<_>>(),
        [("a".to_owned(), 2, 1), ("b".to_owned(), 0, 0), ("c".to_owned(), 2, 1)]
    );
    let [first, second] = health.servers[0].ports.as_slice() else { panic!("{health:?}") };
    assert_eq!((first.n_tried, first.n_answered), (4, 2));
    assert_eq!(first.failures, [(NameNotFound, 1), (Timeout, 1)]);
    assert_eq!(second.failures, [(Timeout, 2), (NameNotFound, 1)], "most frequent first");
    let dead = &health.servers[1].ports[0];
    assert_eq!((dead.n_answered, dead.median, dead.failures.as_slice()), (0, None, &[(Refused, 4)][..]));
}

#[test]
fn with_two_required_who_has_just_two_depends_on_both() {
    use Outcome::{Answered, Refused};
    let published = &PUBLISHED[1];
    let mut sweeps = Sweeps::new(Some(published.clone()));
    let all = [
        [Answered, Answered, Answered, Answered],
        [Refused, Answered, Refused, Answered],
        [Answered, Answered, Refused, Refused],
    ];
    for (number, outcomes) in (1..).zip(all) {
        sweeps.note(agent(number), &report(published, outcomes), now()).unwrap();
    }
    let health = sweeps.snapshot().health();
    assert_eq!(health.servers.iter().map(|it| it.n_depend).collect::<Vec<_>>(), [1, 0, 1]);
    assert_eq!(health.n_agents_external, 1, "two ports of one server are one answer");
}

#[test]
fn an_answer_that_does_not_count_is_told_and_holds_nobody() {
    let published = &PUBLISHED[0];
    let mut sweeps = Sweeps::new(Some(published.clone()));
    let mut tunnelled = report(published, [Outcome::Answered; N_ENTRIES]);
    tunnelled.results.iter_mut().for_each(|result| result.counts = false);
    sweeps.note(agent(1), &tunnelled, now()).unwrap();
    let health = sweeps.snapshot().health();
    assert_eq!(health.n_agents_external, 1);
    assert!(health.servers.iter().all(|it| (it.n_reached, it.n_depend) == (0, 0)));
    assert_eq!(health.servers[0].ports[0].n_answered, 1);
}

#[test]
fn nobody_depends_on_servers_that_decide_nothing() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut by_gateway = settings(1);
    by_gateway.location.criterion = Criterion::Gateway;
    let published = runtime.block_on(published(by_gateway));
    let mut sweeps = Sweeps::new(Some(published.clone()));
    use Outcome::{Answered, Refused};
    sweeps.note(agent(1), &report(&published, [Answered, Refused, Refused, Refused]), now()).unwrap();
    let health = sweeps.snapshot().health();
    assert_eq!((health.servers[0].n_reached, health.servers[0].n_depend), (1, 0));
}

#[test]
fn certificates_are_told_with_whether_their_key_is_pinned() {
    let published = &PUBLISHED[0];
    let mut sweeps = Sweeps::new(Some(published.clone()));
    for (number, key) in (1..).zip([1, 1, 2]) {
        let outcome = if key == 1 { Outcome::Answered } else { Outcome::PinMismatch };
        let mut report = report(published, [outcome; N_ENTRIES]);
        report.results[0].certificate = Some(certificate(key));
        sweeps.note(agent(number), &report, now()).unwrap();
    }
    let health = sweeps.snapshot().health();
    let seen = |key, pinned, n_agents| CertificateSeen { certificate: certificate(key), pinned, n_agents };
    assert_eq!(health.servers[0].ports[0].certificates, [seen(1, true, 2), seen(2, false, 1)]);
    assert_eq!(health.servers[0].ports[1].certificates, []);
}

#[test]
fn only_what_is_said_about_the_present_list_is_believed() {
    let [published, next, _] = &*PUBLISHED;
    let mut sweeps = Sweeps::default();
    let good = report(published, [Outcome::Answered; N_ENTRIES]);
    assert_eq!(sweeps.note(agent(1), &good, now()), Err(Unfit::Other), "nothing is assigned yet");
    assert_eq!(sweeps.snapshot().health(), Health::default());
    sweeps.publish(published.clone());
    sweeps.note(agent(1), &good, now()).unwrap();
    let mut short = good.clone();
    short.results.pop();
    let mut long = good.clone();
    long.results.push(result(2, "8443", Outcome::Answered));
    let mut turned = good.clone();
    turned.results.swap(0, 1);
    for unfit in [short, long, turned] {
        assert_eq!(sweeps.note(agent(2), &unfit, now()), Err(Unfit::Results));
    }
    let of_another = SweepReport { held: next.held(), ..good.clone() };
    assert_eq!(sweeps.note(agent(1), &of_another, now()), Err(Unfit::Other));
    sweeps.publish(published.clone());
    assert_eq!(sweeps.snapshot().health().n_agents, 1, "the same assignment changes nothing");
    sweeps.publish(next.clone());
    assert_eq!(sweeps.snapshot().health().n_agents, 0);
    assert_eq!(sweeps.note(agent(1), &good, now()), Err(Unfit::Other));
}

#[test]
fn a_pinned_certificate_is_not_left_out_for_others() {
    let published = &PUBLISHED[0];
    let mut sweeps = Sweeps::new(Some(published.clone()));
    // Nine others, each more frequent than the pinned one.
    let keys = (2..=10).flat_map(|key| [key, key]).chain([1]);
    for (number, key) in keys.enumerate() {
        let mut report = report(published, [Outcome::Answered; N_ENTRIES]);
        report.results[0].certificate = Some(certificate(key));
        sweeps.note(agent(number as u128), &report, now()).unwrap();
    }
    let seen = sweeps.snapshot().health().servers[0].ports[0].certificates.clone();
    assert_eq!(seen.len(), 8);
    assert_eq!(seen[0], CertificateSeen { certificate: certificate(1), pinned: true, n_agents: 1 });
    assert!(seen[1..].iter().all(|other| !other.pinned && other.n_agents == 2));
}

#[test]
fn certificates_are_kept_only_as_long_as_someone_saw_them() {
    let published = &PUBLISHED[0];
    let mut sweeps = Sweeps::new(Some(published.clone()));
    for round in 0..=255 {
        for number in 1..=2 {
            let mut report = report(published, [Outcome::Answered; N_ENTRIES]);
            report.results[0].certificate = Some(certificate(round));
            sweeps.note(agent(number), &report, now()).unwrap();
        }
    }
    assert_eq!(sweeps.certificates.by_certificate.len(), 1);
    assert!(sweeps.certificates.places.len() <= 2, "places are used again");
    let n_changes = sweeps.n_certificate_changes();
    sweeps.forget(agent(1));
    assert_eq!((sweeps.n_certificate_changes(), sweeps.snapshot().health().n_agents), (n_changes, 1));
    sweeps.forget(agent(2));
    sweeps.forget(agent(2));
    assert!(sweeps.certificates.by_certificate.is_empty());
    assert_eq!(sweeps.snapshot().health().n_agents, 0);
}

#[test]
fn made_up_certificates_fill_no_more_than_the_table() {
    let mut certificates = Certificates::default();
    let made_up = |number: u32| PeerCertificate { pin: SpkiPin::of(&number.to_be_bytes()), not_after: None };
    let numbers: Vec<u16> = (0..70_000).map(|number| certificates.take(made_up(number))).collect();
    assert_eq!(numbers.iter().filter(|number| **number == Certificates::NONE).count(), 70_000 - 65_535);
    certificates.give_back(Certificates::NONE);
    certificates.give_back(7);
    assert_eq!(certificates.take(made_up(70_000)), 7, "there is room again");
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    use Outcome::{Answered, NotNeeded, PinMismatch, Refused, Timeout};
    prop::sample::select(vec![Answered, Answered, Answered, Refused, Timeout, PinMismatch, NotNeeded])
}

fn any_result() -> impl Strategy<Value = (Outcome, bool, u64, Option<u8>)> {
    (any_outcome(), any::<bool>(), 0..3_000_u64, prop::option::of(0..3_u8))
}

proptest! {
    /// Everything counted once more, agent by agent and in the plainest way.
    #[test]
    fn health_is_what_a_recount_says(
        n_required in 1..=3_usize,
        all in prop::collection::vec(prop::collection::vec(any_result(), N_ENTRIES), 0..12),
    ) {
        let published = &PUBLISHED[n_required - 1];
        let mut sweeps = Sweeps::new(Some(published.clone()));
        let mut reports = Vec::new();
        for (number, results) in (1..).zip(&all) {
            let mut report = report(published, [Outcome::Refused; N_ENTRIES]);
            for (result, (outcome, counts, took, key)) in report.results.iter_mut().zip(results) {
                result.outcome = *outcome;
                result.counts = *counts && *outcome == Outcome::Answered;
                result.took = Duration::from_millis(*took);
                result.certificate = key.map(certificate);
            }
            sweeps.note(agent(number), &report, now()).unwrap();
            reports.push(report);
        }
        let health = sweeps.snapshot().health();
        let servers_of = |report: &SweepReport| -> std::collections::BTreeSet<usize> {
            report.results.iter().filter(|it| it.counts).map(|it| it.position).collect()
        };
        let is_inside = |report: &SweepReport, without: Option<usize>| {
            servers_of(report).into_iter().filter(|position| Some(*position) != without).count() >= n_required
        };
        prop_assert_eq!(health.n_agents, reports.len());
        prop_assert_eq!(health.n_agents_external, reports.iter().filter(|it| !is_inside(it, None)).count());
        let mut index = 0;
        for server in &health.servers {
            let position = server.position;
            let n_reached = reports.iter().filter(|it| servers_of(it).contains(&position)).count();
            prop_assert_eq!(server.n_reached, n_reached);
            let depends = |it: &&SweepReport| is_inside(it, None) && !is_inside(it, Some(position));
            prop_assert_eq!(server.n_depend, reports.iter().filter(depends).count());
            for port in &server.ports {
                let results: Vec<_> = reports.iter().map(|it| &it.results[index]).collect();
                index += 1;
                let of = |outcome| results.iter().filter(|it| it.outcome == outcome).count();
                prop_assert_eq!(port.n_tried, results.len() - of(Outcome::NotNeeded));
                prop_assert_eq!(port.n_answered, of(Outcome::Answered));
                let failed: usize = port.failures.iter().map(|(_, n_agents)| n_agents).sum();
                prop_assert_eq!(failed, port.n_tried - port.n_answered);
                prop_assert!(port.failures.iter().all(|(outcome, n_agents)| of(*outcome) == *n_agents));
                for percent in [(port.median, 50), (port.percentile95, 95)] {
                    let answers = || results.iter().filter(|it| it.outcome == Outcome::Answered);
                    let (Some(value), percent) = percent else {
                        prop_assert_eq!(port.n_answered, 0);
                        continue;
                    };
                    let n_within = answers().filter(|it| it.took <= value).count();
                    let n_below = answers().filter(|it| it.took < value).count();
                    prop_assert!(n_within * 100 >= port.n_answered * percent);
                    prop_assert!(n_below * 100 < port.n_answered * percent);
                }
                for seen in &port.certificates {
                    let saw = results.iter().filter(|it| {
                        it.certificate == Some(seen.certificate) && it.outcome != Outcome::NotNeeded
                    });
                    prop_assert_eq!(seen.n_agents, saw.count());
                }
            }
        }
        for number in 1..=all.len() as u128 {
            sweeps.forget(agent(number));
        }
        prop_assert!(sweeps.certificates.by_certificate.is_empty());
    }
}
