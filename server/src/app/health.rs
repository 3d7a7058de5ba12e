//! `grpc.health.v1` for every plane: a server is healthy when it is ready.

use landmark_daemon::readiness::Readiness;
use tokio_util::sync::CancellationToken;
use tonic::server::NamedService;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};

use crate::admin;
use crate::enrollment::EnrollmentService;
use crate::fleet::FleetService;

/// The server as a whole, and each service by its name.
const SERVICES: [&str; 4] = [
    "",
    admin::SERVICE_NAME,
    <EnrollmentService as NamedService>::NAME,
    <FleetService as NamedService>::NAME,
];

/// Answers for health; not serving until readiness says so.
#[derive(Clone, Debug)]
pub(super) struct Health(HealthReporter);

impl Health {
    pub(super) async fn new() -> Self {
        let health = Self(HealthReporter::new());
        health.set(ServingStatus::NotServing).await;
        health
    }

    /// To be served beside a plane's own service.
    pub(super) fn service(&self) -> HealthServer<HealthService> {
        HealthServer::new(HealthService::from_health_reporter(self.0.clone()))
    }

    /// Task: follows readiness until the stop.
    pub(super) async fn follow(self, readiness: Readiness, stop: CancellationToken) {
        let mut reports = readiness.subscribe();
        loop {
            let is_ready = reports.borrow_and_update().is_ready();
            self.set(if is_ready { ServingStatus::Serving } else { ServingStatus::NotServing }).await;
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                // `readiness` holds a sender, so that the channel cannot close.
                _changed = reports.changed() => {}
            }
        }
        self.set(ServingStatus::NotServing).await;
    }

    async fn set(&self, status: ServingStatus) {
        for service in SERVICES {
            self.0.set_service_status(service, status).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinSet;
    use tonic_health::pb::HealthCheckRequest;
    use tonic_health::pb::health_check_response::ServingStatus as Wire;
    use tonic_health::pb::health_client::HealthClient;

    use super::*;

    #[tokio::test]
    async fn a_server_is_healthy_as_long_as_it_is_ready() {
        let readiness = Readiness::new();
        let store = readiness.declare("store");
        let health = Health::new().await;
        let mut client = HealthClient::new(health.service());
        let stop = CancellationToken::new();
        let mut task = JoinSet::new();
        task.spawn(health.follow(readiness, stop.clone()));
        let request = HealthCheckRequest { service: "landmark.v1.Fleet".to_owned() };
        let mut statuses = client.watch(request).await.unwrap().into_inner();
        assert_eq!(statuses.message().await.unwrap().unwrap().status(), Wire::NotServing);
        store.ready();
        // What does not change may be told again.
        while statuses.message().await.unwrap().unwrap().status() != Wire::Serving {}
        stop.cancel();
        while statuses.message().await.unwrap().unwrap().status() != Wire::NotServing {}
        task.join_all().await;
        let unknown = HealthCheckRequest { service: "landmark.v1.Nothing".to_owned() };
        assert_eq!(client.check(unknown).await.unwrap_err().code(), tonic::Code::NotFound);
    }
}
