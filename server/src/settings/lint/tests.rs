use landmark_proto::gateway::{Gateway, GatewayList};
use landmark_proto::location_rules::{LocationRules, RequiredSuccesses};
use landmark_proto::network::MacAddress;
use landmark_proto::pin::{Pins, SpkiPin};
use landmark_proto::port::{Port, Ports};
use landmark_proto::reference_server::{Probe, ReferenceServer};

use super::*;

/// `host:port,port`, and `!` behind it for a pinned one.
fn server(text: &str) -> ReferenceServer {
    let pinned = text.strip_suffix('!');
    let (host, ports) = pinned.unwrap_or(text).rsplit_once(':').unwrap();
    let probe = match pinned {
        Some(_) => Probe::Tls(Pins::new(vec![SpkiPin::of(host.as_bytes())]).unwrap()),
        None => Probe::Tcp,
    };
    let ports = ports.split(',').map(|port| port.parse::<Port>().unwrap()).collect();
    ReferenceServer { host: host.parse().unwrap(), ports: Ports::new(ports).unwrap(), probe }
}

fn settings(enabled: bool, servers: &[&str]) -> Settings {
    let servers = servers.iter().map(|text| server(text)).collect();
    Settings { reference_servers: ReferenceServerList::new(enabled, servers).unwrap(), ..Settings::default() }
}

fn with_gateways(gateways: &[(&str, bool)]) -> Settings {
    let mac = MacAddress::new([0, 0x11, 0x22, 0xaa, 0xbb, 1]);
    let gateway = |(address, has_mac): &(&str, bool)| {
        Gateway::new(address.parse().unwrap(), has_mac.then_some(mac)).unwrap()
    };
    Settings {
        location: LocationRules { criterion: Criterion::Gateway, ..LocationRules::default() },
        gateways: GatewayList::new(gateways.iter().map(gateway).collect()).unwrap(),
        ..Settings::default()
    }
}

fn resolving(names: &[(&str, &[&str])]) -> Facts {
    let resolution = |addresses: &[&str]| match addresses {
        [] => Resolution::NotFound,
        ["?"] => Resolution::NoAnswer,
        some => Resolution::Addresses(some.iter().map(|it| it.parse().unwrap()).collect()),
    };
    let name = |text: &str| match text.parse() {
        Ok(Host::Name(name)) => name,
        other => panic!("{other:?}"),
    };
    let names = names.iter().map(|(text, addresses)| (name(text), resolution(addresses))).collect();
    Facts { names, health: Vec::new() }
}

fn reached(host: &str, n_tried: u64, n_reached: u64, certificate_days_left: Option<i64>) -> Facts {
    let host = host.parse().unwrap();
    Facts { health: vec![ReachedBy { host, n_tried, n_reached, certificate_days_left }], ..Facts::default() }
}

fn codes(settings: &Settings, facts: &Facts) -> Vec<String> {
    let places = ["reference_servers.servers", "reference_servers", "location"];
    lint(settings, facts)
        .into_iter()
        .map(|finding| {
            let place = places.iter().find_map(|place| finding.path.strip_prefix(place));
            format!("{} {}", finding.code, place.unwrap_or(&finding.path).trim_start_matches('.'))
                .trim()
                .to_owned()
        })
        .collect()
}

#[test]
fn a_good_list_has_no_finding() {
    let good =
        settings(true, &["intranet.example.com:443!", "10.1.1.5:1433,5432", "fd12::5:22", "mail.example:25"]);
    let mut facts =
        resolving(&[("intranet.example.com", &["10.1.1.9"]), ("mail.example", &["10.1.1.10", "fd12::9"])]);
    facts.health = reached("10.1.1.5", 40, 39, None).health;
    facts.health.extend(reached("intranet.example.com", 40, 1, Some(31)).health);
    assert_eq!(lint(&good, &facts), []);
    assert_eq!(lint(&good, &Facts::default()), [], "what is not known is not doubtful");
    assert_eq!(
        lint(&with_gateways(&[("10.20.0.1", false), ("192.168.1.1", true), ("fe80::1", true)]), &facts),
        []
    );
}

