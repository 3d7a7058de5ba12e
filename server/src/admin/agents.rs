//! Calls about agents, and the two streams. A stream is pulled by its reader: what changes while a slow one does not
//! read is told once, in its newest state, and costs no memory.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use futures_util::Stream;
use futures_util::stream::unfold;
use landmark_proto::convert::fleet::assignment::{rejection_code_to_wire, violations_to_wire};
use landmark_proto::ids::AgentId;
use landmark_proto::revision::Revision;
use landmark_proto::wire;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tracing::info;

mod convert;
mod flips;
mod sorting;

use self::convert::{agent_to_wire, detail_to_wire, evidence_to_wire, filter_from_wire};
use self::flips::n_flips;
use self::sorting::{place_from_token, place_to_token, sorting_from_wire};
use super::error::AdminError;
use super::page::PageSize;
use crate::assignments::AssignmentsHandle;
use crate::fleet::{
    Agent, AgentEvent, AgentView, AgentWatch, Asked, Fleet, Progress, ProgressWatch, Refused,
};
use crate::store::drafts::Author;
use crate::store::{Store, StoredEvidence};

/// Records of an agent's history that are shown.
const N_HISTORY: usize = 64;
/// Records in which changes of the last hour are counted: all that are kept.
const N_COUNTED: u32 = 1_000;
/// Records of evidence in one answer.
const MAX_EVIDENCE: u32 = 16;
/// Lists that are made at once; further ones wait for their turn.
pub(super) const N_LISTS: usize = 2;
/// Agents that are named in one call.
const MAX_NAMED: usize = 1000;

#[derive(Debug)]
pub(crate) struct Agents {
    pub(crate) store: Store,
    pub(crate) assignments: AssignmentsHandle,
    pub(crate) fleet: Fleet,
    pub(super) stop: CancellationToken,
    pub(super) last_request: AtomicU64,
    pub(super) lists: Semaphore,
}

impl Agents {
    pub(crate) async fn list(
        &self,
        request: wire::ListAgentsRequest,
    ) -> Result<wire::ListAgentsResponse, AdminError> {
        let wire::ListAgentsRequest { filter, page_size, page_token, order, descending } = request;
        let filter = filter_from_wire(filter)?;
        let sorting = sorting_from_wire(order, descending)?;
        let after = place_from_token(sorting, &page_token)?;
        let limit = PageSize::from_wire(page_size)?.get();
        let registry = self.fleet.registry().clone();
        // A look at 100,000 agents takes tens of milliseconds, which nobody's session has to wait for.
        let _turn = self.lists.acquire().await.map_err(|_| AdminError::Stopping)?;
        let listed = spawn_blocking(move || registry.list(&filter, sorting, after.as_ref(), limit)).await;
        let page = listed.map_err(|_| AdminError::Stopping)?;
        Ok(wire::ListAgentsResponse {
            agents: page.agents.iter().map(agent_to_wire).collect(),
            next_page_token: page.next.map(|place| place_to_token(sorting, &place)).unwrap_or_default(),
            n_matching: count(page.n_matching),
        })
    }

    pub(crate) async fn get(&self, request: wire::GetAgentRequest) -> Result<wire::AgentDetail, AdminError> {
        let wire::GetAgentRequest { agent } = request;
        let view = self.find(&agent)?;
        let history = self.store.history(view.agent.agent_id, N_COUNTED).await?;
        let n_flips = n_flips(&history, SystemTime::now());
        let shown = history.get(..N_HISTORY).unwrap_or(&history);
        Ok(detail_to_wire(&view, shown, n_flips))
    }

