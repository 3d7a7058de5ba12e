//! Wiring, and nothing else: the only file that knows everything.
//!
//! It takes its listeners as an argument, which is the seam for tests. A stop goes against the flow of data: no more
//! connections, sessions told when to come back, last reports stored, store closed.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use landmark_daemon::readiness::service_manager::ServiceManager;
use landmark_daemon::readiness::{Readiness, announce};
use landmark_daemon::signals;
use landmark_daemon::state_dir::StateDir;
use landmark_daemon::tasks::Tasks;
use landmark_proto::ids::FleetId;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tracing::info;

use crate::access::Authenticator;
use crate::access::token_file::TokenFile;
use crate::admin::Administration;
use crate::assignments::AssignmentsHandle;
use crate::config::{Advertise, Config};
use crate::edge::{self, Limits, Plane};
use crate::fleet::Fleet;
use crate::identity::{Authority, KnownFleet, ServerNames, TlsSettings};
use crate::ops::{self, Ops};
use crate::store::{Store, StoreError};
use crate::{admin, assignments, console, enrollment, fleet, metrics};

mod advertise;
mod either;
mod health;
mod listen;
mod tasks;

pub use self::listen::{Addresses, BindError, Listeners};

use self::health::Health;

/// The database in the state folder.
const DATABASE: &str = "landmark.db";

/// A server to be started.
#[derive(Debug)]
pub struct App;

/// A server that runs.
#[derive(Debug)]
pub struct Running {
    tasks: Tasks,
    readiness: Readiness,
    store: Store,
    addresses: Addresses,
    advertised: Advertise,
    sign_in: SignIn,
    reload_tx: watch::Sender<()>,
    stop_grace: Duration,
    // Held until everything else has ended.
    _state_dir: StateDir,
}

/// Where people sign in to the console.
#[derive(Clone, PartialEq, Eq)]
pub enum SignIn {
    /// There is no account yet: this makes the first one. A secret.
    First(String),
    /// With a name and a password.
    Console(String),
}

impl fmt::Debug for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First(_) => f.write_str("First(..)"),
            Self::Console(console) => f.debug_tuple("Console").field(console).finish(),
        }
    }
}

/// What is read from the state folder, or made in it.
struct State {
    store: Store,
    authority: Arc<Authority>,
    tls: TlsSettings,
    token_file: TokenFile,
}

