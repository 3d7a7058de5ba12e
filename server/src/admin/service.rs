//! The calls of the contract, each handed to the part that answers it.

use std::pin::Pin;
use std::time::SystemTime;

use futures_util::Stream;
use landmark_proto::convert::time::timestamp_to_wire;
use landmark_proto::pin::SpkiPin;
use landmark_proto::wire::{self, admin_server};
use tonic::{Request, Response, Status};

use super::agents::Agents;
use super::assignments::Assignments;
use super::drafts::Drafts;
use super::error::AdminError;
use super::firewall::Firewall;
use super::reference_servers::ReferenceServers;
use super::tokens::Tokens;
use crate::store::drafts::Author;

type BoxStream<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Answers administrators.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) started_at: SystemTime,
    pub(super) authority_pin: SpkiPin,
    pub(super) drafts: Drafts,
    pub(super) assignments: Assignments,
    pub(super) agents: Agents,
    pub(super) reference_servers: ReferenceServers,
    pub(super) firewall: Firewall,
    pub(super) tokens: Tokens,
}

/// The guard lets nobody in without a name.
fn author<T>(request: &Request<T>) -> Result<Author, AdminError> {
    request.extensions().get::<Author>().cloned().ok_or(AdminError::Unauthenticated)
}

fn answer<T>(result: Result<T, AdminError>) -> Result<Response<T>, Status> {
    result.map(Response::new).map_err(Status::from)
}

#[tonic::async_trait]
impl admin_server::Admin for Service {
    type WatchAgentsStream = BoxStream<wire::AgentEvent>;
    type WatchAssignmentStream = BoxStream<wire::AssignmentProgress>;