    pub(crate) async fn evidence(
        &self,
        request: wire::ListAgentEvidenceRequest,
    ) -> Result<wire::ListAgentEvidenceResponse, AdminError> {
        let wire::ListAgentEvidenceRequest { agent, last } = request;
        if last > MAX_EVIDENCE {
            return Err(AdminError::field("last", format!("{last} is too many (at most {MAX_EVIDENCE})")));
        }
        let view = self.find(&agent)?;
        let evidence = self.records(&view, last.max(1)).await?;
        Ok(wire::ListAgentEvidenceResponse {
            agent_id: view.agent.agent_id.to_string(),
            host_name: view.agent.facts.host_name.clone(),
            evidence: evidence.iter().map(evidence_to_wire).collect(),
        })
    }

    /// The last records of evidence of an agent, newest first.
    pub(crate) async fn records(
        &self,
        view: &AgentView,
        last: u32,
    ) -> Result<Vec<StoredEvidence>, AdminError> {
        Ok(self.store.evidence(view.agent.agent_id, last).await?)
    }

    pub(crate) async fn recheck(
        &self,
        request: wire::RecheckAgentsRequest,
    ) -> Result<wire::RecheckAgentsResponse, AdminError> {
        let wire::RecheckAgentsRequest { agents, all } = request;
        if all != agents.is_empty() {
            let message = if all {
                "is set beside names: give one of both"
            } else {
                "is not set, and no agent is named"
            };
            return Err(AdminError::field("all", message));
        }
        if agents.len() > MAX_NAMED {
            let message = format!("{} agents are too many to be named (at most {MAX_NAMED})", agents.len());
            return Err(AdminError::field("agents", message));
        }
        let named: BTreeSet<AgentId> = agents
            .iter()
            .map(|name| Ok(self.find(name)?.agent.agent_id))
            .collect::<Result<_, AdminError>>()?;
        let request_id = self.last_request.fetch_add(1, Ordering::Relaxed) + 1;
        let registry = self.fleet.registry();
        let Asked { n_asked, n_offline } = if all {
            registry.recheck_all(request_id).await
        } else {
            registry.recheck(&named.into_iter().collect::<Vec<_>>(), request_id)
        };
        info!(request_id, n_asked, n_offline, "agents asked to look again");
        Ok(wire::RecheckAgentsResponse { n_asked: count(n_asked), n_offline: count(n_offline) })
    }

    pub(crate) async fn remove(
        &self,
        request: wire::RemoveAgentRequest,
        by: &Author,
    ) -> Result<wire::RemoveAgentResponse, AdminError> {
        let wire::RemoveAgentRequest { agent } = request;
        let view = self.find(&agent)?;
        let agent_id = view.agent.agent_id;
        if !self.fleet.remove(agent_id).await? {
            return Err(AdminError::NoAgent(agent));
        }
        info!(%by, %agent_id, host_name = view.agent.facts.host_name, "agent removed");
        Ok(wire::RemoveAgentResponse {
            agent_id: agent_id.to_string(),
            host_name: view.agent.facts.host_name.clone(),
        })
    }

    /// The present assignment, or an older one, which is told to be superseded.
    pub(crate) async fn watch_assignment(
        &self,
        request: wire::WatchAssignmentRequest,
    ) -> Result<impl Stream<Item = Result<wire::AssignmentProgress, Status>> + Send + use<>, AdminError> {
        let wire::WatchAssignmentRequest { revision } = request;
        let present = self.assignments.present().ok_or(AdminError::NothingAssigned)?.held().revision;
        let revision = Revision::new(revision).unwrap_or(present);
        if revision != present {
            self.store.assignment(revision).await?.ok_or(AdminError::NoAssignment(revision))?;
        }
        let watch = self.fleet.registry().watch_progress(revision);
        Ok(until_stop(watch, self.stop.clone(), async |mut watch: ProgressWatch| {
            let progress = watch.next().await;
            (watch, progress.map(|progress| (progress_to_wire(&progress), progress.is_done())))
        }))
    }

