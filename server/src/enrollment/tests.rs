//! Enrolment over real TLS on loopback.

use std::time::Duration;

use landmark_proto::convert::fleet::facts_to_wire;
use landmark_proto::message::HostFacts;
use rcgen::KeyPair;
use tonic::Code;
use tonic_types::StatusExt as _;

use super::*;
use crate::fleet::testing::TestServer;
use crate::identity::PeerIdentity;
use crate::identity::testing::certificate_request;
use crate::identity::tokens::{NewToken, create, revoke};

fn request(token: &str, key: &KeyPair) -> wire::EnrollRequest {
    let facts = HostFacts { host_name: "laptop".to_owned(), ..HostFacts::default() };
    wire::EnrollRequest {
        token: token.to_owned(),
        certificate_request: certificate_request(key).into(),
        facts: Some(facts_to_wire(&facts)),
    }
}

fn key() -> KeyPair {
    KeyPair::generate().unwrap()
}

#[tokio::test]
async fn a_token_buys_a_certificate_that_opens_a_session() {
    let server = TestServer::new().await;
    let key = key();
    let mut client = server.enrollment().await;
    let response = client.enroll(request(server.token.reveal(), &key)).await.unwrap().into_inner();
    let peer = PeerIdentity::from_certificate(&response.certificate).unwrap();
    assert_eq!(peer.agent_id.to_string(), response.agent_id);
    assert_eq!(peer.fleet_id.to_string(), response.fleet_id);
    assert_eq!(response.authority.as_ref(), server.identity.authority.certificate().as_ref());
    assert_eq!(response.agent_addresses, ["landmark.example:7443"]);
    let agent = server.fleet.registry().agent(peer.agent_id).unwrap().agent;
    assert_eq!((agent.facts.host_name.as_str(), agent.certificate_expires_at), ("laptop", peer.not_after));
    let (_session, _) = server.certified(peer.agent_id).connected().await;
    assert_eq!(server.fleet.registry().n_online(), 1);

    // The answer was lost: the same once more, though the session is open.
    let again = client.enroll(request(server.token.reveal(), &key)).await.unwrap().into_inner();
    assert_eq!(again.agent_id, response.agent_id);
    assert_eq!((server.fleet.registry().n_agents(), server.fleet.registry().n_online()), (1, 1));
    server.stopped().await;
}

#[tokio::test]
async fn a_refused_token_is_told_apart_by_its_reason() {
    let server = TestServer::new().await;
    let mut client = server.enrollment().await;
    let now = SystemTime::now();
    let new = |lifetime| NewToken::new("", 1, lifetime).unwrap();
    let hour = Duration::from_secs(3600);
    let (_, expired) = create(&server.store, new(hour), "test", now - hour * 2).await.unwrap();
    let (token, revoked) = create(&server.store, new(hour), "test", now).await.unwrap();
    revoke(&server.store, token.token_id, now).await.unwrap();
    let (_, used_up) = create(&server.store, new(hour), "test", now).await.unwrap();
    client.enroll(request(used_up.reveal(), &key())).await.unwrap();
    for (secret, reason) in [
        ("nonsense", "TOKEN_UNKNOWN"),
        (expired.reveal(), "TOKEN_EXPIRED"),
        (revoked.reveal(), "TOKEN_REVOKED"),
        (used_up.reveal(), "TOKEN_USED_UP"),
    ] {
        let status = client.enroll(request(secret, &key())).await.unwrap_err();
        assert_eq!(status.code(), Code::PermissionDenied);
        assert_eq!(status.get_error_details().error_info().unwrap().reason, reason);
        assert!(status.message().ends_with("landmarkctl tokens create"), "{}", status.message());
    }
}

#[tokio::test]
async fn a_bad_request_is_named_by_its_field() {
    let server = TestServer::new().await;
    let mut client = server.enrollment().await;
    let good = request(server.token.reveal(), &key());
    for (bad, field) in [
        (wire::EnrollRequest { token: String::new(), ..good.clone() }, "token"),
        (
            wire::EnrollRequest { certificate_request: b"x".to_vec().into(), ..good.clone() },
            "certificate_request",
        ),
        (wire::EnrollRequest { facts: None, ..good.clone() }, "facts"),
    ] {
        let status = client.enroll(bad).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        let details = status.get_error_details();
        assert_eq!(details.bad_request().unwrap().field_violations.first().unwrap().field, field);
    }
    let huge = wire::EnrollRequest { certificate_request: vec![0; 100_000].into(), ..good };
    assert_eq!(client.enroll(huge).await.unwrap_err().code(), Code::OutOfRange);
    assert_eq!(server.fleet.registry().n_agents(), 0);
}

#[tokio::test]
async fn who_fails_again_and_again_has_to_wait() {
    let server = TestServer::new().await;
    let mut client = server.enrollment().await;
    let mut n_refused = 0;
    let status = loop {
        let status = client.enroll(request("nonsense", &key())).await.unwrap_err();
        if status.code() != Code::PermissionDenied {
            break status;
        }
        n_refused += 1;
        assert!(n_refused < 1_000, "nobody stops it");
    };
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.get_error_details().retry_info().unwrap().retry_delay.is_some());
    let good = client.enroll(request(server.token.reveal(), &key())).await.unwrap_err();
    assert_eq!(good.code(), Code::ResourceExhausted, "a good token from the same address waits too");
}