    async fn get_server_info(
        &self,
        _request: Request<wire::GetServerInfoRequest>,
    ) -> Result<Response<wire::ServerInfo>, Status> {
        let registry = self.agents.fleet.registry();
        let present = self.assignments.handle.present();
        Ok(Response::new(wire::ServerInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            fleet_id: self.drafts.store.fleet_id().to_string(),
            started_at: Some(timestamp_to_wire(self.started_at)),
            authority_pin: self.authority_pin.as_bytes().to_vec().into(),
            revision: present.map_or(0, |present| present.held().revision.get()),
            max_reference_servers: u32::try_from(self.drafts.max_servers.get()).unwrap_or(u32::MAX),
            n_agents: u64::try_from(registry.n_agents()).unwrap_or(u64::MAX),
            n_agents_online: u64::try_from(registry.n_online()).unwrap_or(u64::MAX),
        }))
    }

    async fn get_draft(
        &self,
        _request: Request<wire::GetDraftRequest>,
    ) -> Result<Response<wire::Draft>, Status> {
        answer(self.drafts.get().await)
    }

    async fn edit_draft(
        &self,
        request: Request<wire::EditDraftRequest>,
    ) -> Result<Response<wire::Draft>, Status> {
        let by = author(&request)?;
        answer(self.drafts.edit(request.into_inner(), by).await)
    }

    async fn discard_draft(
        &self,
        request: Request<wire::DiscardDraftRequest>,
    ) -> Result<Response<wire::Draft>, Status> {
        let by = author(&request)?;
        answer(self.drafts.discard(request.into_inner(), by).await)
    }

    async fn diff_draft(
        &self,
        _request: Request<wire::DiffDraftRequest>,
    ) -> Result<Response<wire::SettingsDiff>, Status> {
        answer(self.drafts.diff().await)
    }

    async fn assign(
        &self,
        request: Request<wire::AssignRequest>,
    ) -> Result<Response<wire::AssignResponse>, Status> {
        let by = author(&request)?;
        answer(self.assignments.assign(request.into_inner(), by).await)
    }

    async fn assign_again(
        &self,
        request: Request<wire::AssignAgainRequest>,
    ) -> Result<Response<wire::AssignResponse>, Status> {
        let by = author(&request)?;
        answer(self.assignments.assign_again(request.into_inner(), by).await)
    }

    async fn list_assignments(
        &self,
        request: Request<wire::ListAssignmentsRequest>,
    ) -> Result<Response<wire::ListAssignmentsResponse>, Status> {
        answer(self.assignments.list(request.into_inner()).await)
    }

    async fn get_assignment(
        &self,
        request: Request<wire::GetAssignmentRequest>,
    ) -> Result<Response<wire::AssignmentDetail>, Status> {
        answer(self.assignments.get(request.into_inner()).await)
    }

    async fn diff_assignments(
        &self,
        request: Request<wire::DiffAssignmentsRequest>,
    ) -> Result<Response<wire::SettingsDiff>, Status> {
        answer(self.assignments.diff(request.into_inner()).await)
    }

    async fn watch_assignment(
        &self,
        request: Request<wire::WatchAssignmentRequest>,
    ) -> Result<Response<Self::WatchAssignmentStream>, Status> {
        let stream = self.agents.watch_assignment(request.into_inner()).await?;
        Ok(Response::new(Box::pin(stream)))
    }

    async fn list_agents(
        &self,
        request: Request<wire::ListAgentsRequest>,
    ) -> Result<Response<wire::ListAgentsResponse>, Status> {
        answer(self.agents.list(request.into_inner()))
    }

    async fn get_agent(
        &self,
        request: Request<wire::GetAgentRequest>,
    ) -> Result<Response<wire::AgentDetail>, Status> {
        answer(self.agents.get(request.into_inner()).await)
    }

    async fn watch_agents(
        &self,
        request: Request<wire::WatchAgentsRequest>,
    ) -> Result<Response<Self::WatchAgentsStream>, Status> {
        let stream = self.agents.watch(request.into_inner())?;
        Ok(Response::new(Box::pin(stream)))
    }

    async fn recheck_agents(
        &self,
        request: Request<wire::RecheckAgentsRequest>,
    ) -> Result<Response<wire::RecheckAgentsResponse>, Status> {
        answer(self.agents.recheck(request.into_inner()).await)
    }

    async fn remove_agent(
        &self,
        request: Request<wire::RemoveAgentRequest>,
    ) -> Result<Response<wire::RemoveAgentResponse>, Status> {
        answer(self.agents.remove(request.into_inner()).await)
    }

    async fn create_join_token(
        &self,
        request: Request<wire::CreateJoinTokenRequest>,
    ) -> Result<Response<wire::CreateJoinTokenResponse>, Status> {
        let by = author(&request)?;
        answer(self.tokens.create(request.into_inner(), by).await)
    }

    async fn list_join_tokens(
        &self,
        request: Request<wire::ListJoinTokensRequest>,
    ) -> Result<Response<wire::ListJoinTokensResponse>, Status> {
        answer(self.tokens.list(request.into_inner()).await)
    }

    async fn lint_draft(
        &self,
        _request: Request<wire::LintDraftRequest>,
    ) -> Result<Response<wire::LintDraftResponse>, Status> {
        answer(self.drafts.lint().await)
    }

    async fn list_agent_evidence(
        &self,
        request: Request<wire::ListAgentEvidenceRequest>,
    ) -> Result<Response<wire::ListAgentEvidenceResponse>, Status> {
        answer(self.agents.evidence(request.into_inner()).await)
    }

    async fn get_reference_server_health(
        &self,
        _request: Request<wire::GetReferenceServerHealthRequest>,
    ) -> Result<Response<wire::ReferenceServerHealth>, Status> {
        answer(self.reference_servers.health().await)
    }

    async fn sweep_reference_servers(
        &self,
        request: Request<wire::SweepReferenceServersRequest>,
    ) -> Result<Response<wire::SweepReferenceServersResponse>, Status> {
        answer(self.reference_servers.sweep(request.into_inner()).await)
    }

    async fn which_firewall_profile(
        &self,
        request: Request<wire::WhichFirewallProfileRequest>,
    ) -> Result<Response<wire::WhichFirewallProfileResponse>, Status> {
        answer(self.firewall.which(request.into_inner()).await)
    }

    async fn list_firewall_hits(
        &self,
        request: Request<wire::ListFirewallHitsRequest>,
    ) -> Result<Response<wire::ListFirewallHitsResponse>, Status> {
        answer(self.firewall.hits(request.into_inner()).await)
    }

    async fn revoke_join_token(
        &self,
        request: Request<wire::RevokeJoinTokenRequest>,
    ) -> Result<Response<wire::JoinToken>, Status> {
        answer(self.tokens.revoke(request.into_inner()).await)
    }
}
