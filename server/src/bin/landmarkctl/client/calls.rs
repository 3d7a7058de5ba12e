//! One method an RPC.

mod access;
mod firewall;

use std::time::Duration;

use landmark_daemon::error::Chain;
use landmark_proto::convert::time::duration_to_wire;
use landmark_proto::wire;
use tokio::time::timeout;
use tonic::{Request, Response, Status};

pub(crate) use self::access::{ApiTokenWish, SignInWish};
pub(crate) use self::firewall::{MachineFacts, OfSettings};
use super::{Admin, CALL_LIMIT, CallError, Client, END_LIMIT, Edit};
use crate::view::agent::{
    Agent, AgentDetail, AgentEvent, AssignmentState, Connection, EnforcementState, Order,
};
use crate::view::assignment::{Assigned, Assignment, AssignmentDetail};
use crate::view::basis::Location;
use crate::view::change::Diff;
use crate::view::draft::Draft;
use crate::view::evidence::AgentEvidence;
use crate::view::finding::Finding;
use crate::view::health::{Health, SweepAsked};
use crate::view::info::Info;
use crate::view::overview::Overview;
use crate::view::progress::Progress;
use crate::view::token::{NewToken, Token};

/// Which agents; what is absent matches all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AgentFilter {
    pub(crate) text: Option<String>,
    pub(crate) location: Option<Location>,
    pub(crate) connection: Option<Connection>,
    pub(crate) assignment_state: Option<AssignmentState>,
    pub(crate) enforcement_state: Option<EnforcementState>,
    pub(crate) cloned: bool,
}

/// Some of the agents: which, and in which order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AgentsWish {
    pub(crate) filter: AgentFilter,
    pub(crate) order: Order,
    pub(crate) descending: bool,
}

/// A join token to be made; what is absent is the server's default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TokenWish {
    pub(crate) description: Option<String>,
    pub(crate) max_uses: Option<u32>,
    pub(crate) lifetime: Option<Duration>,
    pub(crate) addresses: Vec<String>,
}

/// A page, and how to ask for the next one.
#[derive(Debug)]
pub(crate) struct Page<T> {
    pub(crate) rows: Vec<T>,
    pub(crate) next: Option<String>,
}

/// A stream of the server's.
#[derive(Debug)]
pub(crate) struct Watch<T>(tonic::Streaming<T>);

impl Client {
    pub(crate) async fn info(&mut self) -> Result<Info, CallError> {
        let request = self.request(wire::GetServerInfoRequest {});
        Ok(self.call(async |admin| admin.get_server_info(request).await).await?.into())
    }

    pub(crate) async fn draft(&mut self) -> Result<Draft, CallError> {
        let request = self.request(wire::GetDraftRequest {});
        Ok(self.call(async |admin| admin.get_draft(request).await).await?.into())
    }

    /// All edits or none. Without an etag whatever is there is edited.
    pub(crate) async fn edit(&mut self, etag: Option<&str>, edits: Vec<Edit>) -> Result<Draft, CallError> {
        let edits = edits.into_iter().map(Into::into).collect();
        let request = self.request(wire::EditDraftRequest { etag: owned(etag), edits });
        Ok(self.call(async |admin| admin.edit_draft(request).await).await?.into())
    }

    pub(crate) async fn discard(&mut self, etag: &str) -> Result<Draft, CallError> {
        let request = self.request(wire::DiscardDraftRequest { etag: etag.to_owned() });
        Ok(self.call(async |admin| admin.discard_draft(request).await).await?.into())
    }

    /// From the present assignment to the draft.
    pub(crate) async fn draft_diff(&mut self) -> Result<Diff, CallError> {
        let request = self.request(wire::DiffDraftRequest {});
        Ok(self.call(async |admin| admin.diff_draft(request).await).await?.into())
    }

    /// What is doubtful in the draft.
    pub(crate) async fn lint(&mut self) -> Result<Vec<Finding>, CallError> {
        let request = self.request(wire::LintDraftRequest {});
        let wire::LintDraftResponse { findings } =
            self.call(async |admin| admin.lint_draft(request).await).await?;
        Ok(findings.into_iter().map(Finding::from).collect())
    }

    pub(crate) async fn assign(&mut self, etag: &str, note: Option<&str>) -> Result<Assigned, CallError> {
        let request = self.request(wire::AssignRequest { etag: etag.to_owned(), note: owned(note) });
        Ok(self.call(async |admin| admin.assign(request).await).await?.into())
    }

    pub(crate) async fn assign_again(
        &mut self,
        revision: u64,
        note: Option<&str>,
    ) -> Result<Assigned, CallError> {
        let request = self.request(wire::AssignAgainRequest { revision, note: owned(note) });
        Ok(self.call(async |admin| admin.assign_again(request).await).await?.into())
    }

