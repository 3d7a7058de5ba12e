use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::SystemTime;

use landmark_proto::convert::evidence::{from_wire, to_wire};
use landmark_proto::evidence::{Outcome, replay};
use landmark_proto::gateway::{Gateway, GatewayList};
use landmark_proto::ids::BootId;
use landmark_proto::location::{Basis, Location, Verdict};
use landmark_proto::location_rules::{
    Confirmations, Criterion, Hysteresis, LocationRules, MinimumDwell, RecheckInterval, RequiredSuccesses,
    ServerConnection,
};
use landmark_proto::network::{DefaultRoute, Interface};
use landmark_proto::port::Ports;
use landmark_proto::reference_server::{Probe, ReferenceServer};
use landmark_proto::revision::{Held, Revision};
use landmark_proto::settings::EncodedSettings;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::location::race::ATTEMPT_TIMEOUT;
use crate::location::record::Record;
use crate::location::tried::Ended;

impl Assigned for Rc<Settings> {
    fn held(&self) -> Held {
        Held { revision: Revision::FIRST, digest: EncodedSettings::encode(self).digest() }
    }

    fn settings(&self) -> &Settings {
        self
    }
}

/// What happens to an agent, and what its reference servers do. Times are in milliseconds.
#[derive(Clone, Debug)]
pub(super) struct Story {
    pub(super) happenings: Vec<(u64, Happening)>,
    pub(super) ends_at: u64,
    scripts: Vec<(bool, u64)>,
}

#[derive(Clone, Debug)]
pub(super) enum Happening {
    Link(LinkState, u64),
    Held(Option<Settings>, u64),
    Wanted(Trigger),
}

/// A verdict in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Word {
    ByServer,
    By(usize),
    Nobody,
    TooFew(usize),
    NoList,
    Unknown,
    Gateway(bool),
}

impl Word {
    /// `None` where the place is unknown.
    pub(super) fn is_inside(&self) -> Option<bool> {
        match self {
            Self::ByServer | Self::By(_) | Self::Gateway(true) => Some(true),
            Self::Nobody | Self::TooFew(_) | Self::NoList | Self::Gateway(false) => Some(false),
            Self::Unknown => None,
        }
    }
}

/// What is seen of an evaluation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    started: u64,
    triggers: BTreeSet<Trigger>,
    given: Option<(u64, Word)>,
    over: Option<(u64, Word)>,
}

impl Seen {
    pub(super) fn new(
        started: u64,
        triggers: Vec<Trigger>,
        given: Option<(u64, Word)>,
        over: Option<(u64, Word)>,
    ) -> Self {
        // Of an evaluation without a verdict the engine has told no triggers.
        let triggers = if given.is_some() { triggers.into_iter().collect() } else { BTreeSet::new() };
        Self { started, triggers, given, over }
    }
}

impl Story {
    /// What the target does that many evaluations into the story: whether it answers, and when it answers or fails.
    pub(super) fn script(&self, evaluation: usize, index: usize) -> (bool, u64) {
        self.scripts[(evaluation * 7 + index) % self.scripts.len()]
    }
}

fn word(verdict: &Verdict) -> Word {
    match (verdict.location, &verdict.basis) {
        (Location::Internal, Basis::ManagementServer) => Word::ByServer,
        (Location::Internal, Basis::ReferenceServer { position, .. }) => Word::By(*position),
        (Location::External, Basis::NoneReachable { .. }) => Word::Nobody,
        (Location::External, Basis::TooFewAnswered { n_answered, .. }) => Word::TooFew(*n_answered),
        (Location::Internal, Basis::Gateway { .. }) => Word::Gateway(true),
        (Location::External, Basis::NoGateway { .. }) => Word::Gateway(false),
        (Location::External, Basis::ListDisabled) => Word::NoList,
        (Location::Unknown, Basis::NoAssignment) => Word::Unknown,
        other => panic!("a verdict that no rule gives: {other:?}"),
    }
}

/// Drives an engine through time: only to the moments that it asks for, and to those where something happens.
struct Stage {
    engine: Engine<Rc<Settings>>,
    now: u64,
    script: Box<dyn Fn(usize, usize) -> (bool, u64)>,
    under_way: BTreeMap<usize, u64>,
    reading: Option<u64>,
    seen: Vec<Seen>,
    closed: Vec<Closed<Rc<Settings>>>,
}

