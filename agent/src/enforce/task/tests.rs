use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use landmark_proto::ids::EvaluationId;
use landmark_proto::location::{Basis, Trigger, Verdict};

use super::*;
use crate::enforce::Means;
use crate::enforce::command::Command;
use crate::enforce::firewall::names;
use crate::enforce::firewall::names::memory::Memory;
use crate::ledger::testing::{accepted, settings};
use crate::location::Resolver;
use crate::location::Standing;
use crate::network::Changes;

const LIMIT: Duration = Duration::from_secs(10);

fn decided(location: Location) -> Arc<Decided> {
    decided_under(Some(accepted(7, &settings(&["a"]))), location, Basis::ListDisabled)
}

fn decided_under(accepted: Option<Accepted>, location: Location, basis: Basis) -> Arc<Decided> {
    Arc::new(Decided {
        verdict: Verdict { location, basis },
        standing: Standing::Settled,
        accepted,
        triggers: vec![Trigger::Start],
        evaluation: EvaluationId::new(1),
        at: SystemTime::UNIX_EPOCH,
        since_boot: Duration::ZERO,
        decided_in: Duration::ZERO,
        n_flips: 0,
        held_back: None,
    })
}

struct Setup {
    held: watch::Sender<Option<Accepted>>,
    decided: watch::Sender<Option<Arc<Decided>>>,
    stop: CancellationToken,
    status: watch::Receiver<Option<EnforcementStatus>>,
    task: EnforceTask,
    _feeds: Feeds,
}

/// What nothing comes from in these tests; a closed channel would end the loop.
struct Feeds {
    _surroundings: watch::Sender<Option<Surroundings>>,
    _touched: watch::Sender<u64>,
    _changes: watch::Sender<Changes>,
    _names: names::NamesTask,
    _hits: watch::Receiver<Vec<FirewallHits>>,
}

impl Setup {
    fn new(backend: Backend, held: Option<Accepted>) -> Self {
        let (held, held_rx) = watch::channel(held);
        let (decided, decided_rx) = watch::channel(None);
        let stop = CancellationToken::new();
        let (surroundings, surroundings_rx) = watch::channel(Some(Surroundings::default()));
        let (touched, touched_rx) = watch::channel(0);
        let (changes, changes_rx) = watch::channel(Changes::default());
        let (names, names_task) = names::channel(
            Resolver::system(),
            changes_rx,
            (Memory::in_folder(std::path::Path::new("/nonexistent")), BTreeMap::new()),
        );
        let inputs = Inputs {
            held: held_rx,
            decided: decided_rx,
            machine: Facts::default(),
            surroundings: surroundings_rx,
            names,
            touched: touched_rx,
            stop: stop.clone(),
        };
        let config = Config { means: Means::Observe, repair_interval: Duration::from_secs(300) };
        let (outputs, task) = channel(backend, &config, inputs);
        let feeds = Feeds {
            _surroundings: surroundings,
            _touched: touched,
            _changes: changes,
            _names: names_task,
            _hits: outputs.hits,
        };
        Self { held, decided, stop, status: outputs.status, task, _feeds: feeds }
    }
}

fn observe() -> Backend {
    Backend::of(&Means::Observe)
}

async fn becomes(
    status: &mut watch::Receiver<Option<EnforcementStatus>>,
    wanted: impl Fn(&EnforcementStatus) -> bool,
) -> EnforcementStatus {
    let found = status.wait_for(|status| status.as_ref().is_some_and(&wanted));
    timeout(LIMIT, found).await.expect("it does not become that").unwrap().clone().unwrap()
}

/// A program that notes each location it is told in a file, taking its time.
fn slow_program(folder: &std::path::Path) -> Backend {
    let program = folder.join("program");
    let told = folder.join("told");
    let text = format!(
        "#!/bin/sh\nsed 's/.*\"location\":\"\\([a-z]*\\)\".*/\\1/' >> {}\nsleep 0.3\n",
        told.display()
    );
    landmark_daemon::durable::write(&program, text.as_bytes(), landmark_daemon::durable::Mode::Private)
        .unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    Backend::Command(Command { program, arguments: Vec::new(), time_limit: LIMIT })
}

#[tokio::test]
async fn without_an_assignment_it_says_so_at_once() {
    let Setup { held: _held, decided: _decided, stop, mut status, task, _feeds } =
        Setup::new(observe(), None);
    let (ended, ()) = tokio::join!(task.run(), async {
        let said = becomes(&mut status, |status| status.state == EnforcementState::Nothing).await;
        assert_eq!((said.revision, said.reason.as_str()), (None, "no assignment is held"));
        stop.cancel();
    });
    assert_eq!(ended, Ok(()));
}

#[tokio::test]
async fn what_is_held_is_enforced_without_any_verdict_as_for_an_unknown_location() {
    let held = accepted(7, &settings(&["a"]));
    let Setup { held: _held, decided: _decided, stop, mut status, task, _feeds } =
        Setup::new(observe(), Some(held));
    let (_, ()) = tokio::join!(task.run(), async {
        let said = becomes(&mut status, |status| status.state == EnforcementState::Observed).await;
        assert_eq!((said.location, said.revision.unwrap().get()), (Location::Unknown, 7));
        stop.cancel();
    });
}