    /// How far an assignment has come, once. Of an older one only what took its place is known.
    pub(crate) async fn progress(&self, revision: Revision) -> Result<wire::AssignmentProgress, AdminError> {
        self.store.assignment(revision).await?.ok_or(AdminError::NoAssignment(revision))?;
        let registry = self.fleet.registry();
        let n_online = registry.n_online();
        let untold = |n_pending, superseded_by| Progress {
            revision,
            n_applied: 0,
            n_pending,
            n_rejected: 0,
            n_offline: registry.n_agents().saturating_sub(n_pending),
            rejections: Vec::new(),
            superseded_by,
        };
        let progress = match registry.progress() {
            Some(present) if present.revision == revision => present,
            Some(present) if present.revision > revision => untold(0, Some(present.revision)),
            // Stored a moment ago: the registry has yet to learn of it.
            Some(_) | None => untold(n_online, None),
        };
        Ok(progress_to_wire(&progress))
    }

    pub(crate) fn watch(
        &self,
        request: wire::WatchAgentsRequest,
    ) -> Result<impl Stream<Item = Result<wire::AgentEvent, Status>> + Send + use<>, AdminError> {
        let wire::WatchAgentsRequest { filter } = request;
        let watch = self.fleet.registry().watch(filter_from_wire(filter)?);
        Ok(until_stop(watch, self.stop.clone(), async |mut watch: AgentWatch| {
            let event = event_to_wire(watch.next().await);
            (watch, Some((event, false)))
        }))
    }

    pub(crate) fn find(&self, name: &str) -> Result<AgentView, AdminError> {
        Ok(self.fleet.registry().find(name)?)
    }
}

/// A stream of what `next` gives: an item, and whether it is the last. Ends with an error when the server stops.
fn until_stop<W, T, F>(
    watch: W,
    stop: CancellationToken,
    next: impl Fn(W) -> F + Send + 'static,
) -> impl Stream<Item = Result<T, Status>> + Send
where
    W: Send + 'static,
    T: Send + 'static,
    F: Future<Output = (W, Option<(T, bool)>)> + Send,
{
    unfold(Some((watch, stop, next)), async |state| {
        let (watch, stop, next) = state?;
        let answered = tokio::select! {
            biased;
            () = stop.cancelled() => None,
            answered = next(watch) => Some(answered),
        };
        match answered {
            None => Some((Err(AdminError::Stopping.into()), None)),
            Some((_, None)) => None,
            Some((_, Some((item, true)))) => Some((Ok(item), None)),
            Some((watch, Some((item, false)))) => Some((Ok(item), Some((watch, stop, next)))),
        }
    })
}

fn event_to_wire(event: AgentEvent) -> wire::AgentEvent {
    use wire::agent_event::{Kind, Synced};
    let kind = match event {
        AgentEvent::Changed(view) => Kind::Changed(agent_to_wire(&view)),
        AgentEvent::Gone(agent_id) => Kind::Gone(agent_id.to_string()),
        AgentEvent::Synced => Kind::Synced(Synced {}),
    };
    wire::AgentEvent { kind: Some(kind) }
}

pub(super) fn progress_to_wire(progress: &Progress) -> wire::AssignmentProgress {
    let Progress { revision, n_applied, n_pending, n_rejected, n_offline, rejections, superseded_by } =
        progress;
    wire::AssignmentProgress {
        revision: revision.get(),
        n_agents: count(progress.n_agents()),
        n_applied: count(*n_applied),
        n_pending: count(*n_pending),
        n_rejected: count(*n_rejected),
        n_offline: count(*n_offline),
        rejections: rejections.iter().map(|(agent, refused)| rejection_to_wire(agent, refused)).collect(),
        done: progress.is_done(),
        superseded_by: superseded_by.map_or(0, Revision::get),
    }
}

fn rejection_to_wire(agent: &Agent, Refused { rejection, .. }: &Refused) -> wire::AgentRejection {
    wire::AgentRejection {
        agent_id: agent.agent_id.to_string(),
        host_name: agent.facts.host_name.clone(),
        code: rejection_code_to_wire(rejection.code).into(),
        violations: rejection.violations.as_ref().map(violations_to_wire).unwrap_or_default(),
    }
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}
