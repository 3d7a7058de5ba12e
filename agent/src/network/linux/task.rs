//! Listens to all that may tell of a change, and counts. What is a change is decided elsewhere; it must not know who
//! follows the counters.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::path::PathBuf;

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::files::Files;
use super::gateways::Gateways;
use super::request::Request;
use super::routes::{Way, hardware_addresses, neighbour_in, ways};
use super::snapshot::Snapshot;
use super::socket::{Asker, Listener, Told, groups};
use super::timer::ClockSet;
use crate::network::sleep::Slept;
use crate::network::{Changes, NetworkTask, NetworkTaskError, Watched};

/// What is listened to; what is not available is `None`.
#[derive(Default)]
struct Sources {
    network: Option<Network>,
    neighbours: Option<Neighbours>,
    files: Option<Files>,
    clock: Option<ClockSet>,
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
}

/// What the kernel told in one go.
struct Heard {
    is_change: bool,
    told: Told,
}

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
        let network = available("changes of links, addresses and routes", open_network().await?);
        let files = available("changes of the resolver's files", open_files(resolver_files).await?);
        let clock = available("waking from sleep", ClockSet::open());
        Ok(Self { network, neighbours: None, files, clock })
    }

    fn available(&self) -> Watched {
        Watched {
            network: self.network.is_some(),
            neighbours: self.neighbours.is_some(),
            resolver: self.files.is_some(),
            wake: self.clock.is_some(),
        }
    }

    /// Waits for whatever comes first. May be cancelled.
    async fn next(&mut self, wanted: &mut watch::Receiver<bool>) -> Result<Happened, NetworkTaskError> {
        let Self { network, neighbours, files, clock } = self;
        let heard_network = async {
            match network {
                Some(network) => network.listen().await,
                None => pending().await,
            }
        };
        let heard_neighbours = async {
            match neighbours {
                Some(neighbours) => neighbours.listen().await,
                None => pending().await,
            }
        };
        let touched = async {
            match files {
                Some(files) => files.wait().await,
                None => pending().await,
            }
        };
        let was_set = async {
            match clock {
                Some(clock) => clock.wait().await,
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
            Happened::ClockSet(was_set) => {
                if let Err(error) = was_set {
                    self.clock = available("waking from sleep", Err(error));
                }
            }
        }
        Ok(news)
    }

    async fn network_spoke(&mut self, heard: io::Result<Heard>) -> Result<bool, NetworkTaskError> {
        let what = "changes of links, addresses and routes";
        let heard = match heard {
            Ok(heard) => heard,
            Err(error) => {
                self.network = available(what, Err(error));
                return Ok(false);
            }
        };
        let is_change = match heard.told {
            Told::All => heard.is_change,
            Told::NotAll => {
                debug!(
                    "the kernel told of more changes than were read in time; looking at the whole network"
                );
                let snapshot = available(what, look(take_snapshot).await?);
                self.network =
                    self.network.take().zip(snapshot).map(|(it, snapshot)| Network { snapshot, ..it });
                true
            }
        };
        if is_change {
            // Before anybody hears of the change and looks: what they then see is what is held here.
            self.look_at_gateways().await?;
        }
        Ok(is_change)
    }

    async fn neighbours_spoke(&mut self, heard: io::Result<Heard>) -> Result<bool, NetworkTaskError> {
        match heard {
            Ok(Heard { is_change, told: Told::All }) => Ok(is_change),
            Ok(Heard { is_change, told: Told::NotAll }) => Ok(is_change | self.look_at_gateways().await?),
            Err(error) => {
                self.neighbours = available("hardware addresses of gateways", Err(error));
                Ok(false)
            }
        }
    }

    async fn files_touched(&mut self, touched: io::Result<()>) -> Result<bool, NetworkTaskError> {
        let what = "changes of the resolver's files";
        let Some(files) = self.files.take() else { return Ok(false) };
        let looked = match touched {
            Ok(()) => look(move || look_at_files(files)).await?,
            Err(error) => Err(error),
        };
        let looked = available(what, looked);
        let has_changed = looked.as_ref().is_some_and(|(_, has_changed)| *has_changed);
        self.files = looked.map(|(files, _)| files);
        Ok(has_changed)
    }

    async fn listen_to_neighbours(&mut self, is_wanted: bool) -> Result<(), NetworkTaskError> {
        self.neighbours = None;
        if is_wanted {
            // Listened to before they are looked at, so that nothing falls in between.
            let listener = available("hardware addresses of gateways", Listener::open(groups::NEIGHBOURS));
            self.neighbours = listener.map(|listener| Neighbours { listener, gateways: Gateways::default() });
            self.look_at_gateways().await?;
        }
        Ok(())
    }

    /// Whether one that was known has another hardware address.
    async fn look_at_gateways(&mut self) -> Result<bool, NetworkTaskError> {
        let Some(neighbours) = &mut self.neighbours else { return Ok(false) };
        match look(take_gateways).await? {
            Ok(gateways) => Ok(neighbours.gateways.refresh(gateways)),
            Err(error) => {
                self.neighbours = available("hardware addresses of gateways", Err(error));
                Ok(false)
            }
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

async fn open_network() -> Looked<Network> {
    // Listened to before it is looked at, so that nothing falls in between.
    let listener = match Listener::open(groups::NETWORK) {
        Ok(listener) => listener,
        Err(error) => return Ok(Err(error)),
    };
    Ok(look(take_snapshot).await?.map(|snapshot| Network { listener, snapshot }))
}

async fn open_files(paths: Vec<PathBuf>) -> Looked<Files> {
    let files = match Files::open(paths) {
        Ok(files) => files,
        Err(error) => return Ok(Err(error)),
    };
    Ok(look(move || look_at_files(files)).await?.map(|(files, _)| files))
}

/// Looks where it may block.
async fn look<T: Send + 'static>(at: impl FnOnce() -> io::Result<T> + Send + 'static) -> Looked<T> {
    spawn_blocking(at).await.map_err(NetworkTaskError::Look)
}

fn look_at_files(mut files: Files) -> io::Result<(Files, bool)> {
    let has_changed = files.look()?;
    Ok((files, has_changed))
}

fn take_snapshot() -> io::Result<Snapshot> {
    let mut asker = Asker::open()?;
    let mut whole = Snapshot::default();
    for request in [Request::links(), Request::addresses(), Request::routes(false), Request::routes(true)] {
        whole.absorb(asker.ask(&request, |part: &mut Snapshot, message| {
            if let Some(event) = message.event() {
                part.apply(&event);
            }
        })?);
    }
    Ok(whole)
}

fn take_gateways() -> io::Result<Gateways> {
    let mut asker = Asker::open()?;
    let gateways = ways(&mut asker)?.iter().filter_map(Way::gateway).collect();
    let macs = hardware_addresses(&mut asker, &gateways)?;
    Ok(Gateways::new(gateways, &macs))
}

/// What is not to be had is said once, and the agent goes on without it.
fn available<T>(what: &'static str, result: io::Result<T>) -> Option<T> {
    result
        .inspect_err(|error| warn!(what, %error, "cannot be noticed; looking again at intervals instead"))
        .ok()
}

#[cfg(test)]
mod tests;
