//! One agent's session: hello, welcome, then whatever comes, until it ends.
//!
//! The task reads always and never writes: what it has to say goes into slots, which the response stream empties. It
//! ends when the agent leaves, breaks a rule, falls silent or does not read, and when the registry or a stop ends it.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use futures_util::{FutureExt as _, Stream, StreamExt as _};
use landmark_proto::ids::{Epoch, Sequence};
use landmark_proto::message::{
    AgentMessage, AssignmentOutcome, AssignmentResult, Hello, LocationReports, ServerMessage, Welcome,
};
use landmark_proto::violation::{Path, Violations};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{Instrument as _, debug, debug_span, error, warn};

use super::agent::Agent;
use super::end::End;
use super::outbound::{Outbound, State};
use super::renewal::{Next, Renewals};
use super::slots::Answer;
use super::writer::Busy;
use super::{Shared, telemetry};
use crate::assignments::Published;
use crate::edge::Hangup;
use crate::identity::PeerIdentity;

mod evidence;

/// Heartbeats that may be missing before the agent counts as gone.
const MISSED_HEARTBEATS: u32 = 3;
/// How long the last words may take before the connection is cut.
const FAREWELL_LIMIT: Duration = Duration::from_secs(5);
/// How long a batch waits that came while another was in flight, and one for which there was no room.
const DEFER_SECOND: Duration = Duration::from_secs(1);
const DEFER_BUSY: Duration = Duration::from_secs(5);
/// Known agents get in without the database; the history then begins where the agent's outbox begins.
const COMMITTED_LIMIT: Duration = Duration::from_secs(2);

/// A message that came in, or why there will be none.
pub(super) type Inbound = Result<AgentMessage, End>;

/// A session that was admitted.
pub(super) struct Session {
    pub(super) shared: Arc<Shared>,
    pub(super) peer: PeerIdentity,
    pub(super) address: Option<IpAddr>,
    pub(super) outbound: Arc<Outbound>,
    pub(super) hangup: Hangup,
}

impl Session {
    /// Runs the session to its end. A panic ends here.
    pub(super) async fn run(self, inbound: impl Stream<Item = Inbound> + Unpin) {
        let agent_id = self.peer.agent_id;
        let span = debug_span!("session", %agent_id);
        let lived = AssertUnwindSafe(self.live(inbound)).catch_unwind().instrument(span.clone()).await;
        let _entered = span.enter();
        let end = lived.unwrap_or_else(|_panic| {
            // The panic itself was logged where it happened.
            error!("session panicked; only this agent is affected");
            End::Panicked
        });
        let farewell =
            (end == End::Removed).then(|| ServerMessage::Revoked { reason: End::Removed.to_string() });
        self.outbound.with(|slots| slots.end(end.clone(), farewell, std::time::Instant::now()));
        let now = SystemTime::now();
        let note = |agent: &mut Agent| agent.connection_since = Some(now);
        self.shared.registry.close_session(agent_id, &self.outbound, note);
        telemetry::session_ended(end.reason());
        debug!(reason = %end, "session ended");
        drop(_entered);
        let is_blocked = matches!(end, End::Blocked(_));
        if is_blocked || timeout(FAREWELL_LIMIT, self.outbound.finished()).await.is_err() {
            self.hangup.now();
        }
    }

    async fn live(&self, mut inbound: impl Stream<Item = Inbound> + Unpin) -> End {
        let limit = self.shared.config.hello_timeout;
        let hello = tokio::select! {
            biased;
            end = self.ended() => return end,
            () = self.shared.stop.cancelled() => return End::Drained,
            first = timeout(limit, inbound.next()) => match first {
                Err(_) => return End::NoHello(limit),
                Ok(None) => return End::Left,
                Ok(Some(Err(end))) => return end,
                Ok(Some(Ok(AgentMessage::Hello(hello)))) => hello,
                Ok(Some(Ok(_))) => return invalid("hello", "is missing: it must be the first message"),
            },
        };
        // Boxed, so that a session does not keep room for its beginning until its end.
        match Box::pin(self.open(*hello)).await {
            // Opened while everyone else was told to go: nobody else will tell this one.
            Ok(()) if self.shared.stop.is_cancelled() => End::Drained,
            Ok(()) => self.steady(inbound).await,
            Err(end) => end,
        }
    }

    /// Waits until someone else ends the session.
    async fn ended(&self) -> End {
        loop {
            if let Some(end) = self.outbound.state().ending {
                return end;
            }
            self.outbound.changed().await;
        }
    }

