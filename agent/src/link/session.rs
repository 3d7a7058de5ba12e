//! One life of a session's stream: from the hello to its end.
//!
//! What is said and when is decided by the [`Conversation`]; here it meets the stream, the ledger, the outbox and time.
//! Inbound is always read: nothing here waits for the server to read.

mod greeting;
mod news;
mod offering;

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use landmark_daemon::error::Chain;
use landmark_proto::convert::fleet::agent_message_to_wire;
use landmark_proto::ids::EvaluationId;
use landmark_proto::location::LinkState;
use landmark_proto::message::{
    AgentMessage, Assignment, EnforcementStatus, FirewallHits, ServerMessage, Tuning, Welcome,
};
use landmark_proto::wire;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tonic::Streaming;
use tracing::{debug, info, warn};

use self::greeting::{begin, receive};
use super::backoff::Share;
use super::channel::Connection;
use super::conversation::{Conversation, Demand, Memory, Say};
use super::renewal::{RenewalError, renew};
use super::retry::End;
use crate::ledger::task::{Answer, Closed, LedgerHandle};
use crate::location::{Asked, Decided, LocationHandle, NotEvaluated};
use crate::machine::Machine;
use crate::network::Changes;
use crate::outbox::task::OutboxHandle;
use crate::sweep::{SweepHandle, Swept};

/// A server that does not read for so long is not there.
const WRITE_LIMIT: Duration = Duration::from_secs(60);
/// How long leaving may take.
const GOODBYE_LIMIT: Duration = Duration::from_secs(1);
/// Of records in one message, so that it stays below the largest with room for its frame.
const BATCH_BYTES: usize = 192 * 1024;

/// Whom a session talks to inside the agent.
#[derive(Clone, Debug)]
pub struct Parties {
    /// This machine.
    pub machine: Machine,
    /// Where the identity is kept.
    pub folder: PathBuf,
    /// Takes assignments.
    pub ledger: LedgerHandle,
    /// Gives records.
    pub outbox: OutboxHandle,
    /// Looks again, and says where the machine is.
    pub location: LocationHandle,
    /// What became of the last policy.
    pub enforcement: watch::Receiver<Option<EnforcementStatus>>,
    /// What is noticed of the machine's network: when it changes or the machine wakes, the link is tested.
    pub changes: watch::Receiver<Changes>,
    /// Tries all reference servers, and says what became of it.
    pub sweeps: SweepHandle,
    /// What the firewall has counted.
    pub hits: watch::Receiver<Vec<FirewallHits>>,
}

/// What a session tells the agent.
#[derive(Clone, Debug)]
pub struct Outputs {
    /// Whether it stands.
    pub state: watch::Sender<LinkState>,
    /// The server's timing.
    pub tuning: watch::Sender<Tuning>,
}

/// How a session ended.
#[derive(Debug)]
pub struct Ended {
    /// `None`: the agent is stopping.
    pub end: Option<End>,
    /// Since its welcome; `None` if there was none.
    pub lived: Option<Duration>,
    /// For the next one.
    pub memory: Memory,
}

/// Holds one session over a connection until it ends, or until the agent stops. `welcomed` is called once it stands.
pub async fn hold(
    connection: &Connection,
    parties: Parties,
    outputs: &Outputs,
    memory: Memory,
    (stop, welcomed): (&CancellationToken, impl FnOnce(&Welcome)),
) -> Ended {
    let mut session = match begin(connection, parties, outputs, memory, stop).await {
        Ok((session, welcome)) => {
            welcomed(&welcome);
            session
        }
        Err((end, memory)) => return Ended { end, lived: None, memory },
    };
    let since = Instant::now();
    let end = session.run(connection, outputs, stop).await;
    Ended { end, lived: Some(since.elapsed()), memory: session.conversation.into_memory() }
}

type Judging = Pin<Box<dyn Future<Output = (Assignment, Result<Answer, Closed>)> + Send>>;
type Renewing = Pin<Box<dyn Future<Output = Result<(), RenewalError>> + Send>>;

