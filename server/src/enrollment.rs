//! Enrolment: a join token buys a machine one certificate. The last file here that sees protobuf.
//!
//! Anyone may ask, so that everything is small, and whoever fails often has to wait. Must not know: sessions.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use landmark_proto::convert::fleet::facts_from_wire;
use landmark_proto::ids::AgentId;
use landmark_proto::violation::{Path, Violations};
use landmark_proto::wire;
use landmark_proto::wire::enrollment_server::EnrollmentServer;
use thiserror::Error;
use tonic::{Request, Response, Status};
use tracing::{debug, info};
use uuid::Uuid;

use crate::edge::PeerAddress;
use crate::fleet::{Agent, Registry, telemetry};
use crate::identity::tokens::TokenSecret;
use crate::identity::{Authority, CertificateRequest, InvalidRequest, IssuedCertificate};
use crate::store::Store;
use crate::store::tokens::{Candidate, EnrollError, Enrolled};

mod failures;

use self::failures::Failures;

/// A token, a certificate request and a few texts have 2 KB.
const MAX_REQUEST_BYTES: usize = 16 * 1024;
/// Of a token; ours have 43.
const MAX_TOKEN_BYTES: usize = 128;

/// The gRPC service of enrolment, with its limits.
pub type EnrollmentService = EnrollmentServer<Enrollment>;

/// What enrolment needs.
#[derive(Clone, Debug)]
pub struct Parts {
    /// Where tokens and agents are kept.
    pub store: Store,
    /// Who signs.
    pub authority: Arc<Authority>,
    /// Who learns of new agents.
    pub registry: Registry,
    /// Where sessions are held, `HOST:PORT`.
    pub agent_addresses: Vec<String>,
}

/// Enrols machines.
#[derive(Debug)]
pub struct Enrollment {
    parts: Parts,
    failures: Mutex<Failures>,
}

/// A machine was not enrolled.
#[derive(Debug, Error)]
pub enum EnrollmentError {
    /// Its address has failed too often.
    #[error("too many failed enrolments from this address; try again in {} s", .0.as_secs().max(1))]
    TooManyFailures(Duration),
    /// Its certificate request cannot be granted.
    #[error(transparent)]
    Request(#[from] InvalidRequest),
    /// Other fields break rules.
    #[error(transparent)]
    Invalid(#[from] Violations),
    /// Its token was refused, or nothing could be stored.
    #[error(transparent)]
    Enroll(#[from] EnrollError),
    /// The cryptography refused.
    #[error("cannot sign a certificate")]
    Sign(#[source] rcgen::Error),
}

/// What the enrolment listener serves.
pub fn service(parts: Parts) -> EnrollmentService {
    let enrollment = Enrollment { parts, failures: Mutex::new(Failures::new()) };
    EnrollmentServer::new(enrollment)
        .max_decoding_message_size(MAX_REQUEST_BYTES)
        .max_encoding_message_size(MAX_REQUEST_BYTES)
}

#[tonic::async_trait]
impl wire::enrollment_server::Enrollment for Enrollment {
    async fn enroll(
        &self,
        request: Request<wire::EnrollRequest>,
    ) -> Result<Response<wire::EnrollResponse>, Status> {
        let address = request.extensions().get::<PeerAddress>().map(|address| address.0.ip());
        let enrolled = self.enroll_from(address, request.into_inner(), SystemTime::now()).await;
        let address = address.map(tracing::field::display);
        telemetry::enrollment(match &enrolled {
            Ok(_) => "enrolled",
            Err(error @ EnrollmentError::TooManyFailures(_)) => {
                // Whoever is kept waiting may knock as often as it likes; the failures before have been told.
                debug!(address, %error, "enrolment refused");
                "limited"
            }
            Err(error) => {
                info!(address, %error, "enrolment refused");
                "refused"
            }
        });
        Ok(Response::new(enrolled?))
    }
}

impl Enrollment {
    async fn enroll_from(
        &self,
        address: Option<IpAddr>,
        request: wire::EnrollRequest,
        now: SystemTime,
    ) -> Result<wire::EnrollResponse, EnrollmentError> {
        if let Some(address) = address {
            self.failures().check(address, Instant::now()).map_err(EnrollmentError::TooManyFailures)?;
        }
        let enrolled = self.enroll_one(request, now).await;
        if let (Err(error), Some(address)) = (&enrolled, address)
            && is_their_fault(error)
        {
            self.failures().note(address, Instant::now());
        }
        enrolled
    }

    async fn enroll_one(
        &self,
        request: wire::EnrollRequest,
        now: SystemTime,
    ) -> Result<wire::EnrollResponse, EnrollmentError> {
        let wire::EnrollRequest { token, certificate_request, facts } = request;
        if token.is_empty() || token.len() > MAX_TOKEN_BYTES {
            let message = format!("{} bytes are no join token (1 to {MAX_TOKEN_BYTES})", token.len());
            return Err(Violations::one(&Path::root().field("token"), message).into());
        }
        let token = TokenSecret::from_text(token);
        let facts = facts_from_wire(facts, &Path::root().field("facts"))?;
        let request = CertificateRequest::from_der(&certificate_request)?;
        let Parts { store, authority, registry, agent_addresses } = &self.parts;
        let candidate = Candidate {
            agent_id: AgentId::from_uuid(Uuid::now_v7()),
            key_pin: request.pin(),
            facts,
            certificate_expires_at: authority.agent_not_after(now),
        };
        let Enrolled { agent_id, enrolled_at, created, token_id } =
            store.enroll(&token.hash(), &candidate, now).await?;
        // Should this fail, the machine asks again, and gets the same agent for the same use.
        let IssuedCertificate { der, not_after } =
            authority.issue_agent(&request, agent_id, now).map_err(EnrollmentError::Sign)?;
        let Candidate { key_pin, facts, .. } = candidate;
        info!(%agent_id, host_name = facts.host_name, %token_id, created, "agent enrolled");
        registry.enrolled(Agent::enrolled(agent_id, key_pin, facts, enrolled_at, not_after));
        Ok(wire::EnrollResponse {
            agent_id: agent_id.to_string(),
            fleet_id: authority.fleet_id().to_string(),
            certificate: der.to_vec().into(),
            authority: authority.certificate().to_vec().into(),
            agent_addresses: agent_addresses.clone(),
        })
    }

    fn failures(&self) -> std::sync::MutexGuard<'_, Failures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a failure counts against its address: the store's failures do not.
fn is_their_fault(error: &EnrollmentError) -> bool {
    match error {
        EnrollmentError::Request(_)
        | EnrollmentError::Invalid(_)
        | EnrollmentError::Enroll(EnrollError::Token(_) | EnrollError::RemovedKey) => true,
        EnrollmentError::TooManyFailures(_)
        | EnrollmentError::Enroll(EnrollError::Store(_))
        | EnrollmentError::Sign(_) => false,
    }
}

#[cfg(test)]
mod tests;