impl App {
    /// Opens the state folder, makes what is missing in it, and starts to serve.
    ///
    /// # Errors
    /// The state folder cannot be used, or something in it.
    pub async fn start(config: &Config, listeners: Listeners) -> anyhow::Result<Running> {
        let metrics = metrics::install().context("cannot collect metrics")?;
        let addresses = listeners.addresses().context("cannot tell the addresses of the listeners")?;
        let state_dir = StateDir::open(&config.state_dir)?;
        let host_name = host_name();
        let advertised = advertise::advertised(&config.advertise, &addresses, &host_name);
        let State { store, authority, tls, token_file } = open_state(config, &state_dir, &host_name).await?;

        let mut tasks = Tasks::new();
        let stop = tasks.stop_token();
        let readiness = Readiness::new();
        // Declared before anything can ask, so that nobody reads "ready" too early.
        let store_ready = readiness.declare("store");
        let serving = readiness.declare("listeners");

        let assignments = assignments::spawn(&mut tasks, store.clone()).await?;
        let parts = fleet::Parts {
            store: store.clone(),
            authority: Arc::clone(&authority),
            published_rx: assignments.subscribe(),
            config: config.fleet.clone(),
        };
        let fleet = fleet::spawn(&mut tasks, parts).await?;

        let health = Health::new().await;
        let wired = Wired {
            config,
            store: &store,
            authority: &authority,
            assignments: &assignments,
            fleet: &fleet,
            health: &health,
        };
        let authenticator = wired.authenticator(token_file, state_dir.path()).await?;
        let sign_in = sign_in(&authenticator, addresses.administration, &host_name).await?;
        let administration = wired.administration(&mut tasks, &advertised, authenticator)?;
        let planes = [
            plane(
                "agents",
                listeners.agents,
                tls.agents(),
                Routes::new(fleet.service()).add_service(health.service()),
                config.agent_limits.clone(),
            ),
            plane(
                "enrollment",
                listeners.enrollment,
                tls.public(),
                wired.enrollment(&advertised),
                Limits::enrollment(),
            ),
            plane(
                "administration",
                listeners.administration,
                tls.public(),
                administration,
                Limits::administration(),
            ),
        ];
        for plane in planes {
            tasks.spawn(plane.name, edge::serve(plane, stop.clone()));
        }
        let ops = Ops { readiness: readiness.clone(), metrics: metrics.clone() };
        tasks.spawn("operations", ops::serve(listeners.operations, ops, stop.clone()));
        tasks.spawn_attendant("metrics", ops::keep_up(metrics));
        let (reload_tx, reload_rx) = watch::channel(());
        tasks.spawn_attendant("certificate", tls.clone().keep_fresh());
        tasks.spawn("reload", tasks::reload(tls, reload_rx, stop.clone()));
        tasks.spawn("store-watch", tasks::watch_store(store.clone(), store_ready, stop.clone()));
        tasks.spawn("health", health.follow(readiness.clone(), stop.clone()));
        tasks.spawn("serving", tasks::serving(serving, stop));
        info!(fleet_id = %store.fleet_id(), state_dir = %config.state_dir.display(), "started");
        Ok(Running {
            tasks,
            readiness,
            store,
            addresses,
            advertised,
            sign_in,
            reload_tx,
            stop_grace: config.stop_grace,
            _state_dir: state_dir,
        })
    }
}

impl Running {
    /// Where it listens in fact.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Where agents are told to find it.
    pub fn advertised(&self) -> &Advertise {
        &self.advertised
    }

    /// Where people sign in.
    pub fn sign_in(&self) -> &SignIn {
        &self.sign_in
    }

    /// Its fleet.
    pub fn fleet_id(&self) -> FleetId {
        self.store.fleet_id()
    }

    /// Its readiness.
    pub fn readiness(&self) -> &Readiness {
        &self.readiness
    }

    /// Cancelled, it stops the server; [`Running::wait`] then ends.
    pub fn stop_handle(&self) -> CancellationToken {
        self.tasks.stop_token()
    }

    /// Reads the server's certificate again, as SIGHUP does.
    pub fn reload(&self) {
        self.reload_tx.send_replace(());
    }

    /// Obeys the signals of this process, and tells the service manager how it goes. Not for tests, which share a process.
    ///
    /// # Errors
    /// Signals cannot be watched, or `NOTIFY_SOCKET` makes no sense.
    pub fn attach_to_process(&mut self) -> anyhow::Result<()> {
        let reload_tx = self.reload_tx.clone();
        signals::supervise(&mut self.tasks, move || reload_tx.send_replace(()))?;
        let manager = ServiceManager::from_environment()?;
        let stop = self.tasks.stop_token();
        self.tasks.spawn("announcer", announce(self.readiness.clone(), manager, stop));
        Ok(())
    }

    /// Runs until it is stopped, and closes the store.
    ///
    /// # Errors
    /// A task failed, or something did not end in time.
    pub async fn wait(self) -> anyhow::Result<()> {
        let ended = self.tasks.run(self.stop_grace).await;
        self.store.close().await;
        info!("stopped");
        Ok(ended?)
    }
}

/// What routes are made of.
struct Wired<'a> {
    config: &'a Config,
    store: &'a Store,
    authority: &'a Arc<Authority>,
    assignments: &'a AssignmentsHandle,
    fleet: &'a Fleet,
    health: &'a Health,
}

