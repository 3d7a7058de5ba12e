//! The calls of the contract, each handed to the part that answers it.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::Stream;
use landmark_proto::wire::{self, admin_server};
use tonic::{Request, Response, Status};

use super::Administration;
use super::error::AdminError;
use crate::access::Caller;
use crate::edge::PeerAddress;
use crate::store::drafts::Author;

type BoxStream<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Answers administrators over gRPC.
#[derive(Debug)]
pub(super) struct Service(pub(super) Arc<Administration>);

/// The guard lets nobody in without a name.
fn caller<T>(request: &Request<T>) -> Result<Caller, AdminError> {
    request.extensions().get::<Caller>().cloned().ok_or(AdminError::Unauthenticated)
}

fn author<T>(request: &Request<T>) -> Result<Author, AdminError> {
    Ok(caller(request)?.author)
}

fn peer<T>(request: &Request<T>) -> Option<IpAddr> {
    request.extensions().get::<PeerAddress>().map(|PeerAddress(address)| address.ip())
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
        Ok(Response::new(self.0.info()))
    }

    async fn get_draft(
        &self,
        _request: Request<wire::GetDraftRequest>,
    ) -> Result<Response<wire::Draft>, Status> {
        answer(self.0.drafts.get().await)
    }

    async fn edit_draft(
        &self,
        request: Request<wire::EditDraftRequest>,
    ) -> Result<Response<wire::Draft>, Status> {
        let by = author(&request)?;
        answer(self.0.drafts.edit(request.into_inner(), by).await)
    }

    async fn discard_draft(
        &self,
        request: Request<wire::DiscardDraftRequest>,
    ) -> Result<Response<wire::Draft>, Status> {
        let by = author(&request)?;
        answer(self.0.drafts.discard(request.into_inner(), by).await)
    }

    async fn diff_draft(
        &self,
        _request: Request<wire::DiffDraftRequest>,
    ) -> Result<Response<wire::SettingsDiff>, Status> {
        answer(self.0.drafts.diff().await)
    }

    async fn assign(
        &self,
        request: Request<wire::AssignRequest>,
    ) -> Result<Response<wire::AssignResponse>, Status> {
        let by = author(&request)?;
        answer(self.0.assignments.assign(request.into_inner(), by).await)
    }

    async fn assign_again(
        &self,
        request: Request<wire::AssignAgainRequest>,
    ) -> Result<Response<wire::AssignResponse>, Status> {
        let by = author(&request)?;
        answer(self.0.assignments.assign_again(request.into_inner(), by).await)
    }

    async fn list_assignments(
        &self,
        request: Request<wire::ListAssignmentsRequest>,
    ) -> Result<Response<wire::ListAssignmentsResponse>, Status> {
        answer(self.0.assignments.list(request.into_inner()).await)
    }

    async fn get_assignment(
        &self,
        request: Request<wire::GetAssignmentRequest>,
    ) -> Result<Response<wire::AssignmentDetail>, Status> {
        answer(self.0.assignments.get(request.into_inner()).await)
    }

    async fn diff_assignments(
        &self,
        request: Request<wire::DiffAssignmentsRequest>,
    ) -> Result<Response<wire::SettingsDiff>, Status> {
        answer(self.0.assignments.diff(request.into_inner()).await)
    }

    async fn watch_assignment(
        &self,
        request: Request<wire::WatchAssignmentRequest>,
    ) -> Result<Response<Self::WatchAssignmentStream>, Status> {
        let stream = self.0.agents.watch_assignment(request.into_inner()).await?;
        Ok(Response::new(Box::pin(stream)))
    }

    async fn list_agents(
        &self,
        request: Request<wire::ListAgentsRequest>,
    ) -> Result<Response<wire::ListAgentsResponse>, Status> {
        answer(self.0.agents.list(request.into_inner()).await)
    }

    async fn get_agent(
        &self,
        request: Request<wire::GetAgentRequest>,
    ) -> Result<Response<wire::AgentDetail>, Status> {
        answer(self.0.agents.get(request.into_inner()).await)
    }

    async fn watch_agents(
        &self,
        request: Request<wire::WatchAgentsRequest>,
    ) -> Result<Response<Self::WatchAgentsStream>, Status> {
        let stream = self.0.agents.watch(request.into_inner())?;
        Ok(Response::new(Box::pin(stream)))
    }

    async fn recheck_agents(
        &self,
        request: Request<wire::RecheckAgentsRequest>,
    ) -> Result<Response<wire::RecheckAgentsResponse>, Status> {
        answer(self.0.agents.recheck(request.into_inner()).await)
    }

    async fn remove_agent(
        &self,
        request: Request<wire::RemoveAgentRequest>,
    ) -> Result<Response<wire::RemoveAgentResponse>, Status> {
        let by = author(&request)?;
        answer(self.0.agents.remove(request.into_inner(), &by).await)
    }

    async fn create_join_token(
        &self,
        request: Request<wire::CreateJoinTokenRequest>,
    ) -> Result<Response<wire::CreateJoinTokenResponse>, Status> {
        let by = author(&request)?;
        answer(self.0.tokens.create(request.into_inner(), by).await)
    }

    async fn list_join_tokens(
        &self,
        request: Request<wire::ListJoinTokensRequest>,
    ) -> Result<Response<wire::ListJoinTokensResponse>, Status> {
        answer(self.0.tokens.list(request.into_inner()).await)
    }

    async fn lint_draft(
        &self,
        _request: Request<wire::LintDraftRequest>,
    ) -> Result<Response<wire::LintDraftResponse>, Status> {
        answer(self.0.drafts.lint().await)
    }

    async fn list_agent_evidence(
        &self,
        request: Request<wire::ListAgentEvidenceRequest>,
    ) -> Result<Response<wire::ListAgentEvidenceResponse>, Status> {
        answer(self.0.agents.evidence(request.into_inner()).await)
    }

    async fn get_reference_server_health(
        &self,
        _request: Request<wire::GetReferenceServerHealthRequest>,
    ) -> Result<Response<wire::ReferenceServerHealth>, Status> {
        answer(self.0.reference_servers.health().await)
    }

    async fn sweep_reference_servers(
        &self,
        request: Request<wire::SweepReferenceServersRequest>,
    ) -> Result<Response<wire::SweepReferenceServersResponse>, Status> {
        answer(self.0.reference_servers.sweep(request.into_inner()).await)
    }

    async fn which_firewall_profile(
        &self,
        request: Request<wire::WhichFirewallProfileRequest>,
    ) -> Result<Response<wire::WhichFirewallProfileResponse>, Status> {
        answer(self.0.firewall.which(request.into_inner()).await)
    }

    async fn list_firewall_hits(
        &self,
        request: Request<wire::ListFirewallHitsRequest>,
    ) -> Result<Response<wire::ListFirewallHitsResponse>, Status> {
        answer(self.0.firewall.hits(request.into_inner()).await)
    }

    async fn revoke_join_token(
        &self,
        request: Request<wire::RevokeJoinTokenRequest>,
    ) -> Result<Response<wire::JoinToken>, Status> {
        let by = author(&request)?;
        answer(self.0.tokens.revoke(request.into_inner(), &by).await)
    }

    async fn get_overview(
        &self,
        _request: Request<wire::GetOverviewRequest>,
    ) -> Result<Response<wire::Overview>, Status> {
        answer(self.0.overviews.get().await)
    }

    async fn list_fleet_samples(
        &self,
        request: Request<wire::ListFleetSamplesRequest>,
    ) -> Result<Response<wire::ListFleetSamplesResponse>, Status> {
        answer(self.0.overviews.samples(request.into_inner()).await)
    }

    async fn get_caller(
        &self,
        request: Request<wire::GetCallerRequest>,
    ) -> Result<Response<wire::Caller>, Status> {
        Ok(Response::new(self.0.access.caller(&caller(&request)?)))
    }

    async fn sign_in(
        &self,
        request: Request<wire::SignInRequest>,
    ) -> Result<Response<wire::SignInResponse>, Status> {
        let peer = peer(&request);
        answer(self.0.access.sign_in(request.into_inner(), peer).await)
    }

    async fn sign_out(
        &self,
        request: Request<wire::SignOutRequest>,
    ) -> Result<Response<wire::SignOutResponse>, Status> {
        answer(self.0.access.sign_out(&caller(&request)?).await)
    }

    async fn change_password(
        &self,
        request: Request<wire::ChangePasswordRequest>,
    ) -> Result<Response<wire::ChangePasswordResponse>, Status> {
        let caller = caller(&request)?;
        answer(self.0.access.change_password(request.into_inner(), &caller).await)
    }

    async fn list_accounts(
        &self,
        _request: Request<wire::ListAccountsRequest>,
    ) -> Result<Response<wire::ListAccountsResponse>, Status> {
        answer(self.0.access.list_accounts().await)
    }

    async fn create_account(
        &self,
        request: Request<wire::CreateAccountRequest>,
    ) -> Result<Response<wire::CreateAccountResponse>, Status> {
        let caller = caller(&request)?;
        answer(self.0.access.create_account(request.into_inner(), &caller).await)
    }

    async fn edit_account(
        &self,
        request: Request<wire::EditAccountRequest>,
    ) -> Result<Response<wire::Account>, Status> {
        let caller = caller(&request)?;
        answer(self.0.access.edit_account(request.into_inner(), &caller).await)
    }

    async fn reset_password(
        &self,
        request: Request<wire::ResetPasswordRequest>,
    ) -> Result<Response<wire::ResetPasswordResponse>, Status> {
        let caller = caller(&request)?;
        answer(self.0.access.reset_password(request.into_inner(), &caller).await)
    }

    async fn remove_account(
        &self,
        request: Request<wire::RemoveAccountRequest>,
    ) -> Result<Response<wire::RemoveAccountResponse>, Status> {
        let caller = caller(&request)?;
        answer(self.0.access.remove_account(request.into_inner(), &caller).await)
    }

    async fn create_api_token(
        &self,
        request: Request<wire::CreateApiTokenRequest>,
    ) -> Result<Response<wire::CreateApiTokenResponse>, Status> {
        let caller = caller(&request)?;
        answer(self.0.access.create_token(request.into_inner(), &caller).await)
    }

    async fn list_api_tokens(
        &self,
        request: Request<wire::ListApiTokensRequest>,
    ) -> Result<Response<wire::ListApiTokensResponse>, Status> {
        let caller = caller(&request)?;
        answer(self.0.access.list_tokens(request.into_inner(), &caller).await)
    }

    async fn revoke_api_token(
        &self,
        request: Request<wire::RevokeApiTokenRequest>,
    ) -> Result<Response<wire::ApiToken>, Status> {
        let caller = caller(&request)?;
        answer(self.0.access.revoke_token(request.into_inner(), &caller).await)
    }
}
