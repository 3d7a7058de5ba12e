//! Enrolment of a server for tests, which does what the test says.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use landmark_proto::ids::AgentId;
use landmark_proto::wire;
use landmark_proto::wire::enrollment_server::{Enrollment, EnrollmentServer};
use tonic::{Request, Response, Status};

use super::{Clients, TestServer};
use crate::identity::testing::{Fleet, public_key};

/// What the fake server does with the next request.
#[derive(Clone, Debug)]
pub(crate) enum Behaviour {
    Grant,
    /// Grants it, and the answer is lost.
    Lose,
    Refuse(Status),
    Alter(Alteration),
}

pub(crate) struct FakeEnrollment {
    pub(crate) fleet: Arc<Fleet>,
    behaviours: Mutex<Vec<Behaviour>>,
    /// The agents by their certificate requests.
    agents: Mutex<HashMap<Vec<u8>, AgentId>>,
}

#[tonic::async_trait]
impl Enrollment for FakeEnrollment {
    async fn enroll(
        &self,
        request: Request<wire::EnrollRequest>,
    ) -> Result<Response<wire::EnrollResponse>, Status> {
        let request = request.into_inner();
        assert_eq!(
            (request.token.as_str(), request.facts.unwrap().host_name.as_str()),
            ("secret", "machine")
        );
        let behaviour = self.behaviours.lock().unwrap().pop().unwrap_or(Behaviour::Grant);
        if let Behaviour::Refuse(status) = behaviour {
            return Err(status);
        }
        let key = public_key(&request.certificate_request);
        let agent_id = *self.agents.lock().unwrap().entry(key).or_insert_with(|| self.fleet.new_agent());
        let issued = self.fleet.issue(&request.certificate_request, agent_id);
        let mut response = wire::EnrollResponse {
            agent_id: agent_id.to_string(),
            fleet_id: self.fleet.id.to_string(),
            certificate: issued.certificate.to_vec().into(),
            authority: issued.authority.to_vec().into(),
            agent_addresses: vec!["landmark.example:7443".into()],
        };
        match behaviour {
            Behaviour::Lose => return Err(Status::unavailable("lost")),
            Behaviour::Alter(alteration) => alteration.apply(&mut response),
            Behaviour::Grant | Behaviour::Refuse(_) => {}
        }
        Ok(Response::new(response))
    }
}

/// How an answer contradicts itself or the join string.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Alteration {
    OtherAgent,
    OtherAuthority,
    NoAddress,
    BadAddress,
    OtherCertificate,
}

impl Alteration {
    pub(crate) const ALL: [Self; 5] =
        [Self::OtherAgent, Self::OtherAuthority, Self::NoAddress, Self::BadAddress, Self::OtherCertificate];

    fn apply(self, response: &mut wire::EnrollResponse) {
        match self {
            Self::OtherAgent => response.agent_id = "018f0000-0000-7000-8000-000000000000".into(),
            Self::OtherAuthority => response.authority = Fleet::new().authority().to_vec().into(),
            Self::NoAddress => response.agent_addresses.clear(),
            Self::BadAddress => response.agent_addresses = vec!["nowhere".into()],
            Self::OtherCertificate => response.certificate = response.authority.clone(),
        }
    }
}

impl FakeEnrollment {
    /// Serves; the first request meets the first behaviour, and those after the last are granted.
    pub(crate) async fn start(behaviours: &[Behaviour]) -> (Arc<Self>, TestServer) {
        Self::start_for(Clients::Anyone, behaviours).await
    }

    /// The same, at a port for these clients.
    pub(crate) async fn start_for(clients: Clients, behaviours: &[Behaviour]) -> (Arc<Self>, TestServer) {
        let fleet = Arc::new(Fleet::new());
        let mut behaviours = behaviours.to_vec();
        behaviours.reverse();
        let fake = Arc::new(Self {
            fleet: Arc::clone(&fleet),
            behaviours: Mutex::new(behaviours),
            agents: Mutex::default(),
        });
        let service = EnrollmentServer::from_arc(Arc::clone(&fake));
        (fake, TestServer::of_fleet(&fleet, clients, service).await)
    }

    pub(crate) fn n_agents(&self) -> usize {
        self.agents.lock().unwrap().len()
    }
}