impl Wired<'_> {
    fn enrollment(&self, advertised: &Advertise) -> Routes {
        Routes::new(enrollment::service(enrollment::Parts {
            store: self.store.clone(),
            authority: Arc::clone(self.authority),
            registry: self.fleet.registry().clone(),
            agent_addresses: advertised.agents.iter().map(ToString::to_string).collect(),
        }))
    }

    async fn authenticator(
        &self,
        token_file: TokenFile,
        state_dir: &Path,
    ) -> Result<Arc<Authenticator>, StoreError> {
        let (store, limits) = (self.store.clone(), self.config.sessions);
        Ok(Arc::new(Authenticator::open(store, token_file, limits, state_dir).await?))
    }

    fn administration(
        &self,
        tasks: &mut Tasks,
        advertised: &Advertise,
        authenticator: Arc<Authenticator>,
    ) -> anyhow::Result<Routes> {
        let stop = tasks.stop_token();
        let administration = Arc::new(Administration::new(admin::Parts {
            store: self.store.clone(),
            assignments: self.assignments.clone(),
            fleet: self.fleet.clone(),
            authenticator: Arc::clone(&authenticator),
            max_servers: self.config.max_reference_servers,
            authority_pin: self.authority.pin(),
            enrollment: advertised.enrollment.clone(),
            stop: stop.clone(),
        }));
        let grpc =
            admin::routes(Arc::clone(&administration), Arc::clone(&authenticator), self.health.service())
                .context("cannot serve administration")?;
        let pages = console::router(tasks, console::Parts { administration, authenticator, stop });
        Ok(either::either(grpc, pages).into())
    }
}

/// Where people sign in, and the link for the first account in its file.
async fn sign_in(
    authenticator: &Arc<Authenticator>,
    bound: SocketAddr,
    host_name: &str,
) -> anyhow::Result<SignIn> {
    let console = advertise::console(bound, host_name);
    let (authenticator, url) = (Arc::clone(authenticator), console.clone());
    let published = tokio::task::spawn_blocking(move || authenticator.publish_first_sign_in(&url));
    let link = published.await.context("writing the link for the first account ended early")??;
    Ok(link.map_or(SignIn::Console(console), SignIn::First))
}

async fn open_state(config: &Config, state_dir: &StateDir, host_name: &str) -> anyhow::Result<State> {
    let file = state_dir.join(DATABASE);
    let store = Store::open(&file).await.map_err(|error| {
        let way_out =
            if error.is_disk_failure() { " (if it is damaged, restore it from a back-up)" } else { "" };
        anyhow::Error::new(error).context(format!("cannot use the database {}{way_out}", file.display()))
    })?;
    let known = KnownFleet { fleet_id: store.fleet_id(), pin: store.authority_pin().await? };
    let (folder, agent_life) = (state_dir.path().to_owned(), config.agent_certificate_life);
    let names: Vec<String> =
        config.server_names.iter().map(ToString::to_string).chain([host_name.to_owned()]).collect();
    // Keys and files: nothing that may hold up the runtime.
    let opened = tokio::task::spawn_blocking(move || -> anyhow::Result<_> {
        let authority = Arc::new(Authority::open(&folder, known)?.with_agent_life(agent_life));
        let token_file = TokenFile::open(&folder)?;
        let names = ServerNames::new(names.iter().map(String::as_str));
        let tls = TlsSettings::open(&folder, Arc::clone(&authority), names, SystemTime::now())?;
        Ok((authority, tls, token_file))
    });
    let (authority, tls, token_file) = opened.await.context("opening the state folder ended early")??;
    store.record_authority_pin(authority.pin()).await?;
    Ok(State { store, authority, tls, token_file })
}

fn plane(
    name: &'static str,
    listener: TcpListener,
    tls: Arc<arc_swap::ArcSwap<rustls::ServerConfig>>,
    routes: Routes,
    limits: Limits,
) -> Plane {
    Plane { name, listener, tls, routes, limits }
}

/// As the machine calls itself.
fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests;
