//! Counters of firewalls: takes agents' reports in, and has them added up.

use std::panic::resume_unwind;
use std::time::SystemTime;

use landmark_proto::ids::AgentId;
use landmark_proto::message::FirewallHits;
use tokio::task::spawn_blocking;
use tracing::debug;

use super::hits::{FleetHits, Unfit, read};
use super::{Fleet, Shared, telemetry};
use crate::store::StoreError;

impl Fleet {
    /// What the firewalls of the fleet have counted under the present assignment. Added up beside whatever else runs.
    ///
    /// # Errors
    /// The process is ending.
    pub async fn firewall_hits(&self) -> Result<FleetHits, StoreError> {
        let snapshot = self.0.hits().snapshot();
        spawn_blocking(move || snapshot.sums()).await.map_err(|error| {
            if error.is_panic() {
                resume_unwind(error.into_panic());
            }
            StoreError::Closed
        })
    }
}

impl Shared {
    /// Takes a report in. One of another assignment is late, or early, and says nothing; one too many within a minute costs
    /// nothing but its decoding.
    pub(super) fn take_hits(&self, agent_id: AgentId, report: &FirewallHits, now: SystemTime) {
        if !self.may_send_hits(agent_id) {
            telemetry::firewall_report("too_many");
            return;
        }
        // Names are looked up while nobody waits; if the assignment changes meanwhile, the report is late.
        let present = self.hits().present();
        let noted = read(present.as_ref(), report)
            .and_then(|counted| self.hits().note(agent_id, report.held, counted, now));
        // A removal forgets after it has marked; whoever comes later undoes what he did.
        if self.registry.was_removed(agent_id) {
            self.hits().forget(agent_id);
        }
        telemetry::firewall_report(match noted {
            Ok(()) => "taken",
            Err(Unfit::Other) => "other_assignment",
            Err(Unfit::Policy | Unfit::Rule) => "unfit",
        });
        if let Err(why) = noted {
            debug!(?why, held = %report.held, "report of a firewall ignored");
        }
    }
}
