use std::sync::Arc;
use std::time::Duration;

use landmark_proto::location::Location;
use landmark_proto::message::{EnforcementState, EnforcementStatus, Rejection, RejectionCode};
use landmark_proto::violation::{Path, Violations};
use tempfile::TempDir;

use super::super::Batch;
use super::super::tokens::Candidate;
use super::*;
use crate::fleet::Refused;
use crate::identity::tokens::{NewToken, TokenSecret, create};

/// A store in a folder of its own, with a token for many agents.
pub(in crate::store) struct Place {
    pub(in crate::store) store: Store,
    secret: TokenSecret,
    folder: TempDir,
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)
}

impl Place {
    pub(in crate::store) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("landmark.db")).await.unwrap();
        let new = NewToken::new("", 1000, NewToken::DEFAULT_LIFETIME).unwrap();
        let (_, secret) = create(&store, new, "test", at(0)).await.unwrap();
        Self { store, secret, folder }
    }

    pub(in crate::store) async fn enroll(&self, host_name: &str) -> AgentId {
        let candidate = Candidate {
            agent_id: AgentId::from_uuid(Uuid::now_v7()),
            key_pin: SpkiPin::of(host_name.as_bytes()),
            facts: HostFacts { host_name: host_name.to_owned(), ..HostFacts::default() },
            certificate_expires_at: at(100),
        };
        self.store.enroll(&self.secret.hash(), &candidate, at(0)).await.unwrap().agent_id
    }

    async fn reopened(self) -> Self {
        self.store.close().await;
        let store = Store::open(&self.folder.path().join("landmark.db")).await.unwrap();
        Self { store, ..self }
    }
}

#[tokio::test]
async fn every_field_of_a_status_is_read_as_it_was_written() {
    let place = Place::new().await;
    let agent_id = place.enroll("before").await;
    let fresh = place.store.load_agents().await.unwrap().enrolled.remove(0);
    let facts = HostFacts { host_name: "before".to_owned(), ..HostFacts::default() };
    assert_eq!(fresh, Agent::enrolled(agent_id, SpkiPin::of(b"before"), facts, at(0), at(100)));

    let held = Held { revision: Revision::new(3).unwrap(), digest: Digest::of(b"3") };
    let violations = Violations::one(&Path::root().field("a"), "is bad");
    let rejection =
        Rejection { code: RejectionCode::Invalid, violations: Some(violations), still_held: Some(held) };
    let offered = Held { revision: Revision::new(4).unwrap(), digest: Digest::of(b"4") };
    let boots = [1, 2].map(|number| BootId::from_uuid(Uuid::from_u128(number))).to_vec();
    let agent = Agent {
        facts: HostFacts {
            host_name: "after".to_owned(),
            operating_system: "Debian".to_owned(),
            kernel: "6.1".to_owned(),
            architecture: "x86_64".to_owned(),
            agent_version: "0.1.0".to_owned(),
            ..HostFacts::default()
        },
        connection_since: Some(at(5)),
        epoch: Epoch::new(17),
        boots: Boots::restored(boots, true),
        peer_address: Some("2001:db8::1".parse().unwrap()),
        held: Some(held),
        refused: Some(Refused { offered, rejection }),
        enforcement: Some(EnforcementStatus {
            state: EnforcementState::Failed,
            backend: "command".to_owned(),
            reason: "exit status 1".to_owned(),
            location: Location::External,
            revision: Some(held.revision),
            since: at(3),
            profile: None,
        }),
        ..fresh
    };
    let statuses = [Arc::new(agent.clone())];
    let batch = Batch { statuses: &statuses, ..Batch::default() };
    place.store.write_batch(batch, at(6)).await.unwrap();
    let place = place.reopened().await;
    assert_eq!(place.store.load_agents().await.unwrap().enrolled, [agent]);
}

#[tokio::test]
async fn a_removed_agent_is_remembered_as_removed() {
    let place = Place::new().await;
    let (kept, removed) = (place.enroll("a").await, place.enroll("b").await);
    assert!(place.store.remove_agent(removed, at(1)).await.unwrap());
    assert!(!place.store.remove_agent(removed, at(2)).await.unwrap());
    assert!(!place.store.remove_agent(AgentId::from_uuid(Uuid::nil()), at(2)).await.unwrap());
    assert!(!place.store.renew_agent(removed, SpkiPin::of(b"x"), at(9)).await.unwrap());
    let agents = place.reopened().await.store.load_agents().await.unwrap();
    assert_eq!(agents.enrolled.iter().map(|agent| agent.agent_id).collect::<Vec<_>>(), [kept]);
    assert_eq!(agents.removed, [removed]);
}

#[tokio::test]
async fn a_renewal_is_noted() {
    let place = Place::new().await;
    let agent_id = place.enroll("a").await;
    assert!(place.store.renew_agent(agent_id, SpkiPin::of(b"new"), at(900)).await.unwrap());
    let agent = place.store.load_agents().await.unwrap().enrolled.remove(0);
    assert_eq!((agent.key_pin, agent.certificate_expires_at), (SpkiPin::of(b"new"), at(900)));
}