#[test]
fn every_rule_finds_what_it_is_there_for_and_nothing_beside_it() {
    let nothing = Facts::default;
    // A second entry without a fault, so that only the rule in question speaks.
    let with = |entry: &str| settings(true, &["10.9.9.9:22", entry]);
    let table: Vec<(Settings, Facts, &[&str])> = vec![
        (settings(false, &[]), nothing(), &["list_disabled enabled"]),
        (settings(false, &["10.1.1.5:22", "10.1.1.6:22"]), nothing(), &["list_disabled enabled"]),
        (settings(true, &[]), nothing(), &["list_empty"]),
        (settings(true, &["10.1.1.5:22"]), nothing(), &["single_server"]),
        (with("127.0.0.1:22"), nothing(), &["own_machine [127.0.0.1]"]),
        (with("::1:22"), nothing(), &["own_machine [::1]"]),
        (with("db.localhost:22"), nothing(), &["own_machine [db.localhost]"]),
        (
            with("db.localhost:80"),
            nothing(),
            &["own_machine [db.localhost]", "unpinned_web_port [db.localhost]"],
        ),
        (
            with("127.0.0.1:636!"),
            reached("127.0.0.1", 7, 7, Some(3)),
            &["own_machine [127.0.0.1]", "certificate_expires [127.0.0.1]"],
        ),
        (with("192.168.178.5:22"), nothing(), &["home_range_address [192.168.178.5]"]),
        (with("192.168.178.5:8443!"), nothing(), &[]),
        (with("fe80::5%eth0:22"), nothing(), &["home_range_address [fe80::5%eth0]"]),
        (with("8.8.8.8:853"), nothing(), &["public_address [8.8.8.8]"]),
        (with("8.8.8.8:853!"), nothing(), &["public_address [8.8.8.8]"]),
        (with("2a00::1:853"), nothing(), &["public_address [2a00::1]"]),
        (with("10.1.1.5:80"), nothing(), &["unpinned_web_port [10.1.1.5]"]),
        (with("10.1.1.5:8443,443"), nothing(), &["unpinned_web_port [10.1.1.5]"]),
        (with("10.1.1.5:443!"), nothing(), &[]),
        (with("10.1.1.5:443,80!"), nothing(), &["tls_on_plain_port [10.1.1.5]"]),
        (with("a.example:22"), resolving(&[("a.example", &[])]), &["name_not_found [a.example]"]),
        (with("a.example:22"), resolving(&[("a.example", &["?"])]), &["names_unchecked"]),
        (
            with("a.example:22"),
            resolving(&[("a.example", &["10.1.1.7", "8.8.8.8"])]),
            &["name_resolves_publicly [a.example]"],
        ),
        (
            with("a.example:22"),
            resolving(&[("a.example", &["10.9.9.9"])]),
            &["duplicate_address [a.example]"],
        ),
        (
            with("a.example:22"),
            resolving(&[("a.example", &["::ffff:10.9.9.9"])]),
            &["duplicate_address [a.example]"],
        ),
        (settings(true, &["fe80::5%eth0:8443!", "fe80::5%eth1:8443!"]), nothing(), &[]),
        (with("10.1.1.5:22"), reached("10.1.1.5", 7, 0, None), &["unreached [10.1.1.5]"]),
        (with("10.1.1.5:22"), reached("10.1.1.5", 0, 0, None), &[]),
        (with("10.1.1.5:22"), reached("10.9.8.7", 7, 0, None), &[]),
        (with("10.1.1.5:636!"), reached("10.1.1.5", 7, 7, Some(30)), &["certificate_expires [10.1.1.5]"]),
        (with("10.1.1.5:636!"), reached("10.1.1.5", 7, 7, Some(-1)), &["certificate_expires [10.1.1.5]"]),
        (with_gateways(&[]), nothing(), &["gateways_empty gateways"]),
        (
            with_gateways(&[("192.168.1.1", false), ("fe80::1", false), ("10.20.0.1", false)]),
            nothing(),
            &["gateway_without_mac gateways[192.168.1.1]", "gateway_without_mac gateways[fe80::1]"],
        ),
    ];
    for (settings, facts, expected) in table {
        assert_eq!(codes(&settings, &facts), expected, "{settings:?} {facts:?}");
    }
}

