use std::sync::atomic::{AtomicUsize, Ordering};

use landmark_proto::evidence::Outcome;
use landmark_proto::ids::EvaluationId;
use landmark_proto::location::{Basis, Location, Trigger, Verdict};
use landmark_proto::location_rules::Tunnels;
use landmark_proto::network::Interface;
use landmark_proto::settings::Settings;
use tokio::time::timeout;

use super::*;
use crate::ledger::testing::{accepted, settings};
use crate::location::{Ended, Round, Standing};

const HOUR: Duration = Duration::from_secs(60 * 60);
const LONG: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Every attempt takes a second and is answered, through a tunnel if its place is odd; the last host refuses.
#[derive(Clone, Default)]
struct Fake {
    under_way: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    n_attempts: Arc<AtomicUsize>,
}

struct UnderWay(Arc<AtomicUsize>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Probing for Fake {
    fn round(&self, _tunnels: Tunnels) -> Box<dyn Round> {
        Box::new(self.clone())
    }
}

impl Round for Fake {
    fn attempt(&mut self, target: Target<'_>) -> BoxFuture<'static, Ended> {
        let fake = self.clone();
        let position = target.position;
        async move {
            fake.n_attempts.fetch_add(1, Ordering::SeqCst);
            let n_now = fake.under_way.fetch_add(1, Ordering::SeqCst) + 1;
            let _open = UnderWay(Arc::clone(&fake.under_way));
            fake.most.fetch_max(n_now, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_secs(1)).await;
            let is_tunnel = position % 2 == 1;
            let interface = Interface { name: "x".into(), kind: String::new(), is_tunnel };
            let outcome = if position == 0 { Outcome::Refused } else { Outcome::Answered };
            Ended { interface: Some(interface), ..Ended::with(outcome) }
        }
        .boxed()
    }
}

struct Bench {
    link: watch::Sender<LinkState>,
    held: watch::Sender<Option<Accepted>>,
    tuning: watch::Sender<Tuning>,
    decided: watch::Sender<Option<Arc<Decided>>>,
    handle: SweepHandle,
    fake: Fake,
    stop: CancellationToken,
    done: tokio::task::JoinHandle<Result<Infallible, SweepTaskError>>,
}

fn list(n: usize) -> Settings {
    let hosts: Vec<String> = (1..=n).map(|number| format!("192.0.2.{number}")).collect();
    settings(&hosts.iter().map(String::as_str).collect::<Vec<_>>())
}

fn tuning(interval: Option<Duration>) -> Tuning {
    Tuning { sweep_interval: interval, ..Tuning::default() }
}

fn decided() -> Arc<Decided> {
    Arc::new(Decided {
        verdict: Verdict { location: Location::Internal, basis: Basis::ManagementServer },
        standing: Standing::Settled,
        accepted: None,
        triggers: vec![Trigger::Start],
        evaluation: EvaluationId::new(1),
        at: std::time::SystemTime::UNIX_EPOCH,
        since_boot: Duration::ZERO,
        decided_in: Duration::ZERO,
        n_flips: 0,
        held_back: None,
    })
}

impl Bench {
    /// Connected, decided, with this list and interval.
    fn new(settings: &Settings, interval: Option<Duration>) -> Self {
        let (link, link_rx) = watch::channel(LinkState::Connected);
        let (held, held_rx) = watch::channel(Some(accepted(1, settings)));
        let (tuning, tuning_rx) = watch::channel(tuning(interval));
        let (decided, decided_rx) = watch::channel(Some(decided()));
        let inputs = Inputs { link: link_rx, held: held_rx, tuning: tuning_rx, decided: decided_rx };
        let fake = Fake::default();
        let (handle, task) = channel(inputs, Box::new(fake.clone()));
        let stop = CancellationToken::new();
        #[expect(clippy::disallowed_methods, reason = "a test awaits it")]
        let done = tokio::spawn(task.run(stop.clone()));
        Self { link, held, tuning, decided, handle, fake, stop, done }
    }

    /// The next sweep, and how long it took to come; `None` if none comes within this time.
    async fn next(&self, limit: Duration) -> Option<(Arc<Swept>, Duration)> {
        let began = Instant::now();
        let mut last = self.handle.last();
        last.borrow_and_update();
        timeout(limit, last.changed()).await.ok()?.unwrap();
        let swept = last.borrow().clone().unwrap();
        Some((swept, began.elapsed()))
    }

    fn n_attempts(&self) -> usize {
        self.fake.n_attempts.load(Ordering::SeqCst)
    }

    /// Lets the task see what it was told.
    async fn settle(&self) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_sweep_comes_within_ten_minutes_and_then_every_interval() {
    let bench = Bench::new(&list(3), Some(6 * HOUR));
    let (_, first) = bench.next(LONG).await.unwrap();
    assert!(first <= Duration::from_secs(602), "{first:?}");
    for _ in 0..3 {
        let (swept, wait) = bench.next(LONG).await.unwrap();
        assert!(wait >= (6 * HOUR).mul_f64(0.9) && wait <= (6 * HOUR).mul_f64(1.1) + Duration::from_secs(2));
        assert_eq!(swept.report(Instant::now()).results.len(), 3);
    }
    bench.stop.cancel();
    assert_eq!(bench.done.await.unwrap(), Err(SweepTaskError::Stopped));
}

#[tokio::test(start_paused = true)]
async fn all_servers_are_tried_in_list_order_a_few_at_a_time_and_spaced() {
    let mut settings = list(32);
    settings.location.tunnels = Tunnels::Ignore;
    let bench = Bench::new(&settings, None);
    bench.settle().await;
    bench.handle.sweep_after(Duration::ZERO);
    let (swept, took) = bench.next(HOUR).await.unwrap();
    assert_eq!(bench.fake.most.load(Ordering::SeqCst), AT_ONCE);
    assert!(took >= Duration::from_secs(4), "8 at a time, a second each: {took:?}");
    let report = swept.report(Instant::now() + HOUR);
    assert_eq!((report.held, report.age), (accepted(1, &settings).held(), HOUR));
    assert!(report.results.iter().map(|it| it.position).eq(0..32));
    assert!(report.results.iter().all(|it| it.took == Duration::from_secs(1)));
    assert_eq!(report.results[0].outcome, Outcome::Refused);
    let counting = report.results.iter().filter(|it| it.counts).map(|it| it.position);
    assert!(counting.eq((2..32).step_by(2)), "neither the refusal nor what came through a tunnel");
    assert!(bench.next(LONG).await.is_none(), "without an interval only who asks gets a sweep");
}

#[tokio::test(start_paused = true)]
async fn a_lost_link_ends_a_sweep_at_once_and_none_begins_without_one() {
    let bench = Bench::new(&list(32), Some(HOUR));
    bench.settle().await;
    bench.handle.sweep_after(Duration::ZERO);
    bench.settle().await;
    assert!(bench.fake.under_way.load(Ordering::SeqCst) > 0);
    bench.link.send_replace(LinkState::Lost);
    bench.settle().await;
    assert_eq!(bench.fake.under_way.load(Ordering::SeqCst), 0, "its sockets are closed");
    let n_attempts = bench.n_attempts();
    bench.handle.sweep_after(Duration::ZERO);
    assert!(bench.next(LONG).await.is_none());
    assert_eq!(bench.n_attempts(), n_attempts);
    bench.link.send_replace(LinkState::Connected);
    let (_, wait) = bench.next(LONG).await.unwrap();
    assert!(wait <= Duration::from_secs(606), "what became due meanwhile is spread anew: {wait:?}");
}

#[tokio::test(start_paused = true)]
async fn a_session_that_comes_again_and_again_makes_no_sweeps() {
    let bench = Bench::new(&list(1), Some(6 * HOUR));
    bench.next(LONG).await.unwrap();
    for _ in 0..30 {
        bench.link.send_replace(LinkState::Lost);
        bench.settle().await;
        bench.link.send_replace(LinkState::Connected);
        assert!(bench.next(Duration::from_secs(600)).await.is_none());
    }
    assert_eq!(bench.n_attempts(), 1);
}

#[tokio::test(start_paused = true)]
async fn another_list_ends_the_sweep_of_the_one_before_and_is_swept_itself() {
    let bench = Bench::new(&list(32), Some(HOUR));
    bench.settle().await;
    bench.handle.sweep_after(Duration::ZERO);
    bench.settle().await;
    let next = accepted(2, &list(2));
    bench.held.send_replace(Some(next.clone()));
    let (swept, wait) = bench.next(LONG).await.unwrap();
    assert_eq!(swept.held(), next.held());
    assert!(wait <= Duration::from_secs(602), "{wait:?}");
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_disabled_or_empty_is_left_alone() {
    let servers = list(2).reference_servers.servers().to_vec();
    let disabled = landmark_proto::reference_server::ReferenceServerList::new(false, servers).unwrap();
    for settings in [Settings { reference_servers: disabled, ..Settings::default() }, list(0)] {
        let bench = Bench::new(&settings, Some(HOUR));
        bench.settle().await;
        bench.handle.sweep_after(Duration::ZERO);
        assert!(bench.next(LONG).await.is_none());
        assert_eq!(bench.n_attempts(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_verdict_goes_before_everything_and_a_shorter_interval_counts_at_once() {
    let bench = Bench::new(&list(1), None);
    bench.decided.send_replace(None);
    bench.tuning.send_replace(tuning(Some(HOUR)));
    assert!(bench.next(LONG).await.is_none());
    bench.decided.send_replace(Some(decided()));
    bench.next(LONG).await.unwrap();
    bench.tuning.send_replace(tuning(Some(Duration::from_secs(60))));
    let (_, wait) = bench.next(LONG).await.unwrap();
    assert!(wait <= Duration::from_secs(62), "{wait:?}");
}

#[tokio::test(start_paused = true)]
async fn many_wishes_at_once_are_one_sweep() {
    let bench = Bench::new(&list(1), None);
    bench.settle().await;
    for wait in [30, 10, 20] {
        bench.handle.sweep_after(Duration::from_secs(wait));
        bench.settle().await;
    }
    let (_, wait) = bench.next(LONG).await.unwrap();
    assert!(wait <= Duration::from_secs(12), "the earliest: {wait:?}");
    assert!(bench.next(LONG).await.is_none());
    assert_eq!(bench.n_attempts(), 1);
}
