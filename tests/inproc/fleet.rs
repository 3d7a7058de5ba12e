//! A server and agents inside the test's own process, as their programs run them: over real sockets, real TLS, real files.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use landmark_agent::app as agent_app;
use landmark_agent::control::server::Sources;
use landmark_agent::enroll::enroll;
use landmark_agent::link::dial::{Connect, TcpConnector};
use landmark_agent::location::Decided;
use landmark_agent::machine::Machine;
use landmark_daemon::config::Layers;
use landmark_proto::evidence::replay;
use landmark_proto::ids::EvaluationId;
use landmark_proto::location::{Basis, Location};
use landmark_proto::wire;
use landmark_server::app::{App, Listeners};
use landmark_tests::grpc::{self, Admin, Driver};
use landmark_tests::ports::Port;
use landmark_tests::reference::recorder::Recorder;
use landmark_tests::scratch::Scratch;
use landmark_tests::wait::{LIMIT, wait_until};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::watch;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// A server that can be stopped, crashed and started again on its ports.
pub(crate) struct Server {
    state_folder: PathBuf,
    ports: [Port; 4],
    running: Option<Run>,
}

/// An agent that can be stopped, crashed and started again on its folder.
pub(crate) struct Agent {
    pub(crate) id: String,
    pub(crate) settings: Vec<(String, String)>,
    state_folder: PathBuf,
    running: Option<(Run, Sources)>,
}

/// An `app` that runs, in a runtime of its own. Dropping it is a crash: all its tasks end where they are, and nobody is
/// told.
struct Run {
    stop: CancellationToken,
    ended: JoinSet<Result<()>>,
    runtime: OwnRuntime,
}

impl Run {
    async fn stop(mut self) -> Result<()> {
        self.stop.cancel();
        let ended = timeout(LIMIT, self.ended.join_next()).await.context("it does not stop")?;
        ended.context("it was not running")??
    }

    /// Returns once nothing of it is left.
    async fn crash(mut self) -> Result<()> {
        let runtime = self.runtime.0.take();
        let ended = spawn_blocking(move || runtime.map(|runtime| runtime.shutdown_timeout(LIMIT)));
        ended.await.map(drop).context("it does not end")
    }
}

/// `None` once it was shut down.
struct OwnRuntime(Option<Runtime>);

impl OwnRuntime {
    fn new() -> Result<Self> {
        Ok(Self(Some(Builder::new_multi_thread().worker_threads(1).enable_all().build()?)))
    }

    fn spawn<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Result<JoinSet<T>> {
        let mut tasks = JoinSet::new();
        tasks.spawn_on(future, &self.handle()?);
        Ok(tasks)
    }

    /// On a thread that may block, so that the future need not be `Send`.
    async fn run<F, T>(&self, start: impl FnOnce() -> F + Send + 'static) -> Result<T>
    where
        F: Future<Output = Result<T>>,
        T: Send + 'static,
    {
        let handle = self.handle()?;
        spawn_blocking(move || handle.block_on(start())).await?
    }

    fn handle(&self) -> Result<Handle> {
        Ok(self.0.as_ref().context("it was shut down")?.handle().clone())
    }
}

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // A runtime must not wait for its end inside another one.
            runtime.shutdown_background();
        }
    }
}

impl Server {
    pub(crate) async fn start_new(scratch: &Scratch) -> Result<Self> {
        let ports = [Port::reserve()?, Port::reserve()?, Port::reserve()?, Port::reserve()?];
        let mut server = Self { state_folder: scratch.path().join("server"), ports, running: None };
        server.start().await?;
        Ok(server)
    }

    pub(crate) async fn start(&mut self) -> Result<()> {
        let state_folder = self.state_folder.display().to_string();
        let [agents, enrollment, administration, operations] =
            self.ports.each_ref().map(|port| port.address().to_string());
        let layers = Layers::new("LANDMARK_SERVER").overrides([
            ("state-dir", state_folder.as_str()),
            ("listen.agents", &agents),
            ("listen.enrollment", &enrollment),
            ("listen.administration", &administration),
            ("listen.operations", &operations),
            ("timing.drain-spread", "0s"),
            ("timing.reconnect-spread", "0s"),
            ("timing.max-backoff", "1s"),
        ]);
        let (config, _) = landmark_server::config::Config::read(layers)?;
        let runtime = OwnRuntime::new()?;
        let start = move || async move { App::start(&config, Listeners::bind(&config.listen)?).await };
        let running = runtime.run(start).await?;
        let stop = running.stop_handle();
        let ended = runtime.spawn(running.wait())?;
        self.running = Some(Run { stop, ended, runtime });
        Ok(())
    }

