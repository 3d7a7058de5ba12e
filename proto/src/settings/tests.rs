use super::*;
use crate::port::{Port, Ports};
use crate::reference_server::ReferenceServer;

fn sample() -> Settings {
    let ports = |numbers: &[u32]| {
        Ports::new(numbers.iter().map(|number| Port::try_from(*number).unwrap()).collect()).unwrap()
    };
    let servers = vec![
        ReferenceServer { host: "intranet.example".parse().unwrap(), ports: ports(&[443, 80]) },
        ReferenceServer { host: "10.1.1.5".parse().unwrap(), ports: ports(&[21]) },
    ];
    Settings {
        reference_servers: ReferenceServerList::new(true, servers).unwrap(),
        location: LocationRules::default(),
    }
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
fn a_recheck_interval_has_a_range() {
    assert!(RecheckInterval::new(Duration::from_secs(9)).is_err());
    assert!(RecheckInterval::new(Duration::from_secs(10)).is_ok());
    assert!(RecheckInterval::new(Duration::from_secs(86_401)).is_err());
}