    /// Answers a hello.
    async fn open(&self, hello: Hello) -> Result<(), End> {
        let agent_id = self.peer.agent_id;
        let next_sequence = self.next_sequence(&hello).await;
        let (outbox_id, held) = (hello.outbox.outbox_id, hello.held);
        let now = SystemTime::now();
        let opened = self.shared.registry.open_session(agent_id, &self.outbound, |agent, present| {
            note_hello(agent, hello, present, now, self.address)
        })?;
        let Opened { epoch, offered, is_clone } = opened;
        if let (Some(held), Offered::Push(present)) = (held, &offered)
            && held.revision > present.held().revision
            && !self.shared.is_behind_told.swap(true, Ordering::Relaxed)
        {
            // Once: if one agent is ahead, thousands are.
            warn!(
                %agent_id, held = %held.revision, present = %present.held().revision,
                "agents hold later revisions than this server has, and refuse its assignments until it has come to a \
                 later one: was an older database restored?"
            );
        }
        if is_clone {
            warn!("two machines seem to share this agent's identity; remove the agent and enrol both again");
        }
        let up_to_date = matches!(offered, Offered::Nothing | Offered::Held(_));
        let tuning = self.shared.tuning();
        let instant = std::time::Instant::now();
        self.outbound.with(|slots| {
            let welcome = Welcome {
                epoch,
                server_time: now,
                tuning,
                next_sequence,
                up_to_date,
                wants_evidence: true,
                wants_firewall_hits: true,
            };
            slots.welcome(outbox_id, welcome, instant);
            match offered {
                Offered::Nothing => {}
                Offered::Held(published) => slots.needs_not(published.held().revision),
                Offered::Push(published) => slots.offer(published, Duration::ZERO, instant),
            }
        });
        debug!(%epoch, up_to_date, "session opened");
        Ok(())
    }

    /// Where the replay of the agent's outbox begins.
    async fn next_sequence(&self, hello: &Hello) -> Sequence {
        let range = hello.outbox;
        let committed =
            timeout(COMMITTED_LIMIT, self.shared.store.committed(self.peer.agent_id, range.outbox_id));
        match committed.await {
            Ok(Ok(Some(committed))) => {
                if committed > range.next {
                    warn!(%committed, next = %range.next, "agent's outbox went back; its state was restored or copied");
                }
                committed.max(range.first)
            }
            Ok(Ok(None)) => range.first,
            // Whatever is sent once more is a no-op.
            Ok(Err(_)) | Err(_) => range.first,
        }
    }

    async fn steady(&self, mut inbound: impl Stream<Item = Inbound> + Unpin) -> End {
        let silence = self.shared.config.tuning.heartbeat_interval * MISSED_HEARTBEATS;
        let mut overdue_at = Instant::now() + silence;
        let (write_limit, answer_limit) = (self.shared.config.write_limit, self.shared.config.answer_limit);
        let mut renewals = self.certificate_end().map(|noted_end| Renewals::new(&self.peer, noted_end));
        let mut renew_at = self.remind_of_renewal(&mut renewals);
        loop {
            let state = self.outbound.state();
            if let Some(end) = state.ending {
                return end;
            }
            let blocked_at = state.waiting_since.map(|since| since + write_limit);
            let unanswered_at = state.held_back_since.map(|since| since + answer_limit);
            let deadlines = [Some(overdue_at), blocked_at, unanswered_at, renew_at];
            let deadline = deadlines.into_iter().flatten().min().unwrap_or(overdue_at);
            tokio::select! {
                biased;
                () = self.outbound.changed() => {}
                message = inbound.next() => {
                    overdue_at = Instant::now() + silence;
                    match message {
                        None => return End::Left,
                        Some(Err(end)) => return end,
                        Some(Ok(message)) => if let Err(end) = self.take(message) {
                            return end;
                        },
                    }
                }
                () = sleep_until(deadline) => {
                    // What waited may have been taken meanwhile, of which nobody is told.
                    let State { waiting_since, held_back_since, .. } = self.outbound.state();
                    if waiting_since.is_some_and(|since| since + write_limit <= deadline) {
                        return End::Blocked(write_limit);
                    }
                    if overdue_at <= deadline {
                        return End::Overdue(silence);
                    }
                    if held_back_since.is_some_and(|since| since + answer_limit <= deadline) {
                        return End::Unanswered(answer_limit);
                    }
                    if renew_at.is_some_and(|at| at <= deadline) {
                        renew_at = self.remind_of_renewal(&mut renewals);
                    }
                }
            }
        }
    }

    /// Takes one message in.
    fn take(&self, message: AgentMessage) -> Result<(), End> {
        match message {
            AgentMessage::Hello(_) => Err(invalid("hello", "comes only once, as the first message")),
            AgentMessage::AssignmentResult(result) => self.take_answer(&result),
            AgentMessage::LocationReports(reports) => {
                self.take_reports(reports);
                Ok(())
            }
            AgentMessage::Enforcement(status) => {
                self.shared.registry.note(self.peer.agent_id, |agent| {
                    let is_news = agent.enforcement.as_ref() != Some(&status);
                    agent.enforcement = Some(status);
                    is_news
                });
                Ok(())
            }
            AgentMessage::Heartbeat => {
                self.outbound.with(|slots| slots.heartbeat(SystemTime::now(), std::time::Instant::now()));
                Ok(())
            }
            AgentMessage::Goodbye { reason } => {
                debug!(reason, "goodbye");
                Err(End::Left)
            }
            AgentMessage::Evidence(evidence) => {
                self.take_evidence(&evidence);
                Ok(())
            }
            AgentMessage::SweepReport(report) => {
                self.shared.take_sweep(self.peer.agent_id, &report, SystemTime::now());
                Ok(())
            }
            AgentMessage::FirewallHits(hits) => {
                self.shared.take_hits(self.peer.agent_id, &hits, SystemTime::now());
                Ok(())
            }
        }
    }