    /// Newest first.
    pub(crate) async fn assignments(
        &mut self,
        page_size: u32,
        page: Option<String>,
    ) -> Result<Page<Assignment>, CallError> {
        let page_token = page.unwrap_or_default();
        let request = self.request(wire::ListAssignmentsRequest { page_size, page_token });
        let wire::ListAssignmentsResponse { assignments, next_page_token } =
            self.call(async |admin| admin.list_assignments(request).await).await?;
        Ok(Page::new(assignments, next_page_token))
    }

    /// The present one without a revision.
    pub(crate) async fn assignment(&mut self, revision: Option<u64>) -> Result<AssignmentDetail, CallError> {
        let request = self.request(wire::GetAssignmentRequest { revision: revision.unwrap_or(0) });
        Ok(self.call(async |admin| admin.get_assignment(request).await).await?.into())
    }

    /// To the present one without `to`.
    pub(crate) async fn assignment_diff(&mut self, from: u64, to: Option<u64>) -> Result<Diff, CallError> {
        let to_revision = to.unwrap_or(0);
        let request = self.request(wire::DiffAssignmentsRequest { from_revision: from, to_revision });
        Ok(self.call(async |admin| admin.diff_assignments(request).await).await?.into())
    }

    /// Of the present one without a revision.
    pub(crate) async fn watch_assignment(
        &mut self,
        revision: Option<u64>,
    ) -> Result<Watch<wire::AssignmentProgress>, CallError> {
        let request = self.request(wire::WatchAssignmentRequest { revision: revision.unwrap_or(0) });
        Ok(Watch(self.call(async |admin| admin.watch_assignment(request).await).await?))
    }

    /// A page, and how many match on all of them.
    pub(crate) async fn agents(
        &mut self,
        wish: &AgentsWish,
        page_size: u32,
        page: Option<String>,
    ) -> Result<(Page<Agent>, u64), CallError> {
        let AgentsWish { filter, order, descending } = wish;
        let request = self.request(wire::ListAgentsRequest {
            filter: Some(filter.to_wire()),
            page_size,
            page_token: page.unwrap_or_default(),
            order: order.to_wire().into(),
            descending: *descending,
        });
        let wire::ListAgentsResponse { agents, next_page_token, n_matching } =
            self.call(async |admin| admin.list_agents(request).await).await?;
        Ok((Page::new(agents, next_page_token), n_matching))
    }

    /// How the fleet fares.
    pub(crate) async fn overview(&mut self) -> Result<Overview, CallError> {
        let request = self.request(wire::GetOverviewRequest {});
        Ok(self.call(async |admin| admin.get_overview(request).await).await?.into())
    }

    /// By id, the beginning of one, or host name.
    pub(crate) async fn agent(&mut self, agent: &str) -> Result<AgentDetail, CallError> {
        let request = self.request(wire::GetAgentRequest { agent: agent.to_owned() });
        Ok(self.call(async |admin| admin.get_agent(request).await).await?.into())
    }

    /// The newest records.
    pub(crate) async fn evidence(&mut self, agent: &str, last: u32) -> Result<AgentEvidence, CallError> {
        let request = self.request(wire::ListAgentEvidenceRequest { agent: agent.to_owned(), last });
        Ok(self.call(async |admin| admin.list_agent_evidence(request).await).await?.into())
    }

    pub(crate) async fn watch_agents(
        &mut self,
        filter: &AgentFilter,
    ) -> Result<Watch<wire::AgentEvent>, CallError> {
        let request = self.request(wire::WatchAgentsRequest { filter: Some(filter.to_wire()) });
        Ok(Watch(self.call(async |admin| admin.watch_agents(request).await).await?))
    }

    /// All of them without names. How many were asked, and how many are offline and were not.
    pub(crate) async fn recheck(&mut self, agents: Option<&[String]>) -> Result<(u64, u64), CallError> {
        let all = agents.is_none();
        let agents = agents.unwrap_or_default().to_vec();
        let request = self.request(wire::RecheckAgentsRequest { agents, all });
        let wire::RecheckAgentsResponse { n_asked, n_offline } =
            self.call(async |admin| admin.recheck_agents(request).await).await?;
        Ok((n_asked, n_offline))
    }

    /// The reference servers of the present assignment, as the fleet sees them.
    pub(crate) async fn health(&mut self) -> Result<Health, CallError> {
        let request = self.request(wire::GetReferenceServerHealthRequest {});
        Ok(self.call(async |admin| admin.get_reference_server_health(request).await).await?.into())
    }

    /// All that are online, over a time that the server chooses.
    pub(crate) async fn sweep(&mut self) -> Result<SweepAsked, CallError> {
        let request = self.request(wire::SweepReferenceServersRequest { spread: None });
        Ok(self.call(async |admin| admin.sweep_reference_servers(request).await).await?.into())
    }

