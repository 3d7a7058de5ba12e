//! Dials, holds a session, waits, and begins again: until the agent stops.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use landmark_daemon::error::Chain;
use landmark_proto::ids::Epoch;
use landmark_proto::location::{LinkState, Location};
use landmark_proto::message::Tuning;
use thiserror::Error;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, debug, error, info, info_span, warn};

use super::backoff::{Backoff, Share, floored};
use super::channel::Connection;
use super::conversation::Memory;
use super::dial::{Connect, dial};
use super::retry::{End, wait_after};
use super::session::{Ended, Outputs, Parties, hold};
use super::tls::client_config;
use crate::address::ServerAddress;
use crate::identity::Identity;
use crate::location::Decided;
use crate::network::Changes;

/// After a change of the network, before the next dial: it has settled by then, and a host of containers, which changes
/// its network all day, dials no more often.
const SETTLED: Duration = Duration::from_secs(5);

/// A retry is no news until it has lasted so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// How the link is, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkStatus {
    /// Connected or lost.
    pub state: LinkState,
    /// Since when.
    pub since: SystemTime,
    /// The address of the session, or the one that was dialled last.
    pub server: Option<ServerAddress>,
    /// Of the session.
    pub epoch: Option<Epoch>,
    /// Why there is none (any more).
    pub reason: Option<String>,
    /// An administrator must act before a retry can help.
    pub is_hopeless: bool,
    /// When the next dial is due.
    pub next_dial_at: Option<SystemTime>,
}

/// What the rest of the agent sees of the link.
#[derive(Clone, Debug)]
pub struct LinkHandle {
    /// Connected or lost.
    pub state: watch::Receiver<LinkState>,
    /// The server's timing.
    pub tuning: watch::Receiver<Tuning>,
    /// For people.
    pub status: watch::Receiver<LinkStatus>,
}

/// What the task needs to dial.
#[derive(Debug)]
pub struct Dialling {
    /// The way there.
    pub connector: Box<dyn Connect>,
    /// Who this agent is.
    pub identity: Identity,
    /// Instead of the addresses of the identity.
    pub addresses: Option<Vec<ServerAddress>>,
}

/// The link's task cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LinkTaskError {
    /// It was asked to stop.
    #[error("asked to stop")]
    Stopped,
}

/// The task behind a [`LinkHandle`].
#[derive(Debug)]
pub struct LinkTask {
    dialling: Dialling,
    outputs: Outputs,
    status: watch::Sender<LinkStatus>,
    backoff: Backoff,
    memory: Memory,
    failing_since: Option<Instant>,
    complained: bool,
}

/// How a round over the addresses ended.
enum Round {
    Stopped,
    Ended { end: End, lived: Option<Duration> },
}

/// Opens the channels of the link, which is lost until it stands.
pub fn channel(dialling: Dialling) -> (LinkHandle, LinkTask) {
    let (state_tx, state_rx) = watch::channel(LinkState::Lost);
    let (tuning_tx, tuning_rx) = watch::channel(Tuning::default());
    let (status_tx, status_rx) = watch::channel(LinkStatus {
        state: LinkState::Lost,
        since: SystemTime::now(),
        server: None,
        epoch: None,
        reason: None,
        is_hopeless: false,
        next_dial_at: None,
    });
    let task = LinkTask {
        dialling,
        outputs: Outputs { state: state_tx, tuning: tuning_tx },
        status: status_tx,
        backoff: Backoff::default(),
        memory: Memory::default(),
        failing_since: None,
        complained: false,
    };
    (LinkHandle { state: state_rx, tuning: tuning_rx, status: status_rx }, task)
}

impl LinkTask {
    /// Keeps the link until the agent stops.
    ///
    /// # Errors
    /// Always, and tells why it ended.
    pub async fn run(
        mut self,
        parties: Parties,
        stop: CancellationToken,
    ) -> Result<Infallible, LinkTaskError> {
        loop {
            // What changes while it is dialled, or while the session lasts, counts as well.
            let mut changes = parties.changes.clone();
            changes.mark_unchanged();
            let (end, lived) = match self.round(&parties, &stop).await {
                Round::Stopped => return Err(LinkTaskError::Stopped),
                Round::Ended { end, lived } => (end, lived),
            };
            let tuning = self.outputs.tuning.borrow().clone();
            let wait = wait_after(&end, lived, &mut self.backoff, &tuning, Share::random());
            self.lost(&end, lived.is_some(), wait);
            let share = Share::random().of(tuning.reconnect_spread);
            let hurry = another_place(parties.location.decided(), changes, share);
            tokio::select! {
                biased;
                () = stop.cancelled() => return Err(LinkTaskError::Stopped),
                () = sleep(wait) => {}
                () = hurry, if end.may_be_hurried() => debug!("another place: dialling before it is due"),
            }
            self.refresh_identity(&parties).await;
        }
    }

    /// Dials every address once, beginning anywhere: they are equals, and so a fleet spreads over them without anyone
    /// arranging it. The first one that answers decides.
    async fn round(&mut self, parties: &Parties, stop: &CancellationToken) -> Round {
        let addresses = self.dialling.addresses.as_ref().unwrap_or(&self.dialling.identity.addresses).clone();
        let config = match client_config(&self.dialling.identity) {
            Ok(config) => Arc::new(config),
            Err(error) => {
                return Round::Ended {
                    end: End::Local(format!("cannot use the identity: {error}")),
                    lived: None,
                };
            }
        };
        let n_addresses = addresses.len().max(1);
        let first = rand::random_range(0..n_addresses);
        let mut last = End::Local("there is no address to dial".into());
        for address in addresses.iter().cycle().skip(first).take(addresses.len()) {
            let secured = tokio::select! {
                biased;
                () = stop.cancelled() => return Round::Stopped,
                dialled = dial(self.dialling.connector.as_ref(), address, &config) => dialled,
            };
            self.status.send_modify(|status| status.server = Some(address.clone()));
            match secured {
                Ok(secured) => {
                    let ping_interval = self.outputs.tuning.borrow().ping_interval;
                    match Connection::open(secured, ping_interval).await {
                        Ok(connection) => {
                            let span = info_span!("session", server = %address);
                            return self.session(&connection, address, parties, stop).instrument(span).await;
                        }
                        Err(end) => last = end,
                    }
                }
                Err(end) => {
                    debug!(server = %address, why = %end, "no session");
                    last = end;
                }
            }
        }
        Round::Ended { end: last, lived: None }
    }