    fn take_answer(&self, result: &AssignmentResult) -> Result<(), End> {
        let answer = self.outbound.with(|slots| slots.answered(result, std::time::Instant::now()));
        match answer.map_err(End::Invalid)? {
            Answer::Repeated => {
                // An agent that refused for want of space takes the push later, by itself.
                if result.outcome == AssignmentOutcome::Applied {
                    telemetry::answer("applied");
                    self.shared.registry.note(self.peer.agent_id, |agent| agent.caught_up(result.offered));
                }
            }
            Answer::Timely => {
                let outcome = match &result.outcome {
                    AssignmentOutcome::Applying => "applying",
                    AssignmentOutcome::Applied => "applied",
                    AssignmentOutcome::Rejected(rejection) => {
                        debug!(offered = %result.offered, code = ?rejection.code, "assignment rejected");
                        "rejected"
                    }
                };
                telemetry::answer(outcome);
                self.shared.registry.note(self.peer.agent_id, |agent| agent.answer(result));
            }
        }
        Ok(())
    }

    /// Hands a batch to the writer, or asks for it again later: what is not written is not acknowledged.
    fn take_reports(&self, reports: LocationReports) {
        let now = std::time::Instant::now();
        if !self.outbound.with(|slots| slots.begin_reports()) {
            telemetry::reports_deferred();
            self.outbound.with(|slots| slots.defer(reports.outbox_id, DEFER_SECOND, now));
            return;
        }
        if let Err(Busy(reports)) = self.shared.writer.submit(self.peer.agent_id, reports, &self.outbound) {
            telemetry::reports_deferred();
            self.outbound.with(|slots| {
                slots.finish_reports();
                slots.defer(reports.outbox_id, DEFER_BUSY, now);
            });
        }
    }

    /// Tells the agent to renew its certificate if that is due; returns when to look again.
    fn remind_of_renewal(&self, renewals: &mut Option<Renewals>) -> Option<Instant> {
        let life = self.shared.authority.agent_life();
        let next = renewals.as_mut()?.look(self.certificate_end()?, life, SystemTime::now());
        let wait = match next {
            Next::Look(wait) => wait,
            Next::Remind { spread, look_again } => {
                self.outbound.with(|slots| slots.renew(spread, std::time::Instant::now()));
                look_again
            }
        };
        Some(Instant::now() + wait)
    }

    /// Of the newest certificate that was signed for the agent; `None` if it was removed.
    fn certificate_end(&self) -> Option<SystemTime> {
        self.shared.registry.agent(self.peer.agent_id).map(|view| view.agent.certificate_expires_at)
    }
}

/// What the registry made of a hello.
struct Opened {
    epoch: Epoch,
    offered: Offered,
    /// It was just found out that two machines share this identity.
    is_clone: bool,
}

enum Offered {
    /// There is no assignment.
    Nothing,
    /// The agent holds the present one.
    Held(Published),
    /// It does not.
    Push(Published),
}

/// Takes over what a hello says.
fn note_hello(
    agent: &mut Agent,
    hello: Hello,
    present: Option<&Published>,
    now: SystemTime,
    address: Option<IpAddr>,
) -> Opened {
    let Hello { boot_id, facts, held, last_result, outbox: _, enforcement } = hello;
    let was_cloned = agent.boots.is_cloned();
    agent.boots.note(boot_id);
    agent.epoch = next_epoch(agent.epoch, now);
    agent.facts = facts;
    agent.connection_since = Some(now);
    agent.peer_address = address;
    agent.enforcement = enforcement;
    // An answer that was lost with the last session. What is held now says more than what was applied then.
    if let Some(result) = last_result
        && matches!(result.outcome, AssignmentOutcome::Rejected(_))
    {
        agent.answer(&result);
    }
    agent.held = held;
    if agent
        .refused
        .as_ref()
        .is_some_and(|refused| held.is_some_and(|held| held.revision >= refused.offered.revision))
    {
        agent.refused = None;
    }
    let offered = match present {
        None => Offered::Nothing,
        Some(present) if held == Some(present.held()) => Offered::Held(present.clone()),
        Some(present) => Offered::Push(present.clone()),
    };
    Opened { epoch: agent.epoch, offered, is_clone: agent.boots.is_cloned() && !was_cloned }
}

/// Higher than any before: by the clock, so that it needs no write before the welcome, and by the last one, should the
/// clock have been set back.
fn next_epoch(last: Epoch, now: SystemTime) -> Epoch {
    let since_1970 = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    last.plus(1).max(Epoch::new(u64::try_from(since_1970.as_millis()).unwrap_or(0)))
}

fn invalid(field: &str, message: &str) -> End {
    End::Invalid(Violations::one(&Path::root().field(field), message))
}

#[cfg(test)]
mod tests;
