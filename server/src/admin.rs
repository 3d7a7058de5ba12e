//! The administration service: thin. Each call goes from the wire to the model, to the store or the fleet, and back.
//!
//! ```text
//! edge ─► guard (API token) ─► service ─► drafts, assignments, agents, reference_servers, firewall, tokens ─► store, fleet
//!                                  └────► error ─► crate::status
//! ```
//!
//! Must not know: how agents are connected, how anything is stored.

use std::sync::atomic::AtomicU64;
use std::time::SystemTime;

use landmark_proto::pin::SpkiPin;
use landmark_proto::wire::{self, admin_server};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::HealthService;
use tonic_reflection::server::Error as ReflectionError;

use crate::assignments::AssignmentsHandle;
use crate::config::Address;
use crate::fleet::Fleet;
use crate::settings::MaxServers;
use crate::store::Store;

mod agents;
mod assignments;
pub(crate) mod convert;
mod drafts;
mod error;
mod firewall;
mod guard;
mod page;
mod reference_servers;
mod service;
pub mod token;
mod tokens;

pub(crate) use self::error::AdminError;

use self::token::ApiToken;

/// As the contract calls it.
pub const SERVICE_NAME: &str = admin_server::SERVICE_NAME;

/// The most bytes of a request: a whole firewall has at most 255 KiB, as all settings together, and a list of 320 servers with
/// the longest names and 8 ports each 100 KB.
const MAX_REQUEST_BYTES: usize = 512 * 1024;

/// What the service needs.
#[derive(Debug)]
pub struct Parts {
    /// For everything that is kept.
    pub store: Store,
    /// For assigning.
    pub assignments: AssignmentsHandle,
    /// For everything about agents.
    pub fleet: Fleet,
    /// How long the list may become.
    pub max_servers: MaxServers,
    /// Of the fleet's authority.
    pub authority_pin: SpkiPin,
    /// Where machines find enrolment.
    pub enrollment: Vec<Address>,
    /// Who may call.
    pub token: ApiToken,
    /// The one service that answers everyone.
    pub health: HealthServer<HealthService>,
    /// Ends the streams.
    pub stop: CancellationToken,
}

/// Everything that the administration listener serves: the service itself, health and reflection.
///
/// # Errors
/// The descriptors of the contract cannot be read, which a test rules out.
pub fn routes(parts: Parts) -> Result<Routes, ReflectionError> {
    let Parts { store, assignments, fleet, max_servers, authority_pin, enrollment, token, health, stop } =
        parts;
    let service = service::Service {
        started_at: SystemTime::now(),
        authority_pin,
        drafts: drafts::Drafts {
            store: store.clone(),
            max_servers,
            resolver: drafts::Resolver::default(),
            fleet: fleet.clone(),
        },
        assignments: assignments::Assignments { store: store.clone(), handle: assignments.clone() },
        tokens: tokens::Tokens { store: store.clone(), authority_pin, enrollment },
        reference_servers: reference_servers::ReferenceServers { fleet: fleet.clone() },
        firewall: firewall::Firewall { store: store.clone(), fleet: fleet.clone() },
        agents: agents::Agents { store, assignments, fleet, stop, last_request: AtomicU64::new(0) },
    };
    let admin = admin_server::AdminServer::new(service).max_decoding_message_size(MAX_REQUEST_BYTES);
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(wire::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .with_service_name(admin_server::SERVICE_NAME)
        .build_v1()?;
    let routes = Routes::new(admin).add_service(health).add_service(reflection);
    Ok(guard::guarded(routes, token))
}

#[cfg(test)]
mod tests;