struct Session {
    conversation: Conversation,
    parties: Parties,
    decided: watch::Receiver<Option<Arc<Decided>>>,
    /// New evidence that the server wants to know.
    wanted: watch::Receiver<Option<EvaluationId>>,
    swept: watch::Receiver<Option<Arc<Swept>>>,
    /// The last one that this session told; what earlier ones told is told once more, for the server may have forgotten it.
    told_sweep: Option<Arc<Swept>>,
    /// The last counts that this session told.
    told_hits: Vec<FirewallHits>,
    /// The network as it was when the link was known to stand.
    noticed: Changes,
    inbound: Streaming<wire::ServerMessage>,
    outbound: mpsc::Sender<wire::AgentMessage>,
    /// What the server was told, or is about to be.
    told: Option<EnforcementStatus>,
    /// What comes next, and since when it waits for room.
    unsaid: Option<(wire::AgentMessage, Instant)>,
    /// The push that the ledger is looking at, and the newest that waits for it.
    offering: Option<Judging>,
    next_offer: Option<Assignment>,
    /// The push that was refused only because the disk did not take it, and when it is offered again.
    unstored: Option<(Assignment, Instant)>,
    renewing: Option<Renewing>,
}

enum Event {
    Stop,
    Received(Result<Option<ServerMessage>, End>),
    ConnectionEnded,
    Judged(Assignment, Result<Answer, Closed>),
    Renewed(Result<(), RenewalError>),
    /// Something inside the agent changed, or time passed.
    Changed,
    /// There is room for what is unsaid.
    Room,
}

/// What feeds a session ends only when the agent stops.
fn changed_or_stop(is_open: bool) -> Event {
    if is_open { Event::Changed } else { Event::Stop }
}

/// The session is over; `None`: the agent is stopping.
struct Over(Option<End>);

impl Session {
    async fn run(
        &mut self,
        connection: &Connection,
        outputs: &Outputs,
        stop: &CancellationToken,
    ) -> Option<End> {
        outputs.state.send_replace(LinkState::Connected);
        loop {
            if let Err(Over(end)) = self.round(connection, outputs, stop).await {
                if end.is_none() {
                    self.leave().await;
                }
                return end;
            }
        }
    }

    async fn round(
        &mut self,
        connection: &Connection,
        outputs: &Outputs,
        stop: &CancellationToken,
    ) -> Result<(), Over> {
        self.progress();
        self.store_again();
        self.prepare().await?;
        let event = self.next_event(connection, stop).await;
        match event {
            Event::Stop => return Err(Over(None)),
            Event::ConnectionEnded => return Err(Over(Some(End::Closed("the connection ended".into())))),
            Event::Received(received) => {
                let closed = || Over(Some(End::Closed("the server ended the session".into())));
                let message = received.map_err(|end| Over(Some(end)))?.ok_or_else(closed)?;
                if let Some(demand) = self.conversation.receive(message, Instant::now(), Share::random()) {
                    self.meet(demand, connection, outputs).await?;
                }
            }
            Event::Judged(assignment, answer) => {
                self.offering = None;
                self.judged(assignment, answer.map_err(|_closed| Over(None))?);
            }
            Event::Renewed(result) => {
                self.renewing = None;
                match result {
                    Ok(()) => info!("certificate renewed; it is used from the next connection on"),
                    Err(error) => warn!(error = %Chain(&error), "certificate not renewed"),
                }
            }
            Event::Changed => {}
            Event::Room => {
                if let Some((message, _)) = self.unsaid.take() {
                    // Nobody else sends, so that the room is still there; a closed channel shows as an ended stream.
                    self.outbound.try_send(message).ok();
                }
            }
        }
        Ok(())
    }

    /// Cancel-safe.
    async fn next_event(&mut self, connection: &Connection, stop: &CancellationToken) -> Event {
        let until = self.parties.outbox.status().borrow().range.next;
        let mut wake_at = self.conversation.wake_at(until);
        if let Some((_, since)) = &self.unsaid {
            let written_by = *since + WRITE_LIMIT;
            wake_at = self.conversation.deadline().map_or(written_by, |deadline| deadline.min(written_by));
        }
        if let Some((_, again_at)) = self.unstored.as_ref().filter(|_| self.offering.is_none()) {
            wake_at = wake_at.min(*again_at);
        }
        let Self { inbound, outbound, unsaid, offering, renewing, decided, parties, wanted, swept, .. } =
            self;
        let mut outbox = parties.outbox.status();
        outbox.mark_unchanged();
        let grew = outbox.wait_for(|status| status.range.next != until);
        tokio::select! {
            biased;
            () = stop.cancelled() => Event::Stop,
            received = receive(inbound) => Event::Received(received),
            () = connection.ended() => Event::ConnectionEnded,
            (assignment, answer) = some(offering) => Event::Judged(assignment, answer),
            result = some(renewing) => Event::Renewed(result),
            room = outbound.reserve(), if unsaid.is_some() => {
                drop(room);
                Event::Room
            }
            changed = parties.hits.changed() => changed_or_stop(changed.is_ok()),
            changed = parties.enforcement.changed() => changed_or_stop(changed.is_ok()),
            changed = parties.changes.changed() => changed_or_stop(changed.is_ok()),
            changed = decided.changed() => changed_or_stop(changed.is_ok()),
            changed = wanted.changed() => changed_or_stop(changed.is_ok()),
            changed = swept.changed() => changed_or_stop(changed.is_ok()),
            changed = grew => changed_or_stop(changed.is_ok()),
            () = sleep_until(wake_at.into()) => Event::Changed,
        }
    }

