use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use landmark_proto::evidence::Outcome;
use landmark_proto::gateway::{Gateway, GatewayList};
use landmark_proto::location::{Basis, Location};
use landmark_proto::location_rules::Tunnels;
use landmark_proto::message::Tuning;
use landmark_proto::network::{DefaultRoute, Interface};
use landmark_proto::port::{Port, Ports};
use landmark_proto::reference_server::{Probe, ReferenceServer, ReferenceServerList, Target};
use landmark_proto::settings::Settings;
use socket2::{Domain, Socket, Type};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::*;
use crate::ledger::testing::{accepted, offer};
use crate::location::probe::Round;
use crate::location::race::ATTEMPT_TIMEOUT;

const MS: Duration = Duration::from_millis(1);
const SILENT: (Outcome, Duration) = (Outcome::Timeout, Duration::from_secs(2));

fn answers(after: Duration) -> (Outcome, Duration) {
    (Outcome::Answered, after)
}

/// A network in which each server does what its script says.
struct Fake {
    scripts: Vec<(Outcome, Duration)>,
    n_open: Arc<AtomicUsize>,
}

struct FakeRound(Vec<(Outcome, Duration)>, Arc<AtomicUsize>);

impl Probing for Fake {
    fn round(&self, _tunnels: Tunnels) -> Box<dyn Round> {
        Box::new(FakeRound(self.scripts.clone(), Arc::clone(&self.n_open)))
    }
}

/// Counts the attempts under way.
struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Round for FakeRound {
    fn attempt(&mut self, target: Target<'_>) -> BoxFuture<'static, Ended> {
        let (outcome, latency) = self.0[target.position];
        self.1.fetch_add(1, Ordering::SeqCst);
        let open = Open(Arc::clone(&self.1));
        async move {
            sleep(latency).await;
            drop(open);
            Ended::with(outcome)
        }
        .boxed()
    }
}

#[derive(Debug)]
struct StillClock;

impl Clock for StillClock {
    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn since_boot(&self) -> Duration {
        Duration::from_secs(7)
    }
}

/// Default routes as a test wants them.
#[derive(Clone, Default)]
struct FakeRoutes(Arc<Mutex<Vec<DefaultRoute>>>);

impl Routes for FakeRoutes {
    fn read(&self, _gateways: &GatewayList) -> BoxFuture<'static, Vec<DefaultRoute>> {
        let routes = self.0.lock().unwrap().clone();
        async move { routes }.boxed()
    }

    fn watch_hardware(&self, _is_wanted: bool) {}
}

struct Bench {
    changes: watch::Sender<Changes>,
    routes: FakeRoutes,
    link: watch::Sender<LinkState>,
    held: watch::Sender<Option<Accepted>>,
    tuning: watch::Sender<Tuning>,
    handle: LocationHandle,
    decided: watch::Receiver<Option<Arc<Decided>>>,
    reports: mpsc::Receiver<LocationReport>,
    stop: CancellationToken,
    task: JoinHandle<LocationTaskError>,
    n_open: Arc<AtomicUsize>,
}

type Senders = (
    watch::Sender<LinkState>,
    watch::Sender<Option<Accepted>>,
    watch::Sender<Tuning>,
    watch::Sender<Changes>,
);

fn inputs(held: Option<Accepted>) -> (Senders, Inputs) {
    let (link_tx, link) = watch::channel(LinkState::Lost);
    let (held_tx, held) = watch::channel(held);
    let (tuning_tx, tuning) = watch::channel(Tuning::default());
    let (changes_tx, changes) = watch::channel(Changes::default());
    ((link_tx, held_tx, tuning_tx, changes_tx), Inputs { link, held, tuning, changes })
}

fn network() -> NetworkHandle {
    crate::network::channel(crate::network::Options { resolver_files: Vec::new() }).0
}

fn options() -> Options {
    Options { allow_loopback: true, boot_id: BootId::from_uuid(Uuid::nil()) }
}

#[expect(clippy::disallowed_methods, reason = "a test supervises its task itself")]
fn bench(scripts: &[(Outcome, Duration)], prober: Option<Box<dyn Probing>>, held: Option<Accepted>) -> Bench {
    let ((link, held, tuning, changes), inputs) = inputs(held);
    let n_open = Arc::new(AtomicUsize::new(0));
    let fake = Fake { scripts: scripts.to_vec(), n_open: Arc::clone(&n_open) };
    let prober = prober.unwrap_or_else(|| Box::new(fake));
    let routes = FakeRoutes::default();
    let world = World { prober, routes: Box::new(routes.clone()), clock: Box::new(StillClock) };
    let (handle, reports, task) = channel_with(inputs, &options(), world);
    let stop = CancellationToken::new();
    let run = task.run(stop.clone());
    let task = tokio::spawn(async move {
        let Err(error) = run.await;
        error
    });
    let decided = handle.decided();
    Bench { changes, routes, link, held, tuning, handle, decided, reports, stop, task, n_open }
}