    async fn session(
        &mut self,
        connection: &Connection,
        address: &ServerAddress,
        parties: &Parties,
        stop: &CancellationToken,
    ) -> Round {
        let memory = std::mem::take(&mut self.memory);
        let status = &self.status;
        let welcomed = |welcome: &landmark_proto::message::Welcome| {
            info!(epoch = %welcome.epoch, up_to_date = welcome.up_to_date, "link connected");
            status.send_replace(LinkStatus {
                state: LinkState::Connected,
                since: SystemTime::now(),
                server: Some(address.clone()),
                epoch: Some(welcome.epoch),
                reason: None,
                is_hopeless: false,
                next_dial_at: None,
            });
        };
        let held = hold(connection, parties.clone(), &self.outputs, memory, (stop, welcomed)).await;
        let Ended { end, lived, memory } = held;
        self.memory = memory;
        if lived.is_some() {
            (self.failing_since, self.complained) = (None, false);
        }
        end.map_or(Round::Stopped, |end| Round::Ended { end, lived })
    }

    /// The link is lost, from this moment on.
    fn lost(&mut self, end: &End, was_connected: bool, wait: Duration) {
        self.outputs.state.send_if_modified(|state| {
            let is_news = *state != LinkState::Lost;
            *state = LinkState::Lost;
            is_news
        });
        let now = SystemTime::now();
        self.status.send_modify(|status| {
            if status.state != LinkState::Lost {
                status.since = now;
            }
            status.state = LinkState::Lost;
            status.epoch = None;
            status.reason = Some(end.to_string());
            status.is_hopeless = end.is_hopeless();
            status.next_dial_at = now.checked_add(wait);
        });
        self.log(end, was_connected, wait);
    }

    fn log(&mut self, end: &End, was_connected: bool, wait: Duration) {
        if let End::Revoked(words) = end {
            debug!(words, "removed");
        }
        let is_first = self.failing_since.is_none();
        let failing_since = *self.failing_since.get_or_insert_with(Instant::now);
        if end.is_hopeless() && !self.complained {
            error!(why = %end, retry_in = ?wait, "the server refuses this agent");
            self.complained = true;
        } else if was_connected {
            info!(why = %end, retry_in = ?wait, "link lost");
        } else if is_first {
            info!(why = %end, retry_in = ?wait, "cannot reach the server");
        } else if !self.complained && failing_since.elapsed() >= PATIENCE {
            warn!(why = %end, retry_in = ?wait, "the server has been out of reach for a minute; trying on quietly");
            self.complained = true;
        } else {
            debug!(why = %end, retry_in = ?wait, "no session");
        }
    }

    /// A renewed certificate is used from the next dial on.
    async fn refresh_identity(&mut self, parties: &Parties) {
        let folder = parties.folder.clone();
        match spawn_blocking(move || Identity::load(&folder)).await {
            Ok(Ok(Some(identity))) => self.dialling.identity = identity,
            Ok(Ok(None)) => warn!("the identity is gone from the state folder; the one in memory is used"),
            Ok(Err(error)) => {
                warn!(error = %Chain(&error), "the identity cannot be read; the one in memory is used");
            }
            Err(error) => warn!(%error, "the identity cannot be read; the one in memory is used"),
        }
    }
}

/// Returns when a machine that was outside is inside by a reference server: then the server is within reach as well,
/// however long the wait for it has become.
async fn came_inside(mut decided: watch::Receiver<Option<Arc<Decided>>>) {
    let is_inside = |decided: &Option<Arc<Decided>>| {
        decided.as_ref().is_some_and(|decided| decided.verdict.location == Location::Internal)
    };
    let outside = decided.wait_for(|decided| !is_inside(decided)).await.map(drop);
    if outside.is_err() || decided.wait_for(is_inside).await.map(drop).is_err() {
        // Nobody decides any more: the agent is stopping.
        std::future::pending::<()>().await;
    }
}

/// Returns when the server may be within reach again, after this share of what spreads a fleet: the network changed, or the
/// machine woke, or it came inside. Where no reference server can tell, the server alone can say that this is inside.
async fn another_place(
    decided: watch::Receiver<Option<Arc<Decided>>>,
    mut changes: watch::Receiver<Changes>,
    share: Duration,
) {
    tokio::select! {
        () = came_inside(decided) => sleep(floored(share)).await,
        Ok(()) = changes.changed() => sleep(SETTLED + share).await,
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, timeout};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_change_of_the_network_hurries_the_next_dial_and_not_at_once() {
        let (_decided_tx, decided) = watch::channel(None);
        let (changes_tx, changes) = watch::channel(Changes::default());
        let share = Duration::from_secs(2);
        let hour = Duration::from_secs(3600);
        assert!(timeout(hour, another_place(decided.clone(), changes.clone(), share)).await.is_err());
        changes_tx.send_modify(|changes| changes.network += 1);
        let began = Instant::now();
        timeout(hour, another_place(decided, changes, share)).await.unwrap();
        assert_eq!(began.elapsed(), SETTLED + share);
    }
}