impl Stage {
    fn new(script: impl Fn(usize, usize) -> (bool, u64) + 'static) -> Self {
        let (engine, script) = (Engine::new(LinkState::Lost, None), Box::new(script));
        Self {
            engine,
            now: 0,
            script,
            under_way: BTreeMap::new(),
            reading: None,
            seen: Vec::new(),
            closed: Vec::new(),
        }
    }

    fn send(&mut self, event: Event<Rc<Settings>>) {
        let now = Moment::new(Duration::from_millis(self.now));
        for action in self.engine.on(now, event) {
            match action {
                Action::Begin(evaluation) => {
                    assert!(self.under_way.is_empty(), "an evaluation begins among the attempts of another");
                    self.seen.push(Seen::new(self.now, Vec::new(), None, None));
                    assert_eq!(evaluation.get(), self.seen.len() as u64);
                }
                Action::Start(index) => {
                    let (_, latency) = (self.script)(self.seen.len(), index);
                    assert_eq!(self.under_way.insert(index, self.now + latency), None);
                }
                Action::ReadRoutes => {
                    let (_, latency) = (self.script)(self.seen.len(), 0);
                    assert_eq!(self.reading.replace(self.now + latency), None);
                }
                Action::Cancel(index) => assert!(self.under_way.remove(&index).is_some()),
                Action::Give(given) => self.give(&given),
                Action::Close(closed) => {
                    self.under_way.clear();
                    self.reading = None;
                    if self.seen.last().unwrap().given.is_none() {
                        self.give(&closed.given);
                    }
                    let seen = self.seen.last_mut().unwrap();
                    seen.triggers = closed.given.triggers.iter().copied().collect();
                    seen.over = Some((self.now, word(&closed.given.verdict)));
                    self.check(&closed);
                    self.closed.push(closed);
                }
            }
        }
    }

    fn give(&mut self, given: &Given<Rc<Settings>>) {
        let seen = self.seen.last_mut().unwrap();
        assert_eq!(given.evaluation.get(), self.closed.len() as u64 + 1);
        seen.triggers = given.triggers.iter().copied().collect();
        assert_eq!(seen.triggers.len(), given.triggers.len(), "each trigger once");
        seen.given = Some((self.now, word(&given.verdict)));
    }

    fn check(&self, closed: &Closed<Rc<Settings>>) {
        let evidence = evidence(closed);
        assert_eq!(replay(&evidence), evidence.verdict, "{evidence:?}");
        assert_eq!(from_wire(to_wire(&evidence)).unwrap(), evidence);
        assert!(!evidence.triggers.is_empty());
        assert!(closed.given.decided_in <= closed.settled_in);
    }

    /// Lets time pass up to but without this moment.
    fn pass_until(&mut self, end: u64) {
        loop {
            let ends = self.under_way.iter().map(|(index, at)| (*at, *index)).min();
            let wakes = self.engine.wake_at().map(|at| u64::try_from(at.since_begin().as_millis()).unwrap());
            let next = ends.map(|(at, _)| at).into_iter().chain(self.reading).chain(wakes).min();
            let next = next.filter(|at| *at < end);
            let Some(next) = next else {
                self.now = end;
                return;
            };
            self.now = next;
            if self.reading.take_if(|at| *at == next).is_some() {
                let is_listed = (self.script)(self.seen.len(), 0).0;
                self.send(Event::Routes(vec![route(if is_listed { 1 } else { 2 })]));
                continue;
            }
            match ends.filter(|(at, _)| *at == next) {
                Some((_, index)) => {
                    self.under_way.remove(&index);
                    let answers = (self.script)(self.seen.len(), index).0;
                    let outcome = if answers { Outcome::Answered } else { Outcome::Refused };
                    self.send(Event::Ended(index, Ended::with(outcome)));
                }
                None => self.send(Event::Tick),
            }
        }
    }

    fn play(story: &Story) -> Self {
        let scripts = story.clone();
        let mut stage = Self::new(move |evaluation, index| scripts.script(evaluation, index));
        for (at, happening) in &story.happenings {
            // What is due at this very moment comes before what happens at it.
            stage.pass_through(*at);
            let wait = |ms: &u64| Duration::from_millis(*ms);
            stage.send(match happening {
                Happening::Link(LinkState::Connected, _) => Event::LinkConnected,
                Happening::Link(LinkState::Lost, ms) => Event::LinkLost(wait(ms)),
                Happening::Held(settings, ms) => Event::Held(settings.clone().map(Rc::new), wait(ms)),
                Happening::Wanted(trigger) => Event::Wanted(*trigger),
            });
        }
        stage.pass_until(story.ends_at);
        stage
    }