    /// Makes ready what is to be said next.
    async fn prepare(&mut self) -> Result<(), Over> {
        let now = Instant::now();
        if let Some(end) = self.conversation.overdue(now) {
            return Err(Over(Some(end)));
        }
        if let Some((_, since)) = &self.unsaid {
            if now.saturating_duration_since(*since) >= WRITE_LIMIT {
                let why = format!("the server has read nothing for {} s", WRITE_LIMIT.as_secs());
                return Err(Over(Some(End::Closed(why))));
            }
            return Ok(());
        }
        let until = self.parties.outbox.status().borrow().range.next;
        let message = match self.conversation.next(until, now, Share::random()) {
            None => return Ok(()),
            Some(Say::Message(message)) => agent_message_to_wire(&message),
            Some(Say::Batch(from)) => {
                let n_records = self.conversation.report_batch();
                let batch = self.parties.outbox.batch(from, n_records, BATCH_BYTES).await;
                let Some(batch) = batch.map_err(|_closed| Over(None))? else {
                    self.conversation.nothing_to_report(now);
                    return Ok(());
                };
                self.conversation.sent_batch(batch.first, batch.next());
                agent_message_to_wire(&AgentMessage::LocationReports(batch))
            }
            Some(Say::Evidence) => {
                let Some(message) = self.evidence(now) else { return Ok(()) };
                message
            }
        };
        self.unsaid = Some((message, now));
        Ok(())
    }

    async fn meet(&mut self, demand: Demand, connection: &Connection, outputs: &Outputs) -> Result<(), Over> {
        match demand {
            Demand::End(end) => return Err(Over(Some(end))),
            Demand::Offer(assignment) => self.offer(assignment),
            Demand::Acknowledge(ack) => {
                self.parties.outbox.acknowledge(ack).await.map_err(|_closed| Over(None))?;
            }
            Demand::Evaluate => {
                // Once is enough to ask; the verdict reaches the server as a record.
                match self.parties.location.evaluate(Asked::ByServer).now_or_never() {
                    Some(Err(NotEvaluated::Busy)) => debug!("too many evaluations are asked for already"),
                    Some(Ok(_) | Err(NotEvaluated::Stopping)) | None => {}
                }
            }
            Demand::Renew(after) => {
                // One at a time: what a server repeats costs neither a log line nor a key.
                if self.renewing.is_none() {
                    info!(?after, "the server asks for another certificate");
                    let renewal = renew(connection.client(), self.parties.folder.clone(), after);
                    self.renewing = Some(Box::pin(renewal));
                }
            }
            Demand::Seen(evaluation) => self.parties.location.evidence().seen(evaluation),
            Demand::Sweep(after) => self.parties.sweeps.sweep_after(after),
            Demand::Tune(tuning) => {
                outputs.tuning.send_replace(tuning);
            }
        }
        Ok(())
    }

    /// Says what is left to say, and goodbye, and lets the server end the stream.
    async fn leave(&mut self) {
        self.conversation.leave("the agent is stopping");
        let farewell = async {
            loop {
                if let Some((message, _)) = self.unsaid.take() {
                    self.outbound.send(message).await.ok();
                }
                if self.prepare().await.is_err() || self.unsaid.is_none() {
                    break;
                }
            }
            let (nobody, _) = mpsc::channel(1);
            // Ends our side of the stream.
            drop(std::mem::replace(&mut self.outbound, nobody));
            while let Ok(Some(_)) = receive(&mut self.inbound).await {}
        };
        if timeout(GOODBYE_LIMIT, farewell).await.is_err() {
            debug!("the server did not take our goodbye in time");
        }
    }
}

/// The outcome of a future, if there is one.
async fn some<T>(future: &mut Option<Pin<Box<dyn Future<Output = T> + Send>>>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}
