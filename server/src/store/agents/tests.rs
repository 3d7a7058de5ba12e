use std::sync::Arc;
use std::time::Duration;

use landmark_proto::location::Location;
use landmark_proto::message::{EnforcementState, EnforcementStatus, Rejection, RejectionCode};
use landmark_proto::violation::{Path, Violations};
use sqlx::Connection as _;
use tempfile::TempDir;

use super::super::tokens::Candidate;
use super::super::{Batch, schema};
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
        self.enroll_with(HostFacts { host_name: host_name.to_owned(), ..HostFacts::default() }).await
    }

    async fn enroll_with(&self, facts: HostFacts) -> AgentId {
        let candidate = Candidate {
            agent_id: AgentId::from_uuid(Uuid::now_v7()),
            key_pin: SpkiPin::of(facts.host_name.as_bytes()),
            facts,
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
            platform: Some(Platform::Linux),
            labels: vec!["site=hq".parse().unwrap(), "owner=a.b/c".parse().unwrap()],
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

#[tokio::test]
async fn what_an_agent_says_of_its_machine_when_it_is_enrolled_is_kept() {
    let place = Place::new().await;
    let mut expected = Vec::new();
    for (number, platform) in
        [Some(Platform::Linux), Some(Platform::Windows), Some(Platform::Macos), None].into_iter().enumerate()
    {
        let labels = (0..number).map(|n| format!("key-{n}=value").parse().unwrap()).collect();
        let facts = HostFacts { host_name: format!("h{number}"), platform, labels, ..HostFacts::default() };
        place.enroll_with(facts.clone()).await;
        expected.push(facts);
    }
    let agents = place.reopened().await.store.load_agents().await.unwrap();
    let mut facts: Vec<HostFacts> = agents.enrolled.into_iter().map(|agent| agent.facts).collect();
    facts.sort_by(|one, other| one.host_name.cmp(&other.host_name));
    assert_eq!(facts, expected);
}

#[tokio::test]
async fn an_agent_of_before_platforms_were_known_has_none() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("landmark.db");
    let options = schema::writer_options(&file).create_if_missing(true);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    schema::migrate_up_to(&mut connection, 3).await;
    let rows = "INSERT INTO join_token VALUES (zeroblob(16), zeroblob(32), '', 0, '', 0, 1, 1, NULL);
        INSERT INTO agent (agent_id, key_pin, token_id, enrolled_at, certificate_expires_at, host_name,
            operating_system, kernel, architecture, agent_version)
        VALUES (zeroblob(16), zeroblob(32), zeroblob(16), 0, 0, 'old', 'Debian', '6.1', 'x86_64', '0.1.0')";
    sqlx::raw_sql(rows).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let facts = Store::open(&file).await.unwrap().load_agents().await.unwrap().enrolled.remove(0).facts;
    assert_eq!((facts.host_name.as_str(), facts.platform, facts.labels), ("old", None, Vec::new()));
}