    /// Lets time pass up to and with this moment.
    fn pass_through(&mut self, at: u64) {
        self.pass_until(at + 1);
        self.now = at;
    }
}

fn evidence(closed: &Closed<Rc<Settings>>) -> landmark_proto::evidence::Evidence {
    let boot_id = BootId::from_uuid(Uuid::nil());
    Record { closed: closed.clone(), boot_id, started_at: SystemTime::UNIX_EPOCH }.to_evidence()
}

fn settings(n_servers: usize, server_connection: ServerConnection, recheck: u64) -> Settings {
    let server = |n| ReferenceServer {
        host: format!("10.0.0.{}", n + 1).parse().unwrap(),
        ports: Ports::new(vec!["80".parse().unwrap()]).unwrap(),
        probe: Probe::Tcp,
    };
    Settings {
        reference_servers: ReferenceServerList::new(true, (0..n_servers).map(server).collect()).unwrap(),
        location: LocationRules {
            server_connection,
            recheck_interval: RecheckInterval::new(Duration::from_secs(recheck)).unwrap(),
            ..LocationRules::default()
        },
        gateways: GatewayList::new(vec![Gateway::new([10, 0, 0, 1].into(), None).unwrap()]).unwrap(),
        ..Settings::default()
    }
}

/// The only default route, with this gateway.
fn route(last: u8) -> DefaultRoute {
    DefaultRoute {
        gateway: Some([10, 0, 0, last].into()),
        mac: None,
        interface: Interface { name: "eth0".into(), kind: "ether".into(), is_tunnel: false },
        metric: 0,
        is_ipv6: false,
    }
}

/// Settings with all that tempers a decision.
fn tempered_settings() -> impl Strategy<Value = Settings> {
    let meaning = prop_oneof![Just(ServerConnection::MeansInternal), Just(ServerConnection::SaysNothing)];
    let confirmations = || prop_oneof![2 => Just(1_u32), 1 => 2..4_u32];
    let dwell = prop_oneof![2 => Just(0_u64), 1 => 1..4000_u64];
    let rules = (prop_oneof![2 => Just(1_u32), 1 => 2..4_u32], confirmations(), confirmations(), dwell);
    (0..6_usize, meaning, 10..12_u64, proptest::bool::weighted(0.15), rules).prop_map(
        |(n, meaning, recheck, gateway, (required, to_internal, to_external, dwell))| {
            let mut settings = settings(n, meaning, recheck);
            settings.location.criterion =
                if gateway { Criterion::Gateway } else { Criterion::ConnectionStatus };
            settings.location.required_successes = RequiredSuccesses::new(required).unwrap();
            settings.location.hysteresis = Hysteresis {
                confirmations_to_internal: Confirmations::new(to_internal).unwrap(),
                confirmations_to_external: Confirmations::new(to_external).unwrap(),
                minimum_dwell: MinimumDwell::new(Duration::from_millis(dwell)).unwrap(),
            };
            settings
        },
    )
}

