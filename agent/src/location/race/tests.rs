use std::collections::BTreeSet;

use landmark_proto::evidence::Outcome;
use landmark_proto::port::Ports;
use landmark_proto::reference_server::MAX_SERVERS;
use proptest::prelude::*;

use super::*;

const MS: Duration = Duration::from_millis(1);

/// What an attempt would say, and how long after its start.
#[derive(Clone, Copy, Debug)]
struct Script {
    outcome: Outcome,
    latency: Duration,
}

fn answers(latency: Duration) -> Script {
    Script { outcome: Outcome::Answered, latency }
}

fn refuses(latency: Duration) -> Script {
    Script { outcome: Outcome::Refused, latency }
}

const SILENT: Script = Script { outcome: Outcome::Timeout, latency: ATTEMPT_TIMEOUT };

/// What was seen of a race that ran to its end.
#[derive(Debug)]
struct Report {
    state: State,
    decided_at: Duration,
    settled_at: Duration,
    most_in_flight: usize,
    starts: Vec<(usize, Duration)>,
    tried: Vec<Tried>,
}

/// Every target a server of its own, of which one must answer.
fn alone(n_targets: usize, answered_last: Option<usize>) -> Course {
    Course {
        positions: (0..n_targets).collect(),
        n_required: 1,
        answered_last: answered_last.into_iter().collect(),
    }
}

fn start(n_targets: usize, answered_last: Option<usize>) -> (Race, Vec<Action>) {
    Race::start(Moment::default(), alone(n_targets, answered_last))
}

fn end(race: &mut Race, now: Moment, index: usize, outcome: Outcome) -> Vec<Action> {
    race.ended(now, index, Ended::with(outcome), outcome == Outcome::Answered)
}

/// Runs a race in simulated time.
fn run(scripts: &[Script], answered_last: Option<usize>) -> Report {
    run_on(scripts, alone(scripts.len(), answered_last))
}

fn run_on(scripts: &[Script], course: Course) -> Report {
    let mut now = Moment::default();
    let mut under_way = BTreeSet::new();
    let mut starts = Vec::new();
    let mut decided_at = None;
    let mut most_in_flight = 0;
    let (mut race, mut actions) = Race::start(now, course);
    loop {
        for action in actions.drain(..) {
            match action {
                Action::Start(index) => {
                    starts.push((index, now.since_begin()));
                    assert!(under_way.insert((now + scripts[index].latency, index)));
                }
                Action::Cancel(index) => {
                    let before = under_way.len();
                    under_way.retain(|(_, other)| *other != index);
                    assert_eq!(under_way.len() + 1, before, "cancelled what was not under way");
                }
            }
        }
        most_in_flight = most_in_flight.max(under_way.len());
        let over = match race.state() {
            State::Undecided => false,
            State::Answered { settled, .. } => {
                decided_at.get_or_insert(now);
                settled
            }
            State::NotEnough => true,
        };
        if over {
            assert!(under_way.is_empty(), "settled while attempts were under way");
            let state = race.state();
            return Report {
                state,
                decided_at: decided_at.unwrap_or(now).since_begin(),
                settled_at: now.since_begin(),
                most_in_flight,
                starts,
                tried: race.close(now),
            };
        }
        let ends = under_way.first().map(|(end, _)| *end);
        let wakes = race.wake_at().map(|at| at.max(now));
        now = ends.into_iter().chain(wakes).min().expect("a race that neither waits nor is over");
        actions = if ends == Some(now) {
            let (_, index) = under_way.pop_first().unwrap();
            end(&mut race, now, index, scripts[index].outcome)
        } else {
            race.start_due(now)
        };
    }
}

/// What a walk finds that asks the ports of each server in their turn, up to the first that answers, until as many servers
/// as required have answered: the first that did.
fn strict_walk_of_servers(scripts: &[Script], course: &Course) -> Option<usize> {
    let mut answered: Vec<usize> = Vec::new();
    let mut first = None;
    for (index, position) in course.positions.iter().enumerate() {
        if answered.contains(position) || scripts[index].outcome != Outcome::Answered {
            continue;
        }
        answered.push(*position);
        first = first.or(Some(index));
        if answered.len() == course.n_required {
            return first;
        }
    }
    None
}

