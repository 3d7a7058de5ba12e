//! The agent plane on the wire: who may come in, and how sessions and renewals begin. The last file that sees protobuf.

use std::error::Error as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime};

use futures_util::{Stream, StreamExt as _};
use landmark_proto::convert::fleet::{agent_message_from_wire, server_message_to_wire};
use landmark_proto::ids::AgentId;
use landmark_proto::message::MAX_MESSAGE_BYTES;
use landmark_proto::violation::{Path, Violations};
use landmark_proto::wire;
use landmark_proto::wire::fleet_server::FleetServer;
use thiserror::Error;
use tonic::{Code, Extensions, Request, Response, Status, Streaming};
use tracing::{info, warn};

use super::allowance::{PER_AGENT, UsedUp};
use super::end::End;
use super::outbound::Outbound;
use super::session::{Inbound, Session};
use super::{Fleet, Shared, telemetry};
use crate::edge::{Hangup, PeerAddress};
use crate::identity::{CertificateRequest, InvalidRequest, PeerIdentity};
use crate::store::StoreError;

/// The gRPC service of the agent plane, with its limits.
pub type FleetService = FleetServer<Plane>;

/// Serves one fleet's agents.
#[derive(Clone, Debug)]
pub struct Plane(Arc<Shared>);

/// A session that does not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SessionRefused {
    /// The connection has no client certificate; the listener should not have let it through.
    #[error("a client certificate of this fleet is needed")]
    NoIdentity,
    /// Too many at once.
    #[error("too many agents connect at once; come back in {} ms", .0.as_millis())]
    Later(Duration),
    /// This one alone.
    #[error(
        "this agent asks too often (at most {PER_AGENT} sessions and renewals within a minute); come back in {} ms",
        .0.as_millis()
    )]
    TooOften(Duration),
    /// The server is stopping.
    #[error("the server is stopping")]
    Stopping,
}

/// A certificate was not renewed.
#[derive(Debug, Error)]
pub enum RenewError {
    /// The caller may not ask at all.
    #[error(transparent)]
    Refused(#[from] SessionRefused),
    /// The agent was removed.
    #[error("this agent was removed")]
    Removed,
    /// There is no such agent.
    #[error("this agent is unknown here")]
    Unknown,
    /// The request cannot be granted.
    #[error(transparent)]
    Request(#[from] InvalidRequest),
    /// It could not be noted.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The cryptography refused.
    #[error("cannot sign a certificate")]
    Sign(#[source] rcgen::Error),
}

impl Fleet {
    /// What the agents' listener serves.
    pub fn service(&self) -> FleetService {
        FleetServer::new(Plane(Arc::clone(&self.0)))
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES)
    }
}

#[tonic::async_trait]
impl wire::fleet_server::Fleet for Plane {
    type SessionStream = Messages;

    async fn session(
        &self,
        request: Request<Streaming<wire::AgentMessage>>,
    ) -> Result<Response<Messages>, Status> {
        let peer = identity(request.extensions())?;
        self.0.admit(peer.agent_id)?;
        let address = request.extensions().get::<PeerAddress>().map(|address| address.0.ip());
        let hangup = request.extensions().get::<Hangup>().cloned().unwrap_or_default();
        let outbound = Arc::new(Outbound::default());
        let session =
            Session { shared: Arc::clone(&self.0), peer, address, outbound: Arc::clone(&outbound), hangup };
        let inbound = request.into_inner().map(inbound);
        self.0.sessions.spawn(session.run(inbound));
        Ok(Response::new(Messages(outbound)))
    }

    async fn renew_certificate(
        &self,
        request: Request<wire::RenewCertificateRequest>,
    ) -> Result<Response<wire::RenewCertificateResponse>, Status> {
        let peer = identity(request.extensions());
        let wire::RenewCertificateRequest { certificate_request } = request.into_inner();
        let renewed = match peer {
            Ok(peer) => match self.0.allow(peer.agent_id) {
                Ok(()) => self.0.renew(peer, &certificate_request, SystemTime::now()).await,
                Err(refused) => Err(refused.into()),
            },
            Err(refused) => Err(refused.into()),
        };
        telemetry::renewal(if renewed.is_ok() { "renewed" } else { "refused" });
        Ok(Response::new(wire::RenewCertificateResponse { certificate: renewed?.into() }))
    }
}

/// The response stream of a session. Dropped by its connection, it ends the session.
#[derive(Debug)]
pub struct Messages(pub(super) Arc<Outbound>);

impl Stream for Messages {
    type Item = Result<wire::ServerMessage, Status>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next(context).map(|next| match next? {
            Ok(message) => Some(Ok(server_message_to_wire(&message))),
            // In order: the stream ends without an error.
            Err(End::Left | End::Drained) => None,
            Err(end) => Some(Err(end.into())),
        })
    }
}

impl Drop for Messages {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

impl Shared {
    /// Lets one more session in.
    fn admit(&self, agent_id: AgentId) -> Result<(), SessionRefused> {
        if self.stop.is_cancelled() {
            telemetry::session_refused("stopping");
            return Err(SessionRefused::Stopping);
        }
        self.allow(agent_id).inspect_err(|_| telemetry::session_refused("agent_rate"))?;
        self.admission().admit(Instant::now()).map_err(|delay| {
            telemetry::session_refused("rate");
            SessionRefused::Later(delay)
        })
    }