    /// The removed agent's id and host name.
    pub(crate) async fn remove_agent(&mut self, agent: &str) -> Result<(String, String), CallError> {
        let request = self.request(wire::RemoveAgentRequest { agent: agent.to_owned() });
        let wire::RemoveAgentResponse { agent_id, host_name } =
            self.call(async |admin| admin.remove_agent(request).await).await?;
        Ok((agent_id, host_name))
    }

    pub(crate) async fn create_token(&mut self, wish: &TokenWish) -> Result<NewToken, CallError> {
        let request = self.request(wire::CreateJoinTokenRequest {
            description: owned(wish.description.as_deref()),
            max_uses: wish.max_uses.unwrap_or(0),
            lifetime: wish.lifetime.map(duration_to_wire),
            addresses: wish.addresses.clone(),
        });
        Ok(self.call(async |admin| admin.create_join_token(request).await).await?.into())
    }

    pub(crate) async fn tokens(&mut self, include_dead: bool) -> Result<Vec<Token>, CallError> {
        let request = self.request(wire::ListJoinTokensRequest { include_dead });
        let wire::ListJoinTokensResponse { tokens } =
            self.call(async |admin| admin.list_join_tokens(request).await).await?;
        Ok(tokens.into_iter().map(Token::from).collect())
    }

    pub(crate) async fn revoke_token(&mut self, token_id: &str) -> Result<Token, CallError> {
        let request = self.request(wire::RevokeJoinTokenRequest { token_id: token_id.to_owned() });
        Ok(self.call(async |admin| admin.revoke_join_token(request).await).await?.into())
    }

    /// Waits for the answer, or for the first headers of a stream.
    async fn call<T>(
        &mut self,
        call: impl AsyncFnOnce(&mut Admin) -> Result<Response<T>, Status>,
    ) -> Result<T, CallError> {
        let answer = timeout(CALL_LIMIT, call(&mut self.admin)).await.map_err(|_| CallError::NoAnswer)?;
        match answer.map_err(CallError::from) {
            Err(CallError::Broken(reason)) if !self.has_answered => Err(self.never_spoke(reason).await),
            answer => {
                self.has_answered = true;
                Ok(answer?.into_inner())
            }
        }
    }

    /// The connection knows better than the call why it ended.
    async fn never_spoke(&mut self, reason: String) -> CallError {
        match timeout(END_LIMIT, self.driver.join_next()).await {
            Ok(Some(Ok(Err(end)))) => CallError::NeverSpoke(Chain(&end).to_string()),
            Ok(_) | Err(_) => CallError::NeverSpoke(reason),
        }
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(bearer) = &self.bearer {
            request.metadata_mut().insert("authorization", bearer.clone());
        }
        request
    }
}

fn owned(text: Option<&str>) -> String {
    text.unwrap_or_default().to_owned()
}

impl<T> Page<T> {
    fn new<W: Into<T>>(rows: Vec<W>, next: String) -> Self {
        Self { rows: rows.into_iter().map(Into::into).collect(), next: (!next.is_empty()).then_some(next) }
    }
}

impl Watch<wire::AssignmentProgress> {
    /// `None` at the end of the stream. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Result<Option<Progress>, CallError> {
        Ok(self.0.message().await?.map(Progress::from))
    }
}

impl Watch<wire::AgentEvent> {
    /// `None` at the end of the stream. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Result<Option<AgentEvent>, CallError> {
        loop {
            let Some(event) = self.0.message().await? else { return Ok(None) };
            if let Some(event) = AgentEvent::read(event) {
                return Ok(Some(event));
            }
        }
    }
}

impl AgentFilter {
    fn to_wire(&self) -> wire::AgentFilter {
        let connection = self.connection.map(|connection| match connection {
            Connection::Online => wire::Connection::Online,
            Connection::Offline => wire::Connection::Offline,
        });
        let assignment_state = self.assignment_state.map(|state| match state {
            AssignmentState::Current => wire::AssignmentState::Current,
            AssignmentState::Behind => wire::AssignmentState::Behind,
            AssignmentState::Rejected => wire::AssignmentState::Rejected,
            AssignmentState::None => wire::AssignmentState::None,
        });
        wire::AgentFilter {
            text: owned(self.text.as_deref()),
            location: self.location.map(Location::to_wire).unwrap_or_default().into(),
            connection: connection.unwrap_or_default().into(),
            assignment_state: assignment_state.unwrap_or_default().into(),
            enforcement_state: self
                .enforcement_state
                .map(EnforcementState::to_wire)
                .unwrap_or_default()
                .into(),
            cloned: self.cloned,
        }
    }
}
