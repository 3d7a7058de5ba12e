//! Listens to all that may tell of a change, and counts. What is a change is decided elsewhere; it must not know who
//! follows the counters.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::path::PathBuf;

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::files::Files;
use super::gateways::Gateways;
use super::message::groups;
use super::routes::neighbour_in;
use super::snapshot::Snapshot;
use super::source::Source;
use super::timer::ClockSet;
use super::whole::{take_gateways, take_snapshot};
use crate::netlink::socket::{Listener, Protocol, Told};
use crate::network::sleep::Slept;
use crate::network::{Changes, NetworkTask, NetworkTaskError, Watched};

/// What is listened to, and how it is looked at as a whole.
struct Sources {
    network: Source<Network>,
    neighbours: Source<Neighbours>,
    files: Source<Files>,
    clock: Source<ClockSet>,
    resolver_files: Vec<PathBuf>,
    take_snapshot: fn() -> io::Result<Snapshot>,
    take_gateways: fn() -> io::Result<Gateways>,
}

/// Links, addresses, routes and rules.
struct Network {
    listener: Listener,
    snapshot: Snapshot,
}

/// Neighbours, as long as they are wanted.
struct Neighbours {
    listener: Listener,
    gateways: Gateways,
}

/// What may happen.
enum Happened {
    NeighboursWanted(bool),
    Network(io::Result<Heard>),
    Neighbours(io::Result<Heard>),
    Files(io::Result<()>),
    ClockSet(io::Result<()>),
    /// What failed is to be tried again.
    Due,
}

/// What the kernel told in one go.
struct Heard {
    is_change: bool,
    told: Told,
}

/// The neighbours' source is closed and opened as they are wanted.
const NEIGHBOURS: &str = "hardware addresses of gateways";

/// What came of looking, where the system may refuse.
type Looked<T> = Result<io::Result<T>, NetworkTaskError>;

pub(in crate::network) async fn run(
    task: NetworkTask,
    stop: CancellationToken,
) -> Result<Infallible, NetworkTaskError> {
    let NetworkTask { options, clocks, changes, watched, mut neighbours_wanted } = task;
    let mut slept = Slept::read(&*clocks);
    let mut sources = Sources::open(options.resolver_files).await?;
    if *neighbours_wanted.borrow_and_update() {
        sources.listen_to_neighbours(true).await?;
    }
    loop {
        let available = sources.available();
        watched.send_if_modified(|known| std::mem::replace(known, available) != available);
        let happened = tokio::select! {
            biased;
            () = stop.cancelled() => return Err(NetworkTaskError::Stopped),
            happened = sources.next(&mut neighbours_wanted) => happened?,
        };
        let mut news = sources.handle(happened).await?;
        news.wake = u64::from(slept.update(Slept::read(&*clocks)));
        publish(&changes, news);
    }
}

fn publish(changes: &watch::Sender<Changes>, news: Changes) {
    if news == Changes::default() {
        return;
    }
    let Changes { network, resolver, wake } = news;
    debug!(network = network > 0, resolver = resolver > 0, wake = wake > 0, "something changed");
    changes.send_modify(|changes| {
        changes.network += network;
        changes.resolver += resolver;
        changes.wake += wake;
    });
}

impl Sources {
    async fn open(resolver_files: Vec<PathBuf>) -> Result<Self, NetworkTaskError> {
        let mut sources = Self {
            network: Source::closed("changes of links, addresses and routes"),
            neighbours: Source::closed(NEIGHBOURS),
            files: Source::closed("changes of the resolver's files"),
            clock: Source::closed("waking from sleep"),
            resolver_files,
            take_snapshot,
            take_gateways,
        };
        sources.open_network().await?;
        sources.open_files().await?;
        sources.clock.opened(ClockSet::open(), Instant::now());
        Ok(sources)
    }

    fn available(&self) -> Watched {
        Watched {
            network: self.network.works(),
            neighbours: self.neighbours.works(),
            resolver: self.files.works(),
            wake: self.clock.works(),
        }
    }

    /// When the first of those that fail is to be tried again.
    fn due(&self) -> Option<Instant> {
        let Self { network, neighbours, files, clock, .. } = self;
        [network.due(), neighbours.due(), files.due(), clock.due()].into_iter().flatten().min()
    }