    pub(crate) async fn stop(&mut self) -> Result<()> {
        self.running.take().context("the server does not run")?.stop().await
    }

    pub(crate) async fn crash(&mut self) -> Result<()> {
        self.running.take().context("the server does not run")?.crash().await
    }

    pub(crate) async fn administrator(&self) -> Result<Administrator> {
        let (admin, driver) = grpc::admin(self.ports[2].address(), &self.state_folder).await?;
        Ok(Administrator { admin, _driver: driver })
    }

    pub(crate) fn agents_address(&self) -> SocketAddr {
        self.ports[0].address()
    }

    pub(crate) fn authority(&self) -> PathBuf {
        self.state_folder.join("authority.pem")
    }
}

/// The admin API, as the console or a script of an administrator uses it.
pub(crate) struct Administrator {
    pub(crate) admin: Admin,
    _driver: Driver,
}

impl Administrator {
    pub(crate) async fn edit(
        &mut self,
        etag: &str,
        kind: wire::edit::Kind,
    ) -> Result<wire::Draft, tonic::Status> {
        let request =
            wire::EditDraftRequest { etag: etag.into(), edits: vec![wire::Edit { kind: Some(kind) }] };
        Ok(self.admin.edit_draft(request).await?.into_inner())
    }

    /// Puts these in the place of the list, and enables it.
    pub(crate) async fn save(&mut self, servers: &[SocketAddr]) -> Result<wire::Draft> {
        let servers = servers
            .iter()
            .map(|address| wire::ReferenceServer {
                host: address.ip().to_string(),
                ports: vec![address.port().into()],
                tls: None,
            })
            .collect();
        let replace = wire::edit::ReplaceReferenceServers { servers };
        self.edit("", wire::edit::Kind::ReplaceReferenceServers(replace)).await?;
        let enable = wire::edit::EnableReferenceServers { enabled: true };
        Ok(self.edit("", wire::edit::Kind::EnableReferenceServers(enable)).await?)
    }

    /// Its revision.
    pub(crate) async fn assign(&mut self) -> Result<u64> {
        let response = self.admin.assign(wire::AssignRequest::default()).await?.into_inner();
        Ok(response.assignment.context("no assignment")?.revision)
    }

    pub(crate) async fn agent(&mut self, id: &str) -> Result<wire::AgentDetail> {
        Ok(self.admin.get_agent(wire::GetAgentRequest { agent: id.into() }).await?.into_inner())
    }

    /// Waits until what the server knows of an agent fits.
    pub(crate) async fn wait_for_agent(
        &mut self,
        id: &str,
        what: &str,
        fits: impl Fn(&wire::AgentDetail) -> bool,
    ) -> Result<wire::AgentDetail> {
        wait_until(what, LIMIT, async || {
            let agent = self.agent(id).await?;
            ensure!(fits(&agent), "{agent:?}");
            Ok(agent)
        })
        .await
    }

    pub(crate) async fn join_string(&mut self) -> Result<String> {
        let request = wire::CreateJoinTokenRequest::default();
        Ok(self.admin.create_join_token(request).await?.into_inner().join_string)
    }
}

impl Agent {
    /// Enrols it; it does not run yet.
    pub(crate) async fn enroll(
        scratch: &Scratch,
        name: &str,
        administrator: &mut Administrator,
    ) -> Result<Self> {
        let state_folder = scratch.make_folder(name)?;
        let ticket = administrator.join_string().await?.parse()?;
        let facts = Machine::read(Some(name), &[])?.facts;
        let identity = enroll(&state_folder, &ticket, &facts, &connector(), false).await?;
        let settings = vec![
            ("location.allow-loopback".to_owned(), "true".to_owned()),
            ("machine.name".to_owned(), name.to_owned()),
            ("enforce.backend".to_owned(), "observe".to_owned()),
        ];
        Ok(Self { id: identity.agent_id.to_string(), settings, state_folder, running: None })
    }

    pub(crate) async fn start_new(
        scratch: &Scratch,
        name: &str,
        administrator: &mut Administrator,
    ) -> Result<Self> {
        let mut agent = Self::enroll(scratch, name, administrator).await?;
        agent.start().await?;
        agent.wait_for(is_internal_by_server).await?;
        Ok(agent)
    }

