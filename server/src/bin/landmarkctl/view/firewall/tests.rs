use clap::ValueEnum as _;

use super::*;

fn word<T: Serialize>(value: T) -> String {
    serde_json::to_value(value).unwrap().as_str().unwrap().to_owned()
}

#[test]
fn a_word_is_the_same_in_documents_on_the_command_line_and_in_tables() {
    for level in Level::value_variants() {
        assert_eq!(word(level), level.to_string());
        assert_eq!(level.to_possible_value().unwrap().get_name(), level.to_string());
    }
    for protocol in Protocol::value_variants() {
        assert_eq!(word(protocol), protocol.to_string());
        assert_eq!(protocol.to_possible_value().unwrap().get_name(), protocol.to_string());
    }
    for place in Place::value_variants() {
        assert_eq!(word(place), place.to_string());
    }
    for platform in Platform::value_variants() {
        assert_eq!(word(platform), platform.to_string());
    }
    assert_eq!([Mode::Enforce, Mode::Observe].map(word), ["enforce", "observe"]);
    assert_eq!([Action::Allow, Action::Block].map(word), ["allow", "block"]);
    assert_eq!(
        [Direction::Inbound, Direction::Outbound, Direction::Both].map(word),
        ["inbound", "outbound", "both"]
    );
}

/// One of everything, so that each word goes there and back.
fn varied() -> wire::Firewall {
    let exception =
        |name: &str, protocol: wire::FirewallProtocol, ports: &[(u32, u32)]| wire::FirewallException {
            name: name.into(),
            action: wire::FirewallAction::Block.into(),
            direction: wire::FirewallDirection::Outbound.into(),
            protocol: protocol.into(),
            ports: ports.iter().map(|(first, last)| wire::PortRange { first: *first, last: *last }).collect(),
            remotes: vec!["10.0.0.0/8".into(), "2001:db8::1-2001:db8::9".into(), "dns.example".into()],
        };
    wire::Firewall {
        policies: vec![wire::FirewallPolicy {
            name: "Travel".into(),
            level: wire::FirewallLevel::High.into(),
            mode: wire::FirewallMode::Observe.into(),
            exceptions: vec![
                exception("a", wire::FirewallProtocol::All, &[]),
                exception("b", wire::FirewallProtocol::Tcp, &[(22, 22), (8000, 8099)]),
                exception("c", wire::FirewallProtocol::Udp, &[(53, 53)]),
                exception("d", wire::FirewallProtocol::TcpUdp, &[]),
                exception("e", wire::FirewallProtocol::Icmp, &[]),
                exception("f", wire::FirewallProtocol::Icmpv6, &[]),
            ],
        }],
        profiles: vec![wire::FirewallProfile {
            name: "Laptops".into(),
            enabled: false,
            policy: "Travel".into(),
            conditions: Some(wire::FirewallConditions {
                locations: vec![
                    wire::FirewallLocation::External.into(),
                    wire::FirewallLocation::Internal.into(),
                ],
                addresses: vec!["10.1.0.0/16".into()],
                host_names: vec!["laptop-*".into()],
                platforms: vec![
                    wire::FirewallPlatform::Linux.into(),
                    wire::FirewallPlatform::Windows.into(),
                    wire::FirewallPlatform::Macos.into(),
                ],
                labels: vec!["site=berlin".into()],
            }),
        }],
        template: vec![exception("t", wire::FirewallProtocol::All, &[])],
    }
}

#[test]
fn what_was_read_is_sent_back_as_it_was() {
    for firewall in [varied(), firewall_to_wire(&model::Firewall::default())] {
        let read = Firewall::from(firewall.clone());
        let model = read.to_model(&Path::root()).unwrap();
        assert_eq!(model, firewall_from_wire(firewall, &Path::root()).unwrap());
        assert_eq!(Firewall::from(firewall_to_wire(&model)), read);
    }
}

#[test]
fn settings_without_a_firewall_have_that_of_a_new_server() {
    let settings = crate::view::draft::Settings::from(wire::Settings::default());
    assert_eq!(settings.firewall, Firewall::default());
    assert_eq!(settings.firewall.to_model(&Path::root()), Ok(model::Firewall::default()));
}

#[test]
fn what_is_not_understood_is_not_sent_back() {
    let mut strange = varied();
    strange.policies[0].level = 99;
    strange.policies[0].exceptions[1].protocol = 99;
    strange.profiles[0].conditions.as_mut().unwrap().platforms = vec![99];
    let read = Firewall::from(strange);
    let Policy { level, exceptions, .. } = &read.policies[0];
    assert_eq!((*level, exceptions[1].protocol), (None, None));
    let broken = read.to_model(&Path::root()).unwrap_err();
    let paths: Vec<&str> = broken.as_slice().iter().map(|broken| broken.path.as_str()).collect();
    assert_eq!(
        paths,
        ["policies[0].level", "policies[0].exceptions[1].protocol", "profiles[0].conditions.platforms[0]"]
    );
}