#[tokio::test]
async fn a_verdict_that_comes_in_a_moment_is_waited_for() {
    let held = accepted(7, &settings(&["a"]));
    let Setup { held: _held, decided: decided_tx, stop, mut status, task, _feeds } =
        Setup::new(observe(), Some(held));
    let (_, ()) = tokio::join!(task.run(), async {
        sleep(Duration::from_millis(20)).await;
        decided_tx.send_replace(Some(decided(Location::Internal)));
        status.changed().await.unwrap();
        assert_eq!(status.borrow().as_ref().unwrap().location, Location::Internal);
        stop.cancel();
    });
}

#[tokio::test]
async fn the_first_assignment_waits_for_the_evaluation_that_it_triggers() {
    for (location, basis) in
        [(Location::Unknown, Basis::NoAssignment), (Location::Internal, Basis::ManagementServer)]
    {
        let folder = tempfile::tempdir().unwrap();
        let backend = slow_program(folder.path());
        let Setup { held: held_tx, decided: decided_tx, stop, mut status, task, _feeds } =
            Setup::new(backend, None);
        let (_, ()) = tokio::join!(task.run(), async {
            decided_tx.send_replace(Some(decided_under(None, location, basis)));
            becomes(&mut status, |status| status.state == EnforcementState::Nothing).await;
            held_tx.send_replace(Some(accepted(7, &settings(&["a"]))));
            sleep(Duration::from_millis(50)).await;
            decided_tx.send_replace(Some(decided(Location::Internal)));
            becomes(&mut status, |status| status.state == EnforcementState::Applied).await;
            assert_eq!(fs::read_to_string(folder.path().join("told")).unwrap(), "internal\n");
            stop.cancel();
        });
    }
}

#[tokio::test(start_paused = true)]
async fn without_that_evaluation_the_stricter_policy_is_enforced_after_a_while() {
    let Setup { held: held_tx, decided: decided_tx, stop, mut status, task, _feeds } =
        Setup::new(observe(), None);
    let (_, ()) = tokio::join!(task.run(), async {
        // Connected, without an assignment: internal, but not under the one that comes.
        let before = decided_under(None, Location::Internal, Basis::ManagementServer);
        decided_tx.send_replace(Some(before));
        becomes(&mut status, |status| status.state == EnforcementState::Nothing).await;
        let began = Instant::now();
        held_tx.send_replace(Some(accepted(7, &settings(&["a"]))));
        let said = becomes(&mut status, |status| status.state == EnforcementState::Observed).await;
        assert_eq!(said.location, Location::Unknown);
        assert_eq!(began.elapsed().as_secs(), VERDICT_LIMIT.as_secs());
        decided_tx.send_replace(Some(decided(Location::Internal)));
        becomes(&mut status, |status| status.location == Location::Internal).await;
        stop.cancel();
    });
}

#[tokio::test]
async fn while_a_program_runs_only_the_newest_wish_waits() {
    let folder = tempfile::tempdir().unwrap();
    let backend = slow_program(folder.path());
    let Setup { held: held_tx, decided: decided_tx, stop, mut status, task, _feeds } =
        Setup::new(backend, None);
    let (_, ()) = tokio::join!(task.run(), async {
        decided_tx.send_replace(Some(decided(Location::Unknown)));
        becomes(&mut status, |status| status.state == EnforcementState::Nothing).await;
        held_tx.send_replace(Some(accepted(7, &settings(&["a"]))));
        let told = folder.path().join("told");
        while !told.exists() {
            sleep(Duration::from_millis(5)).await;
        }
        for location in [Location::Internal, Location::External, Location::Internal] {
            decided_tx.send_replace(Some(decided(location)));
            tokio::task::yield_now().await;
        }
        let said = becomes(&mut status, |status| status.location == Location::Internal).await;
        assert_eq!(said.state, EnforcementState::Applied);
        assert_eq!(fs::read_to_string(told).unwrap(), "unknown\ninternal\n");
        stop.cancel();
    });
}

#[tokio::test]
async fn a_program_that_runs_at_the_stop_may_end() {
    let folder = tempfile::tempdir().unwrap();
    let held = accepted(7, &settings(&["a"]));
    let backend = slow_program(folder.path());
    let Setup { held: _held, decided: decided_tx, stop, status, task, _feeds } =
        Setup::new(backend, Some(held));
    decided_tx.send_replace(Some(decided(Location::External)));
    let told = folder.path().join("told");
    let (ended, ()) = tokio::join!(task.run(), async {
        while !told.exists() {
            sleep(Duration::from_millis(5)).await;
        }
        stop.cancel();
    });
    assert_eq!(ended, Ok(()));
    assert_eq!(status.borrow().as_ref().unwrap().state, EnforcementState::Applied);
}

#[tokio::test]
async fn nothing_new_is_begun_once_the_stop_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let held = accepted(7, &settings(&["a"]));
    let backend = slow_program(folder.path());
    let Setup { held: _held, decided: decided_tx, stop, status: _status, task, _feeds } =
        Setup::new(backend, Some(held));
    decided_tx.send_replace(Some(decided(Location::External)));
    let told = folder.path().join("told");
    let (ended, ()) = tokio::join!(task.run(), async {
        while !told.exists() {
            sleep(Duration::from_millis(5)).await;
        }
        stop.cancel();
        decided_tx.send_replace(Some(decided(Location::Internal)));
    });
    assert_eq!(ended, Ok(()));
    assert_eq!(fs::read_to_string(told).unwrap(), "external\n");
}

#[tokio::test]
async fn it_ends_when_nobody_is_left_to_say_what_shall_be_in_force() {
    let Setup { held, decided, stop: _stop, status: _status, task, _feeds } = Setup::new(observe(), None);
    drop((held, decided));
    assert_eq!(task.run().await, Err(Closed));
}
