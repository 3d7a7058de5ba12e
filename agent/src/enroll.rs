//! Makes this machine an agent: a join string buys one certificate.
//!
//! The key is made here and never leaves. The server is believed by the key pin of its authority, which the join string
//! carries; the token is only sent after that. A request whose answer was lost is repeated with the same key, and the
//! server gives the same agent.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use landmark_daemon::durable::DurableError;
use landmark_daemon::exit::Exit;
use landmark_daemon::tls::PinnedAuthority;
use landmark_proto::convert::fleet::facts_to_wire;
use landmark_proto::ids::{AgentId, FleetId};
use landmark_proto::join::JoinTicket;
use landmark_proto::message::HostFacts;
use landmark_proto::wire;
use landmark_proto::wire::enrollment_client::EnrollmentClient;
use rustls::pki_types::CertificateDer;
use thiserror::Error;
use tokio::time::timeout;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::address::{InvalidServerAddress, ServerAddress};
use crate::identity::{Identity, IdentityError, Issued, PendingKey, pin_of};
use crate::ledger::Ledger;
use crate::link::channel::{Connection, end_of, origin};
use crate::link::dial::{Connect, dial};
use crate::link::retry::End;
use crate::outbox::disk::FileDisk;

/// Of the call: the server may have to write it to a slow disk.
const CALL_LIMIT: Duration = Duration::from_secs(30);
/// Of an answer, which has two certificates and a few names.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
const PING_INTERVAL: Duration = Duration::from_secs(10);
const MAX_ADDRESSES: usize = 16;
/// The server's word for a key that was certified for an agent which was removed since.
const KEY_REMOVED: &str = "KEY_REMOVED";

/// This machine was not made an agent.
#[derive(Debug, Error)]
pub enum EnrollError {
    /// It is one.
    #[error(
        "this machine is already agent {agent_id} of fleet {fleet_id}; to make it a new agent, run this again with \
         --force"
    )]
    Already {
        /// Which.
        agent_id: AgentId,
        /// Of which fleet.
        fleet_id: FleetId,
    },
    /// The join string has an address that is none.
    #[error("the join string names an address that cannot be dialled")]
    Address(#[from] InvalidServerAddress),
    /// Nobody answered.
    #[error("cannot reach the server: {}; check the addresses and the firewall, and run this again", tried.join("; "))]
    Unreachable {
        /// Each address, and why not.
        tried: Vec<String>,
    },
    /// Someone answered who is not the server of the join string.
    #[error(
        "{address} has another certificate authority than the one that the join string pins: it is another server, \
         or someone is in between. The token was not sent. If the server was set up anew, make a new join string \
         there: landmarkctl tokens create"
    )]
    OtherAuthority {
        /// Who answered.
        address: ServerAddress,
    },
    /// The server does not take the token, and says what to do about it.
    #[error("{message}")]
    Token {
        /// As the server says it.
        message: String,
    },
    /// The key belongs to an agent that was removed.
    #[error("the key of this machine belongs to an agent that was removed")]
    KeyRemoved,
    /// The server refused for another reason.
    #[error("the server refused: {message}")]
    Refused {
        /// As the server says it.
        message: String,
    },
    /// The server cannot do it now.
    #[error("the server cannot do it now: {message}; run this again later")]
    Later {
        /// As the server says it.
        message: String,
    },
    /// The server's answer contradicts itself or the join string.
    #[error("the server's answer cannot be used: {0}")]
    Answer(String),
    /// The key or the certificate.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// What an earlier fleet left cannot be removed.
    #[error("cannot remove what was held from another fleet")]
    Forget(#[source] DurableError),
    /// TLS cannot be set up.
    #[error("cannot set up TLS")]
    Tls(#[from] rustls::Error),
}

impl EnrollError {
    /// The exit code that it stands for.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Already { .. } | Self::Address(_) => Exit::Usage,
            Self::Unreachable { .. } | Self::Later { .. } => Exit::TemporaryFailure,
            Self::OtherAuthority { .. } | Self::KeyRemoved | Self::Refused { .. } | Self::Answer(_) => {
                Exit::Unavailable
            }
            Self::Token { .. } => Exit::Privilege,
            Self::Identity(_) | Self::Forget(_) | Self::Tls(_) => Exit::Internal,
        }
    }
}

/// How one address was found.
enum Tried {
    Answered(Box<wire::EnrollResponse>),
    /// Try the next.
    Failed(String),
    OtherAuthority,
}

/// Makes the machine with this state folder an agent. `force`: even if it is one already.
///
/// # Errors
/// It did not become one; what it was, it still is.
pub async fn enroll(
    folder: &Path,
    ticket: &JoinTicket,
    facts: &HostFacts,
    connector: &dyn Connect,
    force: bool,
) -> Result<Identity, EnrollError> {
    let fleet_before = match Identity::load(folder) {
        Ok(Some(identity)) if !force => {
            return Err(EnrollError::Already { agent_id: identity.agent_id, fleet_id: identity.fleet_id });
        }
        Ok(identity) => identity.map(|identity| identity.fleet_id),
        Err(IdentityError::Damaged { .. }) if force => None,
        Err(error) => return Err(error.into()),
    };
    let addresses = ticket
        .addresses
        .iter()
        .take(MAX_ADDRESSES)
        .map(|address| address.parse())
        .collect::<Result<Vec<ServerAddress>, _>>()?;
    let mut pending = PendingKey::ensure(folder)?;
    let request = |pending: &PendingKey| {
        Ok::<_, IdentityError>(wire::EnrollRequest {
            token: ticket.token.clone(),
            certificate_request: pending.request()?.into(),
            facts: Some(facts_to_wire(facts)),
        })
    };
    let response = match ask(&addresses, ticket, &request(&pending)?, connector).await {
        // An earlier request was granted, its answer was lost, and the agent that it made was removed.
        Err(EnrollError::KeyRemoved) => {
            pending = pending.replace(folder)?;
            ask(&addresses, ticket, &request(&pending)?, connector).await?
        }
        other => other?,
    };
    let (issued, addresses) = read(&response, ticket)?;
    let (agent_id, fleet_id) = pending.check(&issued)?;
    if response.agent_id != agent_id.to_string() || response.fleet_id != fleet_id.to_string() {
        return Err(EnrollError::Answer("it names another agent than its certificate".into()));
    }
    if fleet_before != Some(fleet_id) {
        // Revisions and histories of another fleet mean nothing in this one, and would be in its way.
        Ledger::forget(folder).and_then(|()| FileDisk::forget(folder)).map_err(EnrollError::Forget)?;
    }
    Ok(pending.install(folder, &issued, Some(&addresses))?)
}