/// Servers with one to four ports each, some of which answered last time.
fn courses(n_targets: usize) -> impl Strategy<Value = Course> {
    let same_server = proptest::collection::vec(proptest::bool::weighted(0.4), n_targets);
    let answered_last = proptest::collection::vec(0..n_targets, 0..3);
    (same_server, 1..5_usize, answered_last).prop_map(|(same_server, n_required, answered_last)| {
        let mut position = 0;
        let positions = same_server.into_iter().enumerate().map(|(index, same)| {
            position += usize::from(index > 0 && !same);
            position
        });
        Course { positions: positions.collect(), n_required, answered_last }
    })
}

/// The first in list order that answers when each is asked in its turn.
fn strict_walk(scripts: &[Script]) -> Option<usize> {
    scripts.iter().position(|script| script.outcome == Outcome::Answered)
}

fn best(course: &Report) -> Option<usize> {
    match course.state {
        State::Answered { best, .. } => Some(best),
        State::NotEnough => None,
        State::Undecided => panic!("{course:?}"),
    }
}

fn scripts(n: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = Vec<Script>> {
    let script = prop_oneof![
        3 => (0..=2000_u32).prop_map(|ms| refuses(ms * MS)),
        2 => Just(SILENT),
        1 => (0..2000_u32).prop_map(|ms| answers(ms * MS)),
    ];
    // Mostly dead lists are where the rules bite.
    prop_oneof![
        proptest::collection::vec(script, n.clone()),
        (n, any::<proptest::sample::Index>(), 0..2000_u32).prop_map(|(n, index, ms)| {
            let mut scripts = vec![SILENT; n];
            scripts[index.index(n)] = answers(ms * MS);
            scripts
        }),
    ]
}

proptest! {
    #[test]
    fn gives_the_verdict_and_the_deciding_entry_of_a_strict_walk(
        scripts in scripts(1..=64), answered_last in proptest::option::of(0..64_usize),
    ) {
        let course = run(&scripts, answered_last);
        prop_assert_eq!(best(&course), strict_walk(&scripts));
    }

    #[test]
    fn several_servers_of_several_ports_give_what_a_strict_walk_gives(
        (scripts, course) in scripts(1..=40).prop_flat_map(|scripts| {
            let n_targets = scripts.len();
            (Just(scripts), courses(n_targets))
        }),
    ) {
        let report = run_on(&scripts, course.clone());
        prop_assert_eq!(best(&report), strict_walk_of_servers(&scripts, &course));
        if best(&report).is_none() {
            // No attempt was spared its full time, except ports of servers that had answered.
            for (index, tried) in report.tried.iter().enumerate() {
                let answered = |other: usize| {
                    course.positions[other] == course.positions[index]
                        && scripts[other].outcome == Outcome::Answered
                };
                let spared = (0..index).any(answered);
                prop_assert!(spared || tried.took == scripts[index].latency, "{} {:?}", index, tried);
            }
        }
    }

    #[test]
    fn starts_in_list_order_and_each_once(
        scripts in scripts(1..=64), answered_last in proptest::option::of(0..64_usize),
    ) {
        let course = run(&scripts, answered_last);
        let starts: Vec<usize> = course.starts.iter().map(|(index, _)| *index).collect();
        prop_assert_eq!(starts[0], 0, "the first entry is tried first");
        let in_turn: Vec<usize> =
            starts.iter().copied().filter(|index| Some(*index) != answered_last).collect();
        prop_assert!(in_turn.is_sorted(), "{:?}", starts);
        let once: BTreeSet<usize> = starts.iter().copied().collect();
        prop_assert_eq!(once.len(), starts.len());
    }

    #[test]
    fn every_target_up_to_the_last_one_tried_has_the_outcome_it_gave_or_was_not_needed(
        scripts in scripts(1..=64), answered_last in proptest::option::of(0..64_usize),
    ) {
        let course = run(&scripts, answered_last);
        let last = course.starts.iter().map(|(index, _)| *index).max().unwrap();
        prop_assert_eq!(course.tried.len(), last + 1);
        let deciding = best(&course);
        for (index, tried) in course.tried.iter().enumerate() {
            let needed = deciding.is_none_or(|deciding| index <= deciding);
            let started = course.starts.iter().find(|(other, _)| *other == index).map(|(_, at)| *at);
            prop_assert_eq!(tried.was_started(), started.is_some());
            if needed {
                prop_assert_eq!(tried.ended.outcome, scripts[index].outcome);
                prop_assert_eq!(tried.took, scripts[index].latency, "had its full time");
                prop_assert_eq!(Some(tried.started_after), started);
            } else if tried.ended.outcome != Outcome::NotNeeded {
                prop_assert_eq!(tried.ended.outcome, scripts[index].outcome);
            }
        }
    }

    #[test]
    fn the_verdict_is_given_at_the_first_answer(
        scripts in scripts(1..=64), answered_last in proptest::option::of(0..64_usize),
    ) {
        let course = run(&scripts, answered_last);
        let first = course
            .starts
            .iter()
            .filter(|(index, _)| scripts[*index].outcome == Outcome::Answered)
            .map(|(index, at)| *at + scripts[*index].latency)
            .min();
        prop_assert_eq!(course.decided_at, first.unwrap_or(course.settled_at));
    }

    #[test]
    fn external_is_said_within_5_s_for_256_attempts_and_in_proportion_beyond(
        scripts in proptest::collection::vec(
            prop_oneof![(0..=2000_u32).prop_map(|ms| refuses(ms * MS)), Just(SILENT)],
            1..=MAX_SERVERS * Ports::MAX,
        ),
    ) {
        let course = run(&scripts, None);
        prop_assert_eq!(course.state, State::NotEnough);
        let rounds = u32::try_from(scripts.len().div_ceil(MAX_IN_FLIGHT)).unwrap();
        prop_assert!(course.settled_at <= 5 * rounds * Duration::from_secs(1), "{:?}", course.settled_at);
        prop_assert!(course.most_in_flight <= MAX_IN_FLIGHT);
    }

    #[test]
    fn the_entry_that_answered_last_decides_in_its_own_latency(
        n in 2..=320_usize, which in any::<proptest::sample::Index>(), ms in 0..2000_u32,
    ) {
        let which = which.index(n);
        let mut scripts = vec![SILENT; n];
        scripts[which] = answers(ms * MS);
        let course = run(&scripts, Some(which));
        prop_assert_eq!(course.decided_at, ms * MS);
        prop_assert_eq!(best(&course), Some(which));
    }

    #[test]
    fn a_race_that_is_closed_early_gives_every_attempt_one_outcome(
        scripts in scripts(1..=64), closes_after in 0..3000_u32,
    ) {
        let closes_at = Moment::default() + closes_after * MS;
        let mut now = Moment::default();
        let (mut race, actions) = start(scripts.len(), None);
        let mut ends: BTreeSet<(Moment, usize)> = BTreeSet::new();
        let mut starts = 0;
        let mut todo = actions;
        while now <= closes_at {
            for action in todo.drain(..) {
                if let Action::Start(index) = action {
                    starts += 1;
                    ends.insert((now + scripts[index].latency, index));
                }
            }
            // Ends of cancelled attempts are told all the same: they must not count.
            if ends.first().is_some_and(|(at, _)| *at <= now) {
                let (_, index) = ends.pop_first().unwrap();
                todo = end(&mut race, now, index, scripts[index].outcome);
                continue;
            }
            now = now + MS;
            todo = race.start_due(now);
        }
        starts += todo.iter().filter(|action| matches!(action, Action::Start(_))).count();
        let state = race.state();
        let tried = race.close(now);
        prop_assert_eq!(tried.iter().filter(|tried| tried.was_started()).count(), starts);
        let first_answer = tried.iter().position(|tried| tried.ended.outcome == Outcome::Answered);
        match state {
            State::Answered { best, .. } => prop_assert_eq!(first_answer, Some(best)),
            State::Undecided | State::NotEnough => prop_assert_eq!(first_answer, None),
        }
    }
}

#[test]
fn a_first_entry_that_answers_costs_one_connection() {
    let course = run(&[answers(12 * MS), answers(MS), SILENT], None);
    assert_eq!(course.starts, [(0, Duration::ZERO)]);
    assert_eq!((course.decided_at, course.settled_at), (12 * MS, 12 * MS));
    assert_eq!(course.tried.len(), 1);
}

#[test]
fn entries_that_refuse_are_walked_without_waiting_for_the_stagger() {
    let course = run(&[refuses(MS); 32], None);
    assert_eq!(course.settled_at, 32 * MS);
    assert_eq!(course.most_in_flight, 1);
}

#[test]
fn the_last_of_32_answers_after_620_ms_and_then_the_earlier_ones_have_their_time() {
    let mut scripts = [SILENT; 32];
    scripts[31] = answers(5 * MS);
    let course = run(&scripts, None);
    assert_eq!(course.decided_at, 625 * MS);
    assert_eq!(course.settled_at, 600 * MS + ATTEMPT_TIMEOUT, "when the 31st had its time");
    assert_eq!(best(&course), Some(31));
}

#[test]
fn all_32_silent_is_external_after_2620_ms() {
    assert_eq!(run(&[SILENT; 32], None).settled_at, 2620 * MS);
}

#[test]
fn an_earlier_entry_that_answers_later_becomes_the_deciding_one_without_another_verdict() {
    let course = run(&[SILENT, answers(100 * MS), answers(10 * MS), SILENT], None);
    assert_eq!(course.decided_at, 50 * MS, "the third, started at 40 ms");
    assert_eq!(course.state, State::Answered { best: 1, settled: true });
    let outcomes: Vec<Outcome> = course.tried.iter().map(|tried| tried.ended.outcome).collect();
    assert_eq!(outcomes, [Outcome::Timeout, Outcome::Answered, Outcome::Answered]);
}

#[test]
fn never_more_than_256_are_under_way() {
    let course = run(&[SILENT; MAX_SERVERS * Ports::MAX], None);
    assert_eq!(course.most_in_flight, MAX_IN_FLIGHT);
    assert!(course.settled_at <= Duration::from_secs(22), "{:?}", course.settled_at);
}

#[test]
fn a_very_late_wake_up_does_not_start_more_than_256_either() {
    let (mut race, _) = start(MAX_SERVERS * Ports::MAX, Some(2000));
    let actions = race.start_due(Moment::default() + 60_000 * MS);
    assert_eq!(actions.len() + 2, MAX_IN_FLIGHT);
    assert_eq!(race.wake_at(), None);
    let next = end(&mut race, Moment::default() + 60_001 * MS, 7, Outcome::Refused);
    assert_eq!(next, [Action::Start(255)]);
}

#[test]
fn a_late_wake_up_does_not_delay_those_that_follow() {
    let (mut race, _) = start(32, None);
    let actions = race.start_due(Moment::default() + 70 * MS);
    assert_eq!(actions, [Action::Start(1), Action::Start(2), Action::Start(3)]);
    assert_eq!(race.wake_at(), Some(Moment::default() + 80 * MS));
}

#[test]
fn two_required_servers_are_two_and_not_two_ports_of_one() {
    let course = Course { positions: vec![0, 0, 1], n_required: 2, answered_last: Vec::new() };
    let report = run_on(&[answers(MS), answers(MS), answers(30 * MS)], course.clone());
    assert_eq!(report.decided_at, 31 * MS, "the second server is asked when the first has answered");
    assert_eq!(report.state, State::Answered { best: 0, settled: true });
    assert_eq!(report.tried[1].ended.outcome, Outcome::NotNeeded);
    let report = run_on(&[answers(MS), answers(MS), SILENT], course);
    assert_eq!(report.state, State::NotEnough);
    assert_eq!(report.decided_at, MS + ATTEMPT_TIMEOUT);
}

#[test]
fn an_answer_that_does_not_count_is_a_failure() {
    let (mut race, _) = start(2, None);
    let actions = race.ended(Moment::default() + MS, 0, Ended::with(Outcome::Answered), false);
    assert_eq!(actions, [Action::Start(1)]);
    assert_eq!(race.state(), State::Undecided);
    assert!(!race.has_answered(0));
    assert_eq!(race.close(Moment::default() + MS)[0].ended.outcome, Outcome::Answered, "as it was seen");
}