fn stories() -> impl Strategy<Value = Story> {
    let held = tempered_settings();
    let wait = prop_oneof![2 => Just(0), 1 => 0..3000_u64];
    let link = prop_oneof![Just(LinkState::Connected), Just(LinkState::Lost)];
    let asked = prop_oneof![
        Just(Trigger::ServerRequest),
        Just(Trigger::LocalRequest),
        Just(Trigger::NetworkChange),
        Just(Trigger::ResolverChange),
        Just(Trigger::Wake),
    ];
    let happening = prop_oneof![
        4 => (link, wait.clone()).prop_map(|(link, wait)| Happening::Link(link, wait)),
        2 => (proptest::option::weighted(0.9, held), wait).prop_map(|(held, wait)| Happening::Held(held, wait)),
        2 => asked.prop_map(Happening::Wanted),
    ];
    // Mostly close together, sometimes far apart.
    let gap = prop_oneof![3 => 0..60_u64, 2 => 0..2500_u64, 1 => 0..15_000_u64];
    let script = prop_oneof![
        2 => (1..40_u64).prop_map(|ms| (false, ms)),
        2 => Just((false, 2000)),
        2 => (1..300_u64).prop_map(|ms| (true, ms)),
    ];
    (proptest::collection::vec((gap, happening), 1..25), proptest::collection::vec(script, 1..40)).prop_map(
        |(gaps, scripts)| {
            let mut at = 0;
            let mut happenings = vec![(0, Happening::Wanted(Trigger::Start))];
            happenings.extend(gaps.into_iter().map(|(gap, happening)| {
                at += gap;
                (at, happening)
            }));
            Story { happenings, ends_at: at + 13_000, scripts }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn evaluates_when_the_model_does_and_says_what_it_says(story in stories()) {
        prop_assert_eq!(Stage::play(&story).seen, model::tell(&story));
    }
}

const QUICK: (bool, u64) = (true, 5);
const SILENT: (bool, u64) = (false, 2000);

fn two_servers() -> Event<Rc<Settings>> {
    Event::Held(Some(Rc::new(settings(2, ServerConnection::MeansInternal, 60))), Duration::ZERO)
}

#[test]
fn the_first_evaluation_starts_at_once_and_never_waits() {
    let mut stage = Stage::new(|_, _| QUICK);
    let held = Some(Rc::new(settings(2, ServerConnection::MeansInternal, 60)));
    stage.send(Event::Held(held, Duration::from_secs(600)));
    assert_eq!(stage.seen.len(), 1);
    stage.pass_until(10);
    assert_eq!(stage.seen[0].given, Some((5, Word::By(0))));
}

#[test]
fn a_hundred_flaps_in_a_second_make_at_most_21_evaluations() {
    let mut stage = Stage::new(|_, _| QUICK);
    stage.send(two_servers());
    for flap in 1..=100 {
        stage.pass_until(flap * 10);
        stage.send(if flap % 2 == 0 { Event::LinkLost(Duration::ZERO) } else { Event::LinkConnected });
    }
    stage.pass_until(2000);
    assert!(stage.seen.len() <= 21, "{}", stage.seen.len());
    assert_eq!(
        stage.seen.last().unwrap().over,
        Some((1005, Word::By(0))),
        "the last word is about the last state"
    );
}

#[test]
fn a_link_that_connects_ends_a_race_at_once() {
    let mut stage = Stage::new(|_, _| SILENT);
    stage.send(two_servers());
    stage.pass_until(300);
    stage.send(Event::LinkConnected);
    assert_eq!(stage.seen.len(), 1);
    assert_eq!(stage.seen[0].over, Some((300, Word::ByServer)));
    assert_eq!(stage.closed[0].given.triggers, [Trigger::Assignment, Trigger::LinkConnected]);
    let outcomes: Vec<Outcome> = evidence(&stage.closed[0]).attempts.iter().map(|it| it.outcome).collect();
    assert_eq!(outcomes, [Outcome::NotNeeded, Outcome::NotNeeded]);
}

#[test]
fn a_verdict_that_is_still_settling_does_not_hold_up_the_next_evaluation() {
    let mut stage = Stage::new(|_, index| if index == 0 { SILENT } else { QUICK });
    stage.send(two_servers());
    stage.pass_until(500);
    assert_eq!(stage.seen[0].given, Some((25, Word::By(1))));
    assert_eq!(stage.seen[0].over, None);
    stage.send(Event::LinkConnected);
    assert_eq!(stage.seen[0].over, Some((500, Word::By(1))), "closed with what was known");
    assert_eq!(stage.seen[1].over, Some((500, Word::ByServer)));
}

#[test]
fn what_answered_last_is_asked_beside_the_first() {
    let mut stage = Stage::new(|_, index| if index == 0 { SILENT } else { QUICK });
    stage.send(two_servers());
    stage.pass_until(3000);
    stage.send(Event::Wanted(Trigger::LocalRequest));
    stage.pass_until(6000);
    assert_eq!(stage.seen[0].given, Some((25, Word::By(1))));
    assert_eq!(stage.seen[1].given, Some((3005, Word::By(1))));
}

#[test]
fn only_an_evaluation_that_will_probe_waits() {
    let minute = Duration::from_secs(60);
    let mut stage = Stage::new(|_, _| QUICK);
    stage.send(two_servers());
    stage.pass_until(1000);
    stage.send(Event::LinkConnected);
    stage.pass_until(2000);
    stage.send(Event::Held(Some(Rc::new(settings(3, ServerConnection::MeansInternal, 60))), minute));
    assert_eq!(stage.seen.len(), 3, "connected: an assignment is evaluated without a probe");
    stage.pass_until(3000);
    stage.send(Event::LinkLost(minute));
    stage.pass_until(63_000);
    assert_eq!(stage.seen.len(), 3);
    stage.pass_until(63_010);
    assert_eq!(stage.seen[3].given, Some((63_005, Word::By(0))));
}

#[test]
fn a_request_takes_what_waits_along() {
    let mut stage = Stage::new(|_, _| QUICK);
    stage.send(two_servers());
    stage.pass_until(1000);
    stage.send(Event::LinkLost(Duration::from_secs(60)));
    stage.pass_until(2000);
    stage.send(Event::Wanted(Trigger::ServerRequest));
    stage.pass_until(2010);
    assert_eq!(stage.closed[1].given.triggers, [Trigger::LinkLost, Trigger::ServerRequest]);
    assert_eq!(stage.closed[1].given.decided_in, Duration::from_millis(1005), "from the first trigger");
    stage.pass_until(61_999);
    assert_eq!(stage.seen.len(), 2, "nothing is left that waits");
}

#[test]
fn looks_again_after_the_interval_only_while_probing_decides() {
    let mut stage = Stage::new(|_, _| QUICK);
    stage.send(Event::Wanted(Trigger::Start));
    assert_eq!(stage.engine.wake_at(), None, "without an assignment nothing can change by itself");
    stage.pass_until(100);
    stage.send(two_servers());
    stage.pass_until(200_000);
    let starts: Vec<u64> = stage.seen.iter().map(|seen| seen.started).collect();
    assert_eq!(starts, [0, 100, 60_105, 120_110, 180_115]);
    stage.send(Event::LinkConnected);
    assert_eq!(stage.engine.wake_at(), None, "an idle agent that is connected sleeps");
}

#[test]
fn silence_of_all_has_its_full_time() {
    let mut stage = Stage::new(|_, _| SILENT);
    stage.send(two_servers());
    stage.pass_until(5000);
    let settled = 20 + u64::try_from(ATTEMPT_TIMEOUT.as_millis()).unwrap();
    assert_eq!(stage.seen[0].over, Some((settled, Word::Nobody)));
}

#[test]
fn a_network_that_changed_is_looked_at_again_soon_and_then_less_soon() {
    // A switch that passes nothing for the first ten seconds after the cable is in.
    let mut stage = Stage::new(|evaluation, _| if evaluation < 6 { (false, 1) } else { QUICK });
    stage.send(two_servers());
    stage.pass_until(1000);
    stage.send(Event::Wanted(Trigger::NetworkChange));
    stage.pass_until(100_000);
    let starts: Vec<u64> = stage.seen.iter().map(|seen| seen.started).collect();
    assert_eq!(starts, [0, 1050, 3052, 7054, 15_056, 31_058, 91_063]);
    assert_eq!(stage.seen[5].given, Some((31_063, Word::By(0))), "inside: back to the interval");
}

#[test]
fn a_link_that_is_lost_by_a_change_of_the_network_waits_for_nothing_and_is_looked_at_again_soon() {
    let minute = Duration::from_secs(60);
    let mut stage = Stage::new(|_, _| (false, 1));
    stage.send(two_servers());
    stage.pass_until(100);
    stage.send(Event::LinkConnected);
    stage.pass_until(1000);
    // Carried to another network: the session is found to be gone a second later.
    stage.send(Event::Wanted(Trigger::NetworkChange));
    stage.pass_until(2100);
    stage.send(Event::LinkLost(minute));
    stage.pass_until(10_000);
    let starts: Vec<u64> = stage.seen.iter().map(|seen| seen.started).collect();
    assert_eq!(starts, [0, 100, 1050, 2100, 4102, 8104]);
    // The same without a change lately.
    stage.send(Event::LinkConnected);
    stage.pass_until(30_000);
    stage.send(Event::LinkLost(minute));
    stage.pass_until(95_000);
    let starts: Vec<u64> = stage.seen.iter().skip(6).map(|seen| seen.started).collect();
    assert_eq!(starts, [10_000, 90_000]);
}

#[test]
fn while_an_evaluation_waits_the_last_word_is_looked_at_again_as_ever() {
    let mut stage = Stage::new(|_, _| QUICK);
    stage.send(two_servers());
    stage.pass_until(1000);
    let held = Some(Rc::new(settings(3, ServerConnection::MeansInternal, 60)));
    stage.send(Event::Held(held, Duration::from_secs(600)));
    stage.pass_until(70_000);
    let starts: Vec<u64> = stage.seen.iter().map(|seen| seen.started).collect();
    assert_eq!(starts, [0, 60_005]);
    assert_eq!(stage.closed[1].given.triggers, [Trigger::Assignment, Trigger::Recheck]);
    stage.pass_until(700_000);
    assert!(stage.seen.iter().all(|seen| seen.started % 60_005 < 50), "nothing is left that waits");
}