fn faked(scripts: &[(Outcome, Duration)]) -> Bench {
    bench(scripts, None, Some(accepted(1, &list(scripts.len()))))
}

fn list(n_servers: usize) -> Settings {
    let servers = (0..n_servers).map(|n| server(&format!("10.0.0.{}", n + 1), &[80]));
    Settings {
        reference_servers: ReferenceServerList::new(true, servers.collect()).unwrap(),
        ..Settings::default()
    }
}

fn server(host: &str, ports: &[u16]) -> ReferenceServer {
    let ports = ports.iter().map(|port| Port::try_from(u32::from(*port)).unwrap()).collect();
    ReferenceServer { host: host.parse().unwrap(), ports: Ports::new(ports).unwrap(), probe: Probe::Tcp }
}

impl Bench {
    /// Waits until what was decided is so.
    async fn until(&mut self, what: impl Fn(&Decided) -> bool) -> Arc<Decided> {
        let so = self.decided.wait_for(|decided| decided.as_deref().is_some_and(&what));
        let decided = timeout(Duration::from_secs(600), so).await.expect("decided in time").unwrap();
        Arc::clone(decided.as_ref().unwrap())
    }
}

fn position(decided: &Decided) -> Option<usize> {
    let Basis::ReferenceServer { position, .. } = &decided.verdict.basis else { return None };
    Some(*position)
}

#[tokio::test(start_paused = true)]
async fn the_verdict_is_published_at_the_first_answer_and_recorded_once_settled() {
    let mut bench = faked(&[answers(500 * MS), answers(5 * MS), SILENT]);
    let first = bench.until(|_| true).await;
    assert_eq!((first.standing, position(&first)), (Standing::Provisional, Some(1)));
    assert_eq!(first.triggers, [Trigger::Start]);
    assert_eq!(first.since_boot, Duration::from_secs(7));
    assert!(bench.reports.try_recv().is_err(), "nothing is recorded yet");
    let settled = bench.until(|decided| decided.standing == Standing::Settled).await;
    assert_eq!(position(&settled), Some(0));
    assert_eq!((settled.evaluation, settled.decided_in), (first.evaluation, first.decided_in));
    let report = bench.reports.recv().await.unwrap();
    assert_eq!(report.verdict, settled.verdict);
    assert_eq!(report.revision.unwrap().get(), 1);
    let evidence = bench.handle.evidence().last(1).remove(0);
    assert_eq!(replay(&evidence), settled.verdict);
    assert!(evidence.decided_in < evidence.settled_in);
}

#[tokio::test(start_paused = true)]
async fn the_same_verdict_again_is_not_recorded_again() {
    let mut bench = faked(&[answers(MS)]);
    bench.until(|decided| decided.evaluation.get() == 3).await;
    assert_eq!(bench.handle.evidence().last(64).len(), 3, "the recheck interval has passed twice");
    bench.link.send_replace(LinkState::Connected);
    bench.until(|decided| decided.verdict.basis == Basis::ManagementServer).await;
    let bases: Vec<Basis> =
        std::iter::from_fn(|| bench.reports.try_recv().ok()).map(|report| report.verdict.basis).collect();
    assert_eq!(bases.len(), 2, "{bases:?}");
}