    pub(crate) async fn start(&mut self) -> Result<()> {
        self.start_with(Box::new(connector())).await
    }

    pub(crate) async fn start_with(&mut self, connector: Box<dyn Connect>) -> Result<()> {
        let state_dir = ("state-dir".to_owned(), self.state_folder.display().to_string());
        let layers =
            Layers::new("LANDMARK_AGENT").overrides(self.settings.iter().cloned().chain([state_dir]));
        let (config, _) = landmark_agent::config::Config::read(layers)?;
        let runtime = OwnRuntime::new()?;
        let running = runtime.run(move || async move { agent_app::start(&config, connector).await }).await?;
        let (stop, sources) = (running.stop_token(), running.sources().clone());
        let ended = runtime.spawn(async move { Ok(running.wait().await?) })?;
        self.running = Some((Run { stop, ended, runtime }, sources));
        Ok(())
    }

    pub(crate) async fn stop(&mut self) -> Result<()> {
        let (run, sources) = self.running.take().context("the agent does not run")?;
        drop(sources);
        run.stop().await
    }

    pub(crate) async fn crash(&mut self) -> Result<()> {
        let (run, _) = self.running.take().context("the agent does not run")?;
        run.crash().await
    }

    pub(crate) fn state_folder(&self) -> &Path {
        &self.state_folder
    }

    pub(crate) fn sources(&self) -> Result<&Sources> {
        Ok(&self.running.as_ref().context("the agent does not run")?.1)
    }

    /// Of the assignment that it holds.
    pub(crate) fn held_revision(&self) -> Result<Option<u64>> {
        Ok(self.sources()?.held.borrow().as_ref().map(|accepted| accepted.held().revision.get()))
    }

    pub(crate) async fn wait_until_held(&self, revision: u64) -> Result<()> {
        let mut held = self.sources()?.held.clone();
        let waited =
            held.wait_for(|held| held.as_ref().is_some_and(|held| held.held().revision.get() == revision));
        found(waited.await.map(drop), &format!("it holds {revision}"), &self.sources()?.held)
    }

    /// Waits for a decision, and recomputes every verdict so far from its evidence.
    pub(crate) async fn wait_for(&self, fits: impl Fn(&Decided) -> bool) -> Result<Arc<Decided>> {
        let mut decided = self.sources()?.decided.clone();
        let waited = timeout(LIMIT, decided.wait_for(|decided| decided.as_deref().is_some_and(&fits))).await;
        let Ok(waited) = waited else {
            return Err(anyhow!("not decided so within {LIMIT:?}: {:?}", self.sources()?.decided.borrow()));
        };
        let decided = waited.context("the agent has ended")?.clone().context("nothing was decided")?;
        self.ensure_verdicts_follow_from_evidence()?;
        Ok(decided)
    }

    fn ensure_verdicts_follow_from_evidence(&self) -> Result<()> {
        for evidence in self.sources()?.location.evidence().last(usize::MAX) {
            ensure!(replay(&evidence) == evidence.verdict, "another verdict follows from {evidence:?}");
        }
        Ok(())
    }

    /// Looks again now, as `landmark-agent recheck` does.
    pub(crate) async fn recheck(&self) -> Result<EvaluationId> {
        let asked = landmark_agent::location::Asked::OnThisMachine;
        Ok(self.sources()?.location.evaluate(asked).await?.evaluation)
    }
}

fn found<T: std::fmt::Debug>(
    waited: Result<(), watch::error::RecvError>,
    what: &str,
    state: &watch::Receiver<T>,
) -> Result<()> {
    waited.map_err(|_| anyhow!("the agent ended before {what}: {:?}", state.borrow()))
}

fn connector() -> TcpConnector {
    TcpConnector { connect_timeout: Duration::from_secs(2) }
}

pub(crate) fn is_internal_by_server(decided: &Decided) -> bool {
    decided.verdict.location == Location::Internal && decided.verdict.basis == Basis::ManagementServer
}

pub(crate) fn is_internal_by(decided: &Decided, recorder: &Recorder) -> bool {
    let Basis::ReferenceServer { host, port, .. } = &decided.verdict.basis else { return false };
    decided.verdict.location == Location::Internal
        && host.to_string() == recorder.address().ip().to_string()
        && port.get() == recorder.port()
}

pub(crate) fn is_external(decided: &Decided) -> bool {
    decided.verdict.location == Location::External
        && matches!(decided.verdict.basis, Basis::NoneReachable { .. })
}