async fn ask(
    addresses: &[ServerAddress],
    ticket: &JoinTicket,
    request: &wire::EnrollRequest,
    connector: &dyn Connect,
) -> Result<wire::EnrollResponse, EnrollError> {
    let mut tried = Vec::new();
    let mut other_authority = None;
    for address in addresses {
        match ask_one(address, ticket, request, connector).await? {
            Tried::Answered(response) => return Ok(*response),
            Tried::Failed(why) => tried.push(format!("{address}: {why}")),
            Tried::OtherAuthority => other_authority = Some(address.clone()),
        }
    }
    Err(other_authority
        .map_or(EnrollError::Unreachable { tried }, |address| EnrollError::OtherAuthority { address }))
}

async fn ask_one(
    address: &ServerAddress,
    ticket: &JoinTicket,
    request: &wire::EnrollRequest,
    connector: &dyn Connect,
) -> Result<Tried, EnrollError> {
    let verifier = Arc::new(PinnedAuthority::new(ticket.authority_pin));
    let config = Arc::new(verifier.client_config()?);
    let connection = match dial(connector, address, &config).await {
        Ok(secured) => Connection::open(secured, PING_INTERVAL).await,
        Err(_) if verifier.met_another() => return Ok(Tried::OtherAuthority),
        Err(end) => Err(end),
    };
    let connection = match connection {
        Ok(connection) => connection,
        Err(end) => return Ok(failed(&end)),
    };
    let mut client = EnrollmentClient::with_origin(connection.channel(), origin())
        .max_decoding_message_size(MAX_ANSWER_BYTES);
    match timeout(CALL_LIMIT, client.enroll(request.clone())).await {
        Ok(Ok(response)) => Ok(Tried::Answered(Box::new(response.into_inner()))),
        Ok(Err(status)) => refusal(&status),
        Err(_elapsed) => Ok(Tried::Failed(format!("no answer within {} s", CALL_LIMIT.as_secs()))),
    }
}

/// The port for agents shows the right authority and hangs up on whoever has no certificate yet.
fn failed(end: &End) -> Tried {
    Tried::Failed(match end {
        End::Closed(_) => {
            format!("{end} (is it the port for agents? This needs the one for enrolment, by default 7444)")
        }
        End::Unreachable(_)
        | End::Handshake(_)
        | End::Status { .. }
        | End::Protocol(_)
        | End::Local(_)
        | End::Drained { .. }
        | End::Revoked(_) => end.to_string(),
    })
}

/// By code, never by text.
fn refusal(status: &Status) -> Result<Tried, EnrollError> {
    let message = match end_of(status) {
        End::Status { code, message, .. } if message.is_empty() => code.description().to_owned(),
        End::Status { message, .. } => message,
        broken @ (End::Unreachable(_)
        | End::Handshake(_)
        | End::Closed(_)
        | End::Protocol(_)
        | End::Local(_)
        | End::Drained { .. }
        | End::Revoked(_)) => return Ok(failed(&broken)),
    };
    let reason = status.get_details_error_info().map(|info| info.reason);
    match status.code() {
        Code::PermissionDenied if reason.as_deref() == Some(KEY_REMOVED) => Err(EnrollError::KeyRemoved),
        Code::PermissionDenied | Code::Unauthenticated => Err(EnrollError::Token { message }),
        Code::Unavailable | Code::ResourceExhausted | Code::DeadlineExceeded | Code::Aborted => {
            Err(EnrollError::Later { message })
        }
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::Internal
        | Code::DataLoss => Err(EnrollError::Refused { message }),
    }
}

fn read(
    response: &wire::EnrollResponse,
    ticket: &JoinTicket,
) -> Result<(Issued, Vec<ServerAddress>), EnrollError> {
    let issued = Issued {
        certificate: CertificateDer::from(response.certificate.to_vec()),
        authority: CertificateDer::from(response.authority.to_vec()),
    };
    if pin_of(&issued.authority) != Ok(ticket.authority_pin) {
        return Err(EnrollError::Answer("it has another certificate authority than the join string".into()));
    }
    let addresses = response
        .agent_addresses
        .iter()
        .take(MAX_ADDRESSES)
        .map(|address| address.parse())
        .collect::<Result<Vec<ServerAddress>, _>>()
        .map_err(|error| EnrollError::Answer(error.to_string()))?;
    if addresses.is_empty() {
        return Err(EnrollError::Answer("it does not say where sessions are held".into()));
    }
    Ok((issued, addresses))
}

#[cfg(test)]
mod tests;