#[test]
fn as_many_servers_as_must_answer_leave_none_to_spare() {
    let list = ["10.1.1.5:22", "10.1.1.6:22"];
    for (required, expected) in [
        (1, &[][..]),
        (2, &["no_spare_server required_successes"]),
        (3, &["too_few_servers required_successes"]),
    ] {
        let mut settings = settings(true, &list);
        settings.location.required_successes = RequiredSuccesses::new(required).unwrap();
        assert_eq!(codes(&settings, &Facts::default()), expected, "{required}");
    }
    let mut one = settings(true, &["10.1.1.5:22"]);
    one.location.required_successes = RequiredSuccesses::new(2).unwrap();
    assert_eq!(codes(&one, &Facts::default()), ["too_few_servers required_successes"]);
}

#[test]
fn the_list_is_not_looked_at_where_the_gateway_decides() {
    let mut settings = with_gateways(&[("10.20.0.1", false)]);
    settings.reference_servers = ReferenceServerList::new(true, vec![server("8.8.8.8:80")]).unwrap();
    assert_eq!(lint(&settings, &Facts::default()), []);
}

#[test]
fn tunnels_that_are_ignored_and_a_connection_that_counts_contradict_each_other() {
    use {ServerConnection::*, Tunnels::*};
    let expected = ["tunnels_and_server_connection server_connection"];
    for (tunnels, server_connection, expected) in [
        (Ignore, MeansInternal, &expected[..]),
        (Ignore, SaysNothing, &[]),
        (Count, MeansInternal, &[]),
        (Count, SaysNothing, &[]),
    ] {
        let mut settings = settings(true, &["10.1.1.5:22", "10.1.1.6:22"]);
        settings.location = LocationRules { tunnels, server_connection, ..settings.location };
        assert_eq!(codes(&settings, &Facts::default()), expected, "{tunnels:?} {server_connection:?}");
        settings.location.criterion = Criterion::Gateway;
        settings.gateways = with_gateways(&[("10.20.0.1", false)]).gateways;
        assert_eq!(codes(&settings, &Facts::default()), [""; 0], "a connection says nothing there");
    }
    let mut settings = settings(true, &["10.1.1.5:22", "10.1.1.6:22"]);
    settings.location.tunnels = Ignore;
    let finding = lint(&settings, &Facts::default()).remove(0);
    insta::assert_snapshot!(format!("{}\n{}", finding.message, finding.remedy), @r"
    answers through a tunnel are ignored, yet a connection to the management server means internal, through a tunnel as well: a machine outside whose VPN carries that connection is internal
    landmarkctl location set --server-connection says-nothing
    ");
}

#[test]
fn what_agents_refuse_is_told_of_where_the_gateway_decides_too() {
    let mut settings = with_gateways(&[]);
    for enabled in [true, false] {
        let servers = ["8.8.8.8:80", "127.0.0.1:80", "localhost:443!"].map(server);
        settings.reference_servers = ReferenceServerList::new(enabled, servers.to_vec()).unwrap();
        let expected = ["gateways_empty gateways", "own_machine [127.0.0.1]", "own_machine [localhost]"];
        assert_eq!(codes(&settings, &Facts::default()), expected);
    }
}

#[test]
fn findings_say_why_and_what_to_do() {
    let bad = settings(
        true,
        &[
            "192.168.0.5:22,8443",
            "10.0.0.138:22",
            "intranet.example:443,80",
            "10.1.1.5:80!",
            "[2a00::1]:443",
            "a.example:22",
            "ftp.example:21!",
        ],
    );
    let mut facts = resolving(&[
        ("intranet.example", &["8.8.8.8", "10.1.1.9"]),
        ("a.example", &["10.1.1.5"]),
        ("ftp.example", &[]),
    ]);
    facts.health = reached("10.1.1.5", 7, 0, Some(12)).health;
    let mut lines: Vec<String> = Vec::new();
    for settings in [bad, with_gateways(&[("fe80::1", false), ("10.0.0.1", true), ("10.0.0.1", false)])] {
        lines.extend(lint(&settings, &facts).into_iter().map(|Finding { code, path, message, remedy }| {
            format!("{code} {path}\n  {message}\n  {remedy}")
        }));
    }
    insta::assert_snapshot!(lines.join("\n"), @r"
    home_range_address reference_servers.servers[192.168.0.5]
      192.168.0.5 is in the network of home routers (D-Link, Netgear, TP-Link, Vodafone): whatever has that address there makes an agent internal
      landmarkctl servers pin 192.168.0.5:8443 --add
    home_range_address reference_servers.servers[10.0.0.138]
      10.0.0.138 is in the network of home routers (Xfinity gateways): whatever has that address there makes an agent internal
      landmarkctl servers remove 10.0.0.138
    name_resolves_publicly reference_servers.servers[intranet.example]
      intranet.example resolves to the public address 8.8.8.8: unless a firewall keeps it from answering the internet, agents are internal everywhere
      landmarkctl servers edit intranet.example --host 10.1.1.9
    unpinned_web_port reference_servers.servers[intranet.example]
      intranet.example is tried on port 80 without a key pin: captive portals of hotels, trains and cafés answer there for every address, and an agent is internal
      landmarkctl servers pin intranet.example:443 --add && landmarkctl servers remove intranet.example:80
    tls_on_plain_port reference_servers.servers[10.1.1.5]
      10.1.1.5 is recognised by TLS, which web servers do not speak on port 80: it never answers there
      landmarkctl servers edit 10.1.1.5 --ports 443
    unreached reference_servers.servers[10.1.1.5]
      none of the 7 agents that tried 10.1.1.5 lately was answered in a way that counts
      landmarkctl servers remove 10.1.1.5
    certificate_expires reference_servers.servers[10.1.1.5]
      the certificate of 10.1.1.5 ends in 12 days: should the next one have another key, no agent recognises it; pin the next key beforehand (1 pinned now)
      landmarkctl servers edit 10.1.1.5 --add-pin PIN
    public_address reference_servers.servers[2a00::1]
      2a00::1 is a public address: unless a firewall keeps it from answering the internet, agents are internal everywhere
      landmarkctl servers remove 2a00::1
    unpinned_web_port reference_servers.servers[2a00::1]
      2a00::1 is tried on port 443 without a key pin: captive portals of hotels, trains and cafés answer there for every address, and an agent is internal
      landmarkctl servers pin [2a00::1]:443 --add
    duplicate_address reference_servers.servers[a.example]
      a.example and 10.1.1.5 are both 10.1.1.5: its outage takes both, and they count as two reference servers
      landmarkctl servers remove a.example
    name_not_found reference_servers.servers[ftp.example]
      ftp.example has no address, as the management server sees it: no agent can try it
      landmarkctl servers remove ftp.example
    gateway_without_mac gateways[fe80::1]
      fe80::1 is in the network of every IPv6 link (RFC 4291, section 2.5.6), and the entry takes any hardware: agents are internal there too
      landmarkctl gateways remove fe80::1 && landmarkctl gateways add fe80::1,MAC
    gateway_without_mac gateways[10.0.0.1]
      10.0.0.1 is in the network of home routers (Xfinity gateways), and the entry takes any hardware: agents are internal there too
      landmarkctl gateways remove 10.0.0.1 && landmarkctl gateways add 10.0.0.1,00:11:22:aa:bb:01
    ");
}