#[tokio::test(start_paused = true)]
async fn a_link_that_connects_ends_the_race_and_its_sockets() {
    let mut bench = faked(&[SILENT; 8]);
    sleep(110 * MS).await;
    assert_eq!(bench.n_open.load(Ordering::SeqCst), 6);
    bench.link.send_replace(LinkState::Connected);
    let decided = bench.until(|_| true).await;
    assert_eq!(decided.verdict.basis, Basis::ManagementServer);
    assert_eq!(decided.triggers, [Trigger::Start, Trigger::LinkConnected]);
    assert_eq!(bench.n_open.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_is_not_needed_any_more_is_dropped_at_once() {
    let mut bench = faked(&[answers(100 * MS), SILENT, SILENT, SILENT]);
    bench.until(|_| true).await;
    // An aborted attempt is dropped the next time the task looks at its attempts.
    sleep(MS).await;
    assert_eq!(bench.n_open.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn whoever_asks_gets_the_verdict_of_an_evaluation_that_began_afterwards() {
    let mut bench = faked(&[SILENT, answers(5 * MS)]);
    bench.until(|_| true).await;
    let (server, local) =
        tokio::join!(bench.handle.evaluate(Asked::ByServer), bench.handle.evaluate(Asked::OnThisMachine));
    let (server, local) = (server.unwrap(), local.unwrap());
    assert_eq!(server.evaluation.get(), 2);
    assert_eq!(server, local, "one evaluation answers both");
    assert_eq!(server.triggers, [Trigger::ServerRequest, Trigger::LocalRequest]);
    assert_eq!(position(&server), Some(1));
}

#[tokio::test(start_paused = true)]
async fn too_many_requests_are_turned_away() {
    let (_senders, inputs) = inputs(None);
    let (handle, _reports, task) = channel(inputs, network(), &options());
    let mut waiting: Vec<_> = (0..REQUESTS).map(|_| Box::pin(handle.evaluate(Asked::ByServer))).collect();
    for one in &mut waiting {
        assert!(one.now_or_never().is_none());
    }
    assert_eq!(handle.evaluate(Asked::ByServer).await, Err(NotEvaluated::Busy));
    drop(task);
    assert_eq!(waiting.remove(0).await, Err(NotEvaluated::Stopping));
}

#[tokio::test(start_paused = true)]
async fn a_new_assignment_is_evaluated_within_its_jitter() {
    let mut bench = faked(&[answers(MS), answers(MS)]);
    bench.until(|_| true).await;
    sleep(Duration::from_secs(1)).await;
    let jitter = Duration::from_secs(20);
    let folder = tempfile::tempdir().unwrap();
    let limits = crate::ledger::accept::Limits { allow_loopback: true };
    let (mut ledger, _) = crate::ledger::Ledger::open(folder.path(), limits);
    let mut offer = offer(2, &list(2));
    offer.apply_jitter = jitter;
    ledger.offer(&offer).unwrap();
    let started = Instant::now();
    bench.held.send_replace(ledger.accepted().cloned());
    let decided =
        bench.until(|it| it.accepted.as_ref().is_some_and(|it| it.held().revision.get() == 2)).await;
    assert!(started.elapsed() <= jitter + 10 * MS, "{:?}", started.elapsed());
    assert_eq!(decided.triggers, [Trigger::Assignment]);
}

#[tokio::test(start_paused = true)]
async fn evaluations_after_a_lost_link_are_spread_as_the_server_says() {
    let mut bench = faked(&[answers(MS)]);
    bench.until(|_| true).await;
    bench.link.send_replace(LinkState::Connected);
    bench.until(|decided| decided.verdict.basis == Basis::ManagementServer).await;
    let evaluation_spread = Duration::from_secs(30);
    bench.tuning.send_replace(Tuning { evaluation_spread, ..Tuning::default() });
    sleep(Duration::from_secs(1)).await;
    let lost = Instant::now();
    bench.link.send_replace(LinkState::Lost);
    let decided = bench.until(|decided| position(decided).is_some()).await;
    assert_eq!(decided.triggers, [Trigger::LinkLost]);
    assert!(lost.elapsed() <= evaluation_spread + 10 * MS, "{:?}", lost.elapsed());
}

#[tokio::test(start_paused = true)]
async fn it_ends_when_asked_to_and_when_nobody_tells_of_the_link() {
    let bench = faked(&[SILENT]);
    bench.stop.cancel();
    assert_eq!(bench.task.await.unwrap(), LocationTaskError::Stopped);
    let bench = faked(&[SILENT]);
    drop(bench.link);
    assert_eq!(bench.task.await.unwrap(), LocationTaskError::Link);
}

/// A port on which nobody listens, held so that nobody can begin to.
fn refusing() -> (Socket, u16) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    let port = socket.local_addr().unwrap().as_socket().unwrap().port();
    (socket, port)
}

fn real(servers: Vec<ReferenceServer>) -> Bench {
    let settings = Settings {
        reference_servers: ReferenceServerList::new(true, servers).unwrap(),
        ..Settings::default()
    };
    let prober = Prober::new(Resolver::system(), Rules { allow_loopback: true }, network());
    bench(&[], Some(Box::new(prober)), Some(accepted(1, &settings)))
}

#[tokio::test]
async fn thirty_two_that_refuse_are_walked_in_list_order_to_external() {
    let (held, ports): (Vec<Socket>, Vec<u16>) = (0..32).map(|_| refusing()).unzip();
    // Four hosts with eight ports each.
    let hosts = ports.chunks(8).enumerate();
    let mut bench = real(hosts.map(|(n, ports)| server(&format!("127.0.0.{}", n + 1), ports)).collect());
    let decided = bench.until(|_| true).await;
    assert_eq!(decided.verdict.basis, Basis::NoneReachable { n_attempts: 32 });
    let evidence = bench.handle.evidence().last(1).remove(0);
    assert!(evidence.attempts.iter().all(|attempt| attempt.outcome == Outcome::Refused), "{evidence:?}");
    assert!(evidence.attempts.is_sorted_by_key(|attempt| attempt.started_after));
    assert!(evidence.settled_in < ATTEMPT_TIMEOUT, "not one waited for its time-out");
    drop(held);
}

#[tokio::test]
async fn the_first_that_answers_in_list_order_decides_on_real_sockets() {
    let (_held, refused) = refusing();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let open = listener.local_addr().unwrap().port();
    let mut bench = real(vec![server("127.0.0.2", &[refused]), server("localhost", &[refused, open])]);
    let decided = bench.until(|decided| decided.standing == Standing::Settled).await;
    assert_eq!(decided.verdict.location, Location::Internal);
    assert_eq!(decided.verdict.basis.to_string(), format!("reference server 2: localhost:{open}"));
    drop(listener);
    // The next evaluation finds it gone.
    let decided = bench.handle.evaluate(Asked::OnThisMachine).await.unwrap();
    assert_eq!(decided.verdict.location, Location::External);
    let outcomes: Vec<Outcome> =
        bench.handle.evidence().last(1)[0].attempts.iter().map(|attempt| attempt.outcome).collect();
    assert_eq!(outcomes, [Outcome::Refused; 3]);
}

#[test]
fn a_basis_that_is_not_settled_is_no_news_of_the_log() {
    let answered = |position| Verdict {
        location: Location::Internal,
        basis: Basis::ReferenceServer { host: "a".parse().unwrap(), port: "80".parse().unwrap(), position },
    };
    let (fast, first) = (answered(5), answered(0));
    let external = Verdict { location: Location::External, basis: Basis::NoneReachable { n_attempts: 1 } };
    for (logged, verdict, standing, expected) in [
        (None, &fast, Standing::Provisional, true),
        (Some(&external), &fast, Standing::Provisional, true),
        (Some(&fast), &first, Standing::Settled, true),
        // The next evaluations on an unchanged network.
        (Some(&first), &fast, Standing::Provisional, false),
        (Some(&first), &first, Standing::Settled, false),
        // The first entry died.
        (Some(&first), &fast, Standing::Settled, true),
    ] {
        assert_eq!(is_news(logged, verdict, standing), expected, "{logged:?} {verdict:?} {standing:?}");
    }
}

/// A new network, a change of the resolver, a wake.
#[tokio::test(start_paused = true)]
async fn changes_of_the_machine_make_it_look_and_say_so() {
    let settings = crate::ledger::testing::settings(&["10.0.0.1"]);
    let mut bench = bench(&[answers(MS)], None, Some(accepted(1, &settings)));
    bench.until(|decided| decided.triggers == [Trigger::Start]).await;
    for (change, triggers) in [
        (Changes { network: 1, resolver: 0, wake: 0 }, vec![Trigger::NetworkChange]),
        (Changes { network: 1, resolver: 1, wake: 0 }, vec![Trigger::ResolverChange]),
        (Changes { network: 2, resolver: 1, wake: 1 }, vec![Trigger::Wake, Trigger::NetworkChange]),
    ] {
        bench.changes.send_replace(change);
        bench.until(|decided| decided.triggers == triggers).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_gateway_on_the_list_means_internal_whatever_the_link() {
    let mut settings = crate::ledger::testing::settings(&["10.0.0.1"]);
    settings.location.criterion = Criterion::Gateway;
    let gateway = "10.0.0.254".parse().unwrap();
    settings.gateways = GatewayList::new(vec![Gateway::new(gateway, None).unwrap()]).unwrap();
    let mut bench = bench(&[SILENT], None, Some(accepted(1, &settings)));
    let decided = bench.until(|_| true).await;
    assert_eq!(decided.verdict.basis, Basis::NoGateway { seen: None });
    let interface = Interface { name: "eth0".into(), kind: "ether".into(), is_tunnel: false };
    let route = DefaultRoute { gateway: Some(gateway), mac: None, interface, metric: 100, is_ipv6: false };
    bench.routes.0.lock().unwrap().push(route);
    bench.changes.send_replace(Changes { network: 1, ..Changes::default() });
    let decided = bench.until(|decided| decided.verdict.location == Location::Internal).await;
    assert_eq!(decided.verdict.basis, Basis::Gateway { address: gateway, mac: None, position: 0 });
    assert_eq!(bench.n_open.load(Ordering::SeqCst), 0, "no reference server is tried");
    bench.link.send_replace(LinkState::Connected);
    let decided = bench.until(|decided| decided.triggers == [Trigger::LinkConnected]).await;
    assert_eq!(decided.verdict.basis, Basis::Gateway { address: gateway, mac: None, position: 0 });
    assert_eq!(decided.n_flips, 1);
}
