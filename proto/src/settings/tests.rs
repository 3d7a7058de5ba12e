use std::net::IpAddr;

use super::*;
use crate::gateway::Gateway;
use crate::network::MacAddress;
use crate::pin::{Pins, SpkiPin};
use crate::port::{Port, Ports};
use crate::reference_server::{Probe, ReferenceServer};

fn sample() -> Settings {
    let ports = |numbers: &[u32]| {
        Ports::new(numbers.iter().map(|number| Port::try_from(*number).unwrap()).collect()).unwrap()
    };
    let servers = vec![
        ReferenceServer {
            host: "intranet.example".parse().unwrap(),
            ports: ports(&[443, 80]),
            probe: Probe::Tcp,
        },
        ReferenceServer { host: "10.1.1.5".parse().unwrap(), ports: ports(&[21]), probe: Probe::Tcp },
    ];
    Settings { reference_servers: ReferenceServerList::new(true, servers).unwrap(), ..Settings::default() }
}

fn mangled(change: impl FnOnce(&mut wire::Settings)) -> Result<Settings, InvalidSettings> {
    let mut message = convert::settings::to_wire(&sample());
    change(&mut message);
    EncodedSettings::from_bytes(message.encode_to_vec().into()).decode()
}

#[test]
fn settings_come_back_as_they_were() {
    let encoded = EncodedSettings::encode(&sample());
    assert_eq!(encoded.decode(), Ok(sample()));
    assert_eq!(encoded, EncodedSettings::encode(&sample()));
}

#[test]
fn a_field_from_the_future_is_not_dropped_quietly() {
    let mut bytes = EncodedSettings::encode(&sample()).bytes().to_vec();
    // Field 15, a varint of 1: a policy that this version has never heard of.
    bytes.extend_from_slice(&[0x78, 0x01]);
    assert_eq!(EncodedSettings::from_bytes(bytes.into()).decode(), Err(InvalidSettings::NotUnderstood));
}

#[test]
fn every_violation_is_named_by_its_path() {
    let error = mangled(|settings| {
        let list = settings.reference_servers.as_mut().unwrap();
        list.servers[0].ports = vec![0, 443, 70_000];
        list.servers[1].host = "http://10.1.1.5".into();
        settings.location.as_mut().unwrap().recheck_interval = None;
    })
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "reference_servers.servers[0].ports[0]: 0 is not a port (1 to 65535); \
         reference_servers.servers[0].ports[2]: 70000 is not a port (1 to 65535); \
         reference_servers.servers[1].host: \"http://10.1.1.5\" is a URL; give the host alone and the port beside it; \
         location.recheck_interval: is missing"
    );
}

#[test]
fn a_list_that_is_too_long_is_refused_before_its_entries_are_read() {
    let error = mangled(|settings| {
        let list = settings.reference_servers.as_mut().unwrap();
        list.servers = vec![wire::ReferenceServer::default(); 321];
    })
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "reference_servers.servers: 321 reference servers are too many (at most 320)"
    );
}

#[test]
fn what_is_not_settings_is_refused() {
    assert!(matches!(
        EncodedSettings::from_bytes(Bytes::from_static(b"\xff\xff")).decode(),
        Err(InvalidSettings::Malformed(_))
    ));
    assert!(matches!(
        EncodedSettings::from_bytes(vec![0; MAX_SETTINGS_BYTES + 1].into()).decode(),
        Err(InvalidSettings::TooLarge { .. })
    ));
}

#[test]
fn settings_that_use_nothing_new_look_as_an_older_version_wrote_them() {
    // Fields 1 and 2 of the list and of the rules are all that the first version knew.
    let bytes = EncodedSettings::encode(&Settings::default());
    assert_eq!(bytes.bytes().as_ref(), [0x0a, 0x00, 0x12, 0x06, 0x08, 0x01, 0x12, 0x02, 0x08, 0x3c]);
}

#[test]
fn the_longest_settings_fit() {
    let ports = Ports::new((65_528..65_536).map(|number| Port::try_from(number).unwrap()).collect()).unwrap();
    let server = |n: u32| {
        let label = "a".repeat(60);
        let pins = (0..8).map(|pin: u32| SpkiPin::of(&(n * 8 + pin).to_be_bytes())).collect();
        ReferenceServer {
            host: format!("{n:03}{label}.{label}.{label}.{}.example", "a".repeat(59)).parse().unwrap(),
            ports: ports.clone(),
            probe: Probe::Tls(Pins::new(pins).unwrap()),
        }
    };
    let gateway = |n: u16| {
        let address = IpAddr::from([0xfe80, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, n + 0x1000]);
        Gateway::new(address, Some(MacAddress::new([0xfe; 6]))).unwrap()
    };
    let settings = Settings {
        reference_servers: ReferenceServerList::new(true, (0..320).map(server).collect()).unwrap(),
        gateways: GatewayList::new((0..1000).map(gateway).collect()).unwrap(),
        location: LocationRules::default(),
        firewall: Firewall::default(),
    };
    let encoded = EncodedSettings::encode(&settings);
    assert!(encoded.bytes().len() <= MAX_SETTINGS_BYTES, "{} bytes", encoded.bytes().len());
    assert_eq!(encoded.decode(), Ok(settings));
}

#[test]
fn a_wrong_pin_or_gateway_is_named_by_its_path() {
    let error = mangled(|settings| {
        let list = settings.reference_servers.as_mut().unwrap();
        list.servers[0].tls = Some(wire::TlsProbe { pins: vec![vec![1; 31].into()] });
        list.servers[1].tls = Some(wire::TlsProbe { pins: vec![] });
        settings.gateways = vec![
            wire::Gateway { address: "10.0.0.300".into(), mac: vec![0; 6].into() },
            wire::Gateway { address: String::new(), mac: vec![0; 5].into() },
        ];
        settings.location.as_mut().unwrap().confirmations_to_external = 11;
    })
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "reference_servers.servers[0].tls.pins[0]: not a key pin (sha256: and 43 characters of base64url, or 64 \
         hexadecimal digits); \
         reference_servers.servers[1].tls.pins: at least one key pin is needed; \
         location.confirmations_to_external: 11 is out of range (1 to 10); \
         gateways[0].address: \"10.0.0.300\" is not an address; \
         gateways[1].address: is missing; \
         gateways[1].mac: 5 bytes are no MAC address (6 are)"
    );
}