    /// Waits for whatever comes first. May be cancelled.
    async fn next(&mut self, wanted: &mut watch::Receiver<bool>) -> Result<Happened, NetworkTaskError> {
        let due = self.due();
        let Self { network, neighbours, files, clock, .. } = self;
        let heard_network = async {
            match &mut network.open {
                Some(network) => network.listen().await,
                None => pending().await,
            }
        };
        let heard_neighbours = async {
            match &mut neighbours.open {
                Some(neighbours) => neighbours.listen().await,
                None => pending().await,
            }
        };
        let touched = async {
            match &mut files.open {
                Some(files) => files.wait().await,
                None => pending().await,
            }
        };
        let was_set = async {
            match &mut clock.open {
                Some(clock) => clock.wait().await,
                None => pending().await,
            }
        };
        // No timer exists as long as all of them work.
        let is_due = async {
            match due {
                Some(due) => sleep_until(due).await,
                None => pending().await,
            }
        };
        // In no order: a storm in one must not keep the others waiting.
        Ok(tokio::select! {
            changed = wanted.changed() => {
                changed.map_err(|_| NetworkTaskError::Closed)?;
                Happened::NeighboursWanted(*wanted.borrow_and_update())
            }
            heard = heard_network => Happened::Network(heard),
            heard = heard_neighbours => Happened::Neighbours(heard),
            touched = touched => Happened::Files(touched),
            was_set = was_set => Happened::ClockSet(was_set),
            () = is_due => Happened::Due,
        })
    }

    /// Does what is to be done; what counts.
    async fn handle(&mut self, happened: Happened) -> Result<Changes, NetworkTaskError> {
        let mut news = Changes::default();
        match happened {
            Happened::NeighboursWanted(is_wanted) => self.listen_to_neighbours(is_wanted).await?,
            Happened::Network(heard) => news.network = u64::from(self.network_spoke(heard).await?),
            Happened::Neighbours(heard) => news.network = u64::from(self.neighbours_spoke(heard).await?),
            Happened::Files(touched) => news.resolver = u64::from(self.files_touched(touched).await?),
            Happened::ClockSet(Ok(())) => {}
            Happened::ClockSet(Err(error)) => self.clock.broke(&error, Instant::now()),
            Happened::Due => news = self.try_again(Instant::now()).await?,
        }
        Ok(news)
    }

    /// Tries what failed and is due by now. What works again counts: nobody knows what was missed.
    async fn try_again(&mut self, now: Instant) -> Result<Changes, NetworkTaskError> {
        let is_due = |due: Option<Instant>| due.is_some_and(|due| due <= now);
        let mut news = Changes::default();
        if is_due(self.network.due()) {
            let works_again = match self.network.open {
                Some(_) => self.look_at_network().await?,
                None => self.open_network().await?,
            };
            if works_again {
                self.look_at_gateways().await?;
                news.network = 1;
            }
        }
        if is_due(self.neighbours.due()) {
            let works_again = match self.neighbours.open {
                Some(_) => self.look_at_gateways().await?,
                None => self.open_neighbours().await?,
            };
            news.network |= u64::from(works_again);
        }
        if is_due(self.files.due()) {
            news.resolver = u64::from(self.open_files().await?);
        }
        if is_due(self.clock.due()) {
            self.clock.opened(ClockSet::open(), Instant::now());
        }
        Ok(news)
    }

    async fn network_spoke(&mut self, heard: io::Result<Heard>) -> Result<bool, NetworkTaskError> {
        let mut heard = match heard {
            Ok(heard) => heard,
            Err(error) => {
                self.network.broke(&error, Instant::now());
                return Ok(false);
            }
        };
        if heard.told == Told::NotAll {
            debug!("the kernel told of more changes than were read in time; looking at the whole network");
            heard.is_change = true;
        }
        if heard.told == Told::NotAll || self.network.may_be_tried(Instant::now()) {
            heard.is_change |= self.look_at_network().await?;
        }
        if heard.is_change {
            // Before anybody hears of the change and looks: what they then see is what is held here.
            self.look_at_gateways().await?;
        }
        Ok(heard.is_change)
    }

    async fn neighbours_spoke(&mut self, heard: io::Result<Heard>) -> Result<bool, NetworkTaskError> {
        match heard {
            Ok(Heard { is_change, told: Told::All }) => Ok(is_change),
            Ok(Heard { is_change, told: Told::NotAll }) => Ok(is_change | self.look_at_gateways().await?),
            Err(error) => {
                self.neighbours.broke(&error, Instant::now());
                Ok(false)
            }
        }
    }

