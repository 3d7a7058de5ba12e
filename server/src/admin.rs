//! The administration service: thin. Each call goes from the wire to the model, to the store or the fleet, and back.
//!
//! ```text
//! edge ─► guard (crate::access) ─► service ─┐
//!                                            ├─► Administration ─► drafts, assignments, agents, … ─► store, fleet
//!     crate::console (pages) ────────────────┘        └────► error ─► crate::status, or a page
//! ```
//!
//! Must not know: how agents are connected, how anything is stored.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::SystemTime;

use axum::Router;
use landmark_proto::convert::time::timestamp_to_wire;
use landmark_proto::pin::SpkiPin;
use landmark_proto::wire::{self, admin_server};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::HealthService;
use tonic_reflection::server::Error as ReflectionError;

use crate::access::Authenticator;
use crate::assignments::AssignmentsHandle;
use crate::config::Address;
use crate::fleet::Fleet;
use crate::settings::MaxServers;
use crate::store::Store;

mod access;
mod agents;
mod assignments;
pub(crate) mod convert;
mod drafts;
mod error;
mod firewall;
mod guard;
mod overview;
mod page;
mod reference_servers;
mod service;
mod tokens;

pub(crate) use self::error::AdminError;

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
    /// For accounts, API tokens and signing in.
    pub authenticator: Arc<Authenticator>,
    /// How long the list may become.
    pub max_servers: MaxServers,
    /// Of the fleet's authority.
    pub authority_pin: SpkiPin,
    /// Where machines find enrolment.
    pub enrollment: Vec<Address>,
    /// Ends the streams.
    pub stop: CancellationToken,
}

/// What administrators can do, whichever way they come: over gRPC or by the console. Knows nothing of who may do what; that
/// was settled before.
#[derive(Debug)]
pub struct Administration {
    pub(crate) started_at: SystemTime,
    pub(crate) authority_pin: SpkiPin,
    pub(crate) drafts: drafts::Drafts,
    pub(crate) assignments: assignments::Assignments,
    pub(crate) agents: agents::Agents,
    pub(crate) reference_servers: reference_servers::ReferenceServers,
    pub(crate) firewall: firewall::Firewall,
    pub(crate) tokens: tokens::Tokens,
    pub(crate) overviews: overview::Overviews,
    pub(crate) access: access::AccessCalls,
}

impl Administration {
    /// Of its parts.
    pub fn new(parts: Parts) -> Self {
        let Parts { store, assignments, fleet, authenticator, max_servers, authority_pin, enrollment, stop } =
            parts;
        Self {
            started_at: SystemTime::now(),
            authority_pin,
            drafts: drafts::Drafts {
                store: store.clone(),
                max_servers,
                resolver: drafts::Resolver::default(),
                fleet: fleet.clone(),
                saved_tx: watch::Sender::new(0),
            },
            assignments: assignments::Assignments { store: store.clone(), handle: assignments.clone() },
            tokens: tokens::Tokens { store: store.clone(), authority_pin, enrollment },
            reference_servers: reference_servers::ReferenceServers { fleet: fleet.clone() },
            firewall: firewall::Firewall { store: store.clone(), fleet: fleet.clone() },
            overviews: overview::Overviews::new(store.clone(), fleet.clone()),
            access: access::AccessCalls { store: store.clone(), authenticator },
            agents: agents::Agents {
                store,
                assignments,
                fleet,
                stop,
                last_request: AtomicU64::new(0),
                lists: Semaphore::new(agents::N_LISTS),
            },
        }
    }

    /// What is to be known of this server.
    pub(crate) fn info(&self) -> wire::ServerInfo {
        let registry = self.agents.fleet.registry();
        let present = self.assignments.handle.present();
        wire::ServerInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            fleet_id: self.drafts.store.fleet_id().to_string(),
            started_at: Some(timestamp_to_wire(self.started_at)),
            authority_pin: self.authority_pin.as_bytes().to_vec().into(),
            revision: present.map_or(0, |present| present.held().revision.get()),
            max_reference_servers: u32::try_from(self.drafts.max_servers.get()).unwrap_or(u32::MAX),
            n_agents: u64::try_from(registry.n_agents()).unwrap_or(u64::MAX),
            n_agents_online: u64::try_from(registry.n_online()).unwrap_or(u64::MAX),
        }
    }
}

/// Everything that the administration listener serves over gRPC: the service itself, health and reflection.
///
/// # Errors
/// The descriptors of the contract cannot be read, which a test rules out.
pub fn routes(
    administration: Arc<Administration>,
    authenticator: Arc<Authenticator>,
    health: HealthServer<HealthService>,
) -> Result<Router, ReflectionError> {
    let service = service::Service(administration);
    let admin = admin_server::AdminServer::new(service).max_decoding_message_size(MAX_REQUEST_BYTES);
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(wire::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .with_service_name(admin_server::SERVICE_NAME)
        .build_v1()?;
    let routes = Routes::new(admin).add_service(health).add_service(reflection);
    Ok(guard::guarded(routes, authenticator))
}

#[cfg(test)]
mod tests;