    /// Takes from what this agent may ask for.
    fn allow(&self, agent_id: AgentId) -> Result<(), SessionRefused> {
        let taken = self.allowances().take(agent_id, Instant::now());
        taken.map_err(|UsedUp { delay, is_news }| {
            if is_news {
                warn!(%agent_id, "an agent asks for sessions or certificates without a pause, and is kept waiting");
            }
            SessionRefused::TooOften(delay)
        })
    }

    async fn renew(
        &self,
        peer: PeerIdentity,
        certificate_request: &[u8],
        now: SystemTime,
    ) -> Result<Vec<u8>, RenewError> {
        let agent_id = peer.agent_id;
        if self.registry.was_removed(agent_id) {
            return Err(RenewError::Removed);
        }
        let request = CertificateRequest::from_der(certificate_request)?;
        let issued = self.authority.issue_agent(&request, agent_id, now).map_err(RenewError::Sign)?;
        // Noted before it is handed out; the row also tells a removal that came in between.
        if !self.store.renew_agent(agent_id, request.pin(), issued.not_after).await? {
            return Err(if self.registry.was_removed(agent_id) {
                RenewError::Removed
            } else {
                RenewError::Unknown
            });
        }
        self.registry.note_written(agent_id, |agent| {
            (agent.key_pin, agent.certificate_expires_at) = (request.pin(), issued.not_after);
            true
        });
        info!(%agent_id, "certificate renewed");
        Ok(issued.der.to_vec())
    }
}

fn identity(extensions: &Extensions) -> Result<PeerIdentity, SessionRefused> {
    extensions.get::<PeerIdentity>().copied().ok_or_else(|| {
        telemetry::session_refused("no_identity");
        SessionRefused::NoIdentity
    })
}

/// Checks what came in. A stream that broke has no more to say; one that brought what cannot be read breaks a rule.
fn inbound(message: Result<wire::AgentMessage, Status>) -> Inbound {
    let status = match message {
        Ok(message) => return agent_message_from_wire(message).map_err(End::Invalid),
        Err(status) => status,
    };
    // tonic says "out of range" of a message that is too large, and "internal" of one that is not protobuf. Of what
    // happened to the connection it knows the source.
    let is_their_message = status.source().is_none();
    let text = if status.code() == Code::OutOfRange {
        "is too large (at most 262144 bytes)".to_owned()
    } else if status.code() == Code::Internal && is_their_message {
        format!("cannot be read: {}", status.message())
    } else {
        return Err(End::Left);
    };
    Err(End::Invalid(Violations::one(&Path::root(), text)))
}
