//! Encode and decode are each other's inverse, for everything that travels; and no bytes make a decoder panic.

mod strategies;

use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message as _;

use crate::message::{ServerMessage, Tuning};
use crate::settings::EncodedSettings;
use crate::wire;

use self::strategies::{agent_message, any_evidence, server_message, settings};
use super::{evidence, fleet};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn settings_survive_the_wire(settings in settings()) {
        prop_assert_eq!(EncodedSettings::encode(&settings).decode(), Ok(settings));
    }

    #[test]
    fn agent_messages_survive_the_wire(message in agent_message()) {
        let bytes = fleet::agent_message_to_wire(&message).encode_to_vec();
        let back = wire::AgentMessage::decode(bytes.as_slice()).unwrap();
        prop_assert_eq!(fleet::agent_message_from_wire(back), Ok(message));
    }

    #[test]
    fn server_messages_survive_the_wire(message in server_message()) {
        let bytes = fleet::server_message_to_wire(&message).encode_to_vec();
        let back = wire::ServerMessage::decode(bytes.as_slice()).unwrap();
        prop_assert_eq!(fleet::server_message_from_wire(back), Ok(message));
    }

    #[test]
    fn evidence_survives_the_wire(record in any_evidence()) {
        let bytes = evidence::to_wire(&record).encode_to_vec();
        let back = wire::Evidence::decode(bytes.as_slice()).unwrap();
        prop_assert_eq!(evidence::from_wire(back), Ok(record));
    }

    #[test]
    fn no_bytes_make_a_decoder_panic(bytes in vec(any::<u8>(), 0..400)) {
        drop(EncodedSettings::from_bytes(bytes.clone().into()).decode());
        drop(wire::AgentMessage::decode(bytes.as_slice()).map(fleet::agent_message_from_wire));
        drop(wire::ServerMessage::decode(bytes.as_slice()).map(fleet::server_message_from_wire));
        drop(wire::Evidence::decode(bytes.as_slice()).map(evidence::from_wire));
    }

    #[test]
    fn a_message_with_flipped_bits_is_a_message_or_a_refusal(
        message in agent_message(),
        flips in vec((any::<prop::sample::Index>(), 0_u8..8), 1..6),
    ) {
        let mut bytes = fleet::agent_message_to_wire(&message).encode_to_vec();
        for (index, bit) in flips {
            if !bytes.is_empty() {
                let index = index.index(bytes.len());
                bytes[index] ^= 1 << bit;
            }
        }
        if let Ok(Ok(message)) = wire::AgentMessage::decode(bytes.as_slice()).map(fleet::agent_message_from_wire) {
            // What was believed can be said again.
            let again = fleet::agent_message_from_wire(fleet::agent_message_to_wire(&message));
            prop_assert_eq!(again, Ok(message));
        }
    }
}

#[test]
fn a_hello_of_another_protocol_version_is_refused_by_name() {
    let hello = wire::Hello { protocol_version: 2, ..wire::Hello::default() };
    let message = wire::AgentMessage { kind: Some(wire::agent_message::Kind::Hello(hello)) };
    let violations = fleet::agent_message_from_wire(message).unwrap_err();
    let first = &violations.as_slice()[0];
    assert_eq!(first.to_string(), "hello.protocol_version: 2 is not supported (this version speaks 1)");
    assert!(violations.as_slice().iter().any(|violation| violation.path == "hello.boot_id"));
}

#[test]
fn an_agent_does_not_believe_a_harmful_tuning() {
    let mut message = fleet::server_message_to_wire(&ServerMessage::Tuning(Tuning::default()));
    let Some(wire::server_message::Kind::Tuning(tuning)) = message.kind.as_mut() else { unreachable!() };
    tuning.heartbeat_interval = Some(prost_types::Duration { seconds: 0, nanos: 1 });
    tuning.report_batch = 1_000_000;
    let violations = fleet::server_message_from_wire(message).unwrap_err();
    assert_eq!(
        violations.to_string(),
        "tuning.heartbeat_interval: 1ns is out of range (10s to 3600s); \
         tuning.report_batch: 1000000 is out of range (1 to 500)"
    );
}

#[test]
fn the_default_tuning_is_one_that_an_agent_believes() {
    let message = ServerMessage::Tuning(Tuning::default());
    assert_eq!(fleet::server_message_from_wire(fleet::server_message_to_wire(&message)), Ok(message));
}