    async fn files_touched(&mut self, touched: io::Result<()>) -> Result<bool, NetworkTaskError> {
        let Some(files) = self.files.open.take() else { return Ok(false) };
        let looked = match touched {
            Ok(()) => look(move || look_at_files(files)).await?,
            Err(error) => Err(error),
        };
        match looked {
            Ok((files, has_changed)) => {
                self.files.open = Some(files);
                Ok(has_changed)
            }
            Err(error) => {
                self.files.broke(&error, Instant::now());
                Ok(false)
            }
        }
    }

    async fn listen_to_neighbours(&mut self, is_wanted: bool) -> Result<(), NetworkTaskError> {
        self.neighbours = Source::closed(NEIGHBOURS);
        if is_wanted {
            self.open_neighbours().await?;
        }
        Ok(())
    }

    /// Whether it works again.
    async fn open_network(&mut self) -> Result<bool, NetworkTaskError> {
        // Listened to before it is looked at, so that nothing falls in between.
        match Listener::open(Protocol::Route, groups::NETWORK) {
            Ok(listener) => {
                self.network.open = Some(Network { listener, snapshot: Snapshot::default() });
                self.look_at_network().await
            }
            Err(error) => Ok(self.network.opened(Err(error), Instant::now())),
        }
    }

    /// Whether it works again.
    async fn open_neighbours(&mut self) -> Result<bool, NetworkTaskError> {
        // As with the network.
        match Listener::open(Protocol::Route, groups::NEIGHBOURS) {
            Ok(listener) => {
                self.neighbours.open = Some(Neighbours { listener, gateways: Gateways::default() });
                self.look_at_gateways().await
            }
            Err(error) => Ok(self.neighbours.opened(Err(error), Instant::now())),
        }
    }

    /// Whether they can be noticed again.
    async fn open_files(&mut self) -> Result<bool, NetworkTaskError> {
        let opened = match Files::open(self.resolver_files.clone()) {
            Ok(files) => look(move || look_at_files(files)).await?.map(|(files, _)| files),
            Err(error) => Err(error),
        };
        Ok(self.files.opened(opened, Instant::now()))
    }

    /// Takes the whole of it, or keeps what is held; whether it works again.
    async fn look_at_network(&mut self) -> Result<bool, NetworkTaskError> {
        let taken = look(self.take_snapshot).await?;
        let Some(network) = &mut self.network.open else { return Ok(false) };
        match taken {
            Ok(snapshot) => {
                network.snapshot = snapshot;
                Ok(self.network.worked(Instant::now()))
            }
            Err(error) => {
                self.network.failed(&error, Instant::now());
                Ok(false)
            }
        }
    }

    /// Whether one that was known has another hardware address, or may have.
    async fn look_at_gateways(&mut self) -> Result<bool, NetworkTaskError> {
        if self.neighbours.open.is_none() {
            return Ok(false);
        }
        let taken = look(self.take_gateways).await?;
        let Some(neighbours) = &mut self.neighbours.open else { return Ok(false) };
        match taken {
            Ok(gateways) => {
                let has_changed = neighbours.gateways.refresh(gateways);
                Ok(self.neighbours.worked(Instant::now()) | has_changed)
            }
            Err(error) => Ok(self.neighbours.failed(&error, Instant::now())),
        }
    }
}

impl Network {
    async fn listen(&mut self) -> io::Result<Heard> {
        let Self { listener, snapshot } = self;
        let mut is_change = false;
        let told = listener
            .listen(|message| is_change |= message.event().is_some_and(|event| snapshot.apply(&event)))
            .await?;
        Ok(Heard { is_change, told })
    }
}

impl Neighbours {
    async fn listen(&mut self) -> io::Result<Heard> {
        let Self { listener, gateways } = self;
        let mut is_change = false;
        let told = listener
            .listen(|message| {
                is_change |= neighbour_in(message).is_some_and(|neighbour| gateways.apply(&neighbour));
            })
            .await?;
        Ok(Heard { is_change, told })
    }
}

/// Looks where it may block.
async fn look<T: Send + 'static>(at: impl FnOnce() -> io::Result<T> + Send + 'static) -> Looked<T> {
    spawn_blocking(at).await.map_err(NetworkTaskError::Look)
}

fn look_at_files(mut files: Files) -> io::Result<(Files, bool)> {
    let has_changed = files.look()?;
    Ok((files, has_changed))
}

#[cfg(test)]
mod tests;
