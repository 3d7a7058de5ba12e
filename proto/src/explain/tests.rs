use std::net::IpAddr;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost::Message as _;
use uuid::Uuid;

use crate::convert;
use crate::evidence::{PeerCertificate, replay};
use crate::gateway::{Gateway, GatewayList};
use crate::ids::{BootId, EvaluationId};
use crate::location::Trigger;
use crate::location_rules::{
    Confirmations, LocationRules, MinimumDwell, RequiredSuccesses, ServerConnection, Tunnels,
};
use crate::network::{DefaultRoute, Interface, MacAddress};
use crate::pin::{Pins, SpkiPin};
use crate::port::Ports;
use crate::reference_server::{Probe, ReferenceServer, ReferenceServerList};
use crate::revision::{Digest, Held, Revision};
use crate::wire;

use super::*;

fn settings(enabled: bool, servers: &[(&str, &[u32])]) -> Settings {
    let server = |(host, ports): &(&str, &[u32])| ReferenceServer {
        host: host.parse().unwrap(),
        ports: Ports::new(ports.iter().map(|port| Port::try_from(*port).unwrap()).collect()).unwrap(),
        probe: Probe::Tcp,
    };
    let list = ReferenceServerList::new(enabled, servers.iter().map(server).collect()).unwrap();
    Settings { reference_servers: list, ..Settings::default() }
}

/// What an attempt came to: outcome, errno, address, start and duration in microseconds.
type Told = (Outcome, i32, &'static str, u64, u64);

fn evidence(settings: Option<Settings>, link: LinkState, triggers: &[Trigger], told: &[Told]) -> Evidence {
    let targets = settings.iter().flat_map(|settings| settings.reference_servers.targets());
    let attempts =
        told.iter().zip(targets).map(|((outcome, os_error, address, start, took), target)| Attempt {
            position: target.position,
            host: target.host.clone(),
            port: target.port,
            address: address.parse().ok(),
            local_address: (*outcome == Outcome::Answered).then(|| "10.1.1.20".parse::<IpAddr>().unwrap()),
            started_after: Duration::from_micros(*start),
            took: Duration::from_micros(*took),
            outcome: *outcome,
            os_error: (*os_error != 0).then_some(*os_error),
            n_addresses: if target.host.address().is_some() { 0 } else { 2 },
            interface: None,
            certificate: None,
            tls_error: None,
        });
    let attempts: Vec<Attempt> = attempts.collect();
    let ends = attempts.iter().map(|attempt| attempt.started_after + attempt.took);
    let settled_in = ends.max().unwrap_or_default();
    let held = settings
        .map(|settings| (Held { revision: Revision::new(7).unwrap(), digest: Digest::of(b"") }, settings));
    let mut evidence = Evidence {
        evaluation: EvaluationId::new(42),
        boot_id: BootId::from_uuid(Uuid::nil()),
        started_at: SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_446_245_678),
        triggers: triggers.to_vec(),
        link,
        held,
        attempts,
        default_routes: Vec::new(),
        standing: None,
        verdict: Verdict { location: Location::Unknown, basis: Basis::NoAssignment },
        decided_in: Duration::from_millis(13),
        settled_in: settled_in.max(Duration::from_millis(13)),
    };
    evidence.verdict = replay(&evidence);
    evidence
}

const REFUSED: i32 = 111;

fn two_servers() -> Settings {
    settings(true, &[("10.1.1.5", &[80, 443]), ("10.1.1.6", &[443]), ("files.example", &[445])])
}

fn shown(evidence: &Evidence) -> String {
    timeline(evidence, &TimeZone::UTC)
}

#[test]
fn the_second_server_answers_and_the_first_refuses() {
    let told = [
        (Outcome::Refused, REFUSED, "10.1.1.5", 0, 400),
        (Outcome::Refused, REFUSED, "10.1.1.5", 410, 390),
        (Outcome::Answered, 0, "10.1.1.6", 820, 12_000),
    ];
    let evidence = evidence(Some(two_servers()), LinkState::Lost, &[Trigger::LinkLost], &told);
    insta::assert_snapshot!(sentence(&evidence), @"internal, because reference server 2 (10.1.1.6:443) answered after 12 ms; reference server 1 (10.1.1.5:80, 443) refused");
    insta::assert_snapshot!(shown(&evidence), @r"
    Evaluation 42, 2026-11-23 15:04:05.678 UTC
      triggered by  link lost
      link          lost
      assignment    revision 7 (e3b0c44298fc…), 3 reference servers, enabled
      rule          link lost: the first reference server in list order that answers

      #  entry         address     start    took  outcome
      1  10.1.1.5:80   10.1.1.5  +0.0 ms  0.4 ms  refused: Connection refused (os error 111)
      1  10.1.1.5:443  10.1.1.5  +0.4 ms  0.4 ms  refused: Connection refused (os error 111)
      2  10.1.1.6:443  10.1.1.6  +0.8 ms   12 ms  answered (from 10.1.1.20) ◄ decides
      1 more attempt was not needed

      verdict       internal, because reference server 2 (10.1.1.6:443) answered after 12 ms; reference server 1 (10.1.1.5:80, 443) refused
      decided       13 ms after the first trigger
    ");
}

#[test]
fn nobody_answers_each_in_its_own_way() {
    let told = [
        (Outcome::Timeout, 0, "10.1.1.5", 0, 2_000_000),
        (Outcome::Refused, REFUSED, "10.1.1.5", 20_000, 400),
        (Outcome::Unreachable, 113, "10.1.1.6", 20_500, 1_040_000),
        (Outcome::NameNotFound, 0, "", 40_500, 8_000),
    ];
    let evidence =
        evidence(Some(two_servers()), LinkState::Lost, &[Trigger::Recheck, Trigger::LocalRequest], &told);
    insta::assert_snapshot!(shown(&evidence), @r"
    Evaluation 42, 2026-11-23 15:04:05.678 UTC
      triggered by  recheck, asked on the machine
      link          lost
      assignment    revision 7 (e3b0c44298fc…), 3 reference servers, enabled
      rule          link lost, and no reference server answers: external

      #  entry              address     start    took  outcome
      1  10.1.1.5:80        10.1.1.5  +0.0 ms  2.00 s  no answer in time
      1  10.1.1.5:443       10.1.1.5   +20 ms  0.4 ms  refused: Connection refused (os error 111)
      2  10.1.1.6:443       10.1.1.6   +20 ms  1.04 s  unreachable: No route to host (os error 113)
      3  files.example:445  –          +40 ms  8.0 ms  name not found

      verdict       external, because none of 4 attempts was answered: reference server 1 (10.1.1.5:80) did not answer in time, port 443 refused; reference server 2 (10.1.1.6:443) could not be reached; reference server 3 (files.example:445) had a name that was not found
      decided       13 ms after the first trigger; the last attempt ended after 2.00 s
    ");
}

#[test]
fn the_link_comes_back_while_probing() {
    let told = [
        (Outcome::NotNeeded, 0, "", 0, 300_000),
        (Outcome::NotNeeded, 0, "", 300_000, 0),
        (Outcome::NotNeeded, 0, "", 0, 300_000),
    ];
    let triggers = [Trigger::LinkLost, Trigger::LinkConnected];
    let evidence = evidence(Some(two_servers()), LinkState::Connected, &triggers, &told);
    insta::assert_snapshot!(shown(&evidence), @r"
    Evaluation 42, 2026-11-23 15:04:05.678 UTC
      triggered by  link lost, link connected
      link          connected
      assignment    revision 7 (e3b0c44298fc…), 3 reference servers, enabled
      rule          link connected: internal

      #  entry         address    start    took  outcome
      1  10.1.1.5:80   –        +0.0 ms  300 ms  dropped, not needed any more
      1  10.1.1.5:443  –              –       –  not started, not needed
      2  10.1.1.6:443  –        +0.0 ms  300 ms  dropped, not needed any more
      1 more attempt was not needed

      verdict       internal, because the link to the management server is connected
      decided       13 ms after the first trigger; the last attempt ended after 300 ms
    ");
}

#[test]
fn a_long_list_is_counted_not_recited() {
    let hosts: Vec<String> = (1..=32).map(|n| format!("10.0.0.{n}")).collect();
    let servers: Vec<(&str, &[u32])> = hosts.iter().map(|host| (host.as_str(), &[80][..])).collect();
    let mut told = vec![(Outcome::Timeout, 0, "10.0.0.1", 0, 2_000_000); 20];
    told.extend(vec![(Outcome::Refused, REFUSED, "10.0.0.2", 0, 400); 11]);
    told.push((Outcome::Answered, 0, "10.0.0.32", 620_000, 5_000));
    let by_the_last = evidence(Some(settings(true, &servers)), LinkState::Lost, &[Trigger::LinkLost], &told);
    insta::assert_snapshot!(sentence(&by_the_last), @"internal, because reference server 32 (10.0.0.32:80) answered after 5.0 ms; of 31 earlier attempts 20 did not answer in time and 11 refused");
    told.pop();
    told.push((Outcome::ResolverFailed, 0, "", 620_000, 2_000_000));
    let by_none = evidence(Some(settings(true, &servers)), LinkState::Lost, &[Trigger::LinkLost], &told);
    insta::assert_snapshot!(sentence(&by_none), @"external, because none of 32 attempts was answered: 20 did not answer in time, 11 refused and 1 had a name that could not be resolved");
}

#[test]
fn what_the_agent_did_not_try_has_its_reason() {
    let servers = settings(true, &[("127.0.0.1", &[80]), ("metadata.example", &[80]), ("fe80::1", &[22])]);
    let told = [
        (Outcome::LocalError, 0, "127.0.0.1", 0, 10),
        (Outcome::LocalError, 0, "169.254.169.254", 20, 900),
        (Outcome::LocalError, 24, "fe80::1", 930, 20),
    ];
    let evidence = evidence(Some(servers), LinkState::Lost, &[Trigger::Start], &told);
    insta::assert_snapshot!(shown(&evidence), @r"
    Evaluation 42, 2026-11-23 15:04:05.678 UTC
      triggered by  start
      link          lost
      assignment    revision 7 (e3b0c44298fc…), 3 reference servers, enabled
      rule          link lost, and no reference server answers: external

      #  entry                address                     start    took  outcome
      1  127.0.0.1:80         127.0.0.1                 +0.0 ms  0.0 ms  could not be tried: a loopback address, which location.allow-loopback does not allow
      2  metadata.example:80  169.254.169.254 (1 of 2)  +0.0 ms  0.9 ms  could not be tried: a cloud metadata address is never tried
      3  [fe80::1]:22         fe80::1                   +0.9 ms  0.0 ms  could not be tried: Too many open files (os error 24)

      verdict       external, because none of 3 attempts was answered: reference server 1 (127.0.0.1:80) could not be tried; reference server 2 (metadata.example:80) could not be tried; reference server 3 ([fe80::1]:22) could not be tried
      decided       13 ms after the first trigger
    ");
}

#[test]
fn decisions_without_a_probe() {
    let mut quiet = two_servers();
    quiet.location =
        LocationRules { server_connection: ServerConnection::SaysNothing, ..LocationRules::default() };
    quiet.reference_servers = ReferenceServerList::new(true, Vec::new()).unwrap();
    let cases = [
        evidence(Some(two_servers()), LinkState::Connected, &[Trigger::Assignment], &[]),
        evidence(Some(settings(false, &[("a", &[80])])), LinkState::Lost, &[Trigger::LinkLost], &[]),
        evidence(Some(quiet), LinkState::Connected, &[Trigger::ServerRequest], &[]),
        evidence(None, LinkState::Lost, &[Trigger::Start], &[]),
    ];
    let sentences: Vec<String> = cases.iter().map(sentence).collect();
    insta::assert_snapshot!(sentences.join("\n"), @r"
    internal, because the link to the management server is connected
    external, because the link to the management server is lost and the reference server list is disabled
    external, because the link to the management server says nothing about the place and the reference server list is empty
    unknown, because no assignment is held and the link to the management server is lost
    ");
    insta::assert_snapshot!(shown(&cases[3]), @r"
    Evaluation 42, 2026-11-23 15:04:05.678 UTC
      triggered by  start
      link          lost
      assignment    none
      rule          link lost, and no assignment: unknown

      verdict       unknown, because no assignment is held and the link to the management server is lost
      decided       13 ms after the first trigger
    ");
}

fn interface(name: &str, kind: &str, is_tunnel: bool) -> Interface {
    Interface { name: name.into(), kind: kind.into(), is_tunnel }
}

#[test]
fn a_spoof_and_a_tunnel_are_shown_where_they_are() {
    let mut settings = settings(true, &[("10.1.1.5", &[443]), ("10.1.1.6", &[443]), ("10.1.1.7", &[22])]);
    settings.location.tunnels = Tunnels::Ignore;
    let mut servers = settings.reference_servers.servers().to_vec();
    servers[0].probe = Probe::Tls(Pins::new(vec![SpkiPin::of(b"ours")]).unwrap());
    servers[1].probe = servers[0].probe.clone();
    settings.reference_servers = ReferenceServerList::new(true, servers).unwrap();
    let told = [
        (Outcome::PinMismatch, 0, "10.1.1.5", 0, 8_000),
        (Outcome::TlsFailed, 0, "10.1.1.6", 8_000, 3_000),
        (Outcome::Answered, 0, "10.1.1.7", 11_000, 30_000),
    ];
    let mut evidence = evidence(Some(settings), LinkState::Lost, &[Trigger::NetworkChange], &told);
    let not_after = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));
    evidence.attempts[0].certificate = Some(PeerCertificate { pin: SpkiPin::of(b"theirs"), not_after });
    evidence.attempts[1].tls_error = Some("received fatal alert: HandshakeFailure".into());
    evidence.attempts[2].interface = Some(interface("tun0", "tun", true));
    evidence.verdict = replay(&evidence);
    insta::assert_snapshot!(shown(&evidence), @r"
    Evaluation 42, 2026-11-23 15:04:05.678 UTC
      triggered by  network change
      link          lost
      assignment    revision 7 (e3b0c44298fc…), 3 reference servers, enabled
      rule          link lost, and no reference server answers: external

      #  entry         address     start    took  way out             outcome
      1  10.1.1.5:443  10.1.1.5  +0.0 ms  8.0 ms  –                   wrong key (a spoof?): sha256:TFWoVSoscmH2H3mMImXm8TNY8yauW5NAlv8WvRXmLDM, certificate until 2027-01-15
      2  10.1.1.6:443  10.1.1.6  +8.0 ms  3.0 ms  –                   TLS failed: received fatal alert: HandshakeFailure
      3  10.1.1.7:22   10.1.1.7   +11 ms   30 ms  tun0 (tunnel: tun)  answered (from 10.1.1.20), does not count

      verdict       external, because none of 3 attempts was answered: reference server 1 (10.1.1.5:443) showed another key than the pinned one (a spoof?); reference server 2 (10.1.1.6:443) did not come to an agreement on TLS; reference server 3 (10.1.1.7:22) answered through a tunnel, which does not count
      decided       13 ms after the first trigger; the last attempt ended after 41 ms
    ");
}

#[test]
fn gateways_are_shown_with_their_hardware() {
    let mut settings = settings(false, &[]);
    settings.location.criterion = Criterion::Gateway;
    let mac = |last| MacAddress::new([0, 0x11, 0x22, 0xaa, 0xbb, last]);
    let entry = Gateway::new("10.0.0.1".parse().unwrap(), Some(mac(1))).unwrap();
    settings.gateways = GatewayList::new(vec![entry]).unwrap();
    let mut evidence = evidence(Some(settings), LinkState::Lost, &[Trigger::Wake], &[]);
    let route = |last, metric, name: &str| DefaultRoute {
        gateway: Some("10.0.0.1".parse().unwrap()),
        mac: Some(mac(last)),
        interface: interface(name, "ether", false),
        metric,
        is_ipv6: false,
    };
    evidence.default_routes = vec![route(2, 100, "eth0"), route(1, 600, "wlan0")];
    evidence.verdict = replay(&evidence);
    insta::assert_snapshot!(shown(&evidence), @r"
    Evaluation 42, 2026-11-23 15:04:05.678 UTC
      triggered by  wake from sleep
      link          lost
      assignment    revision 7 (e3b0c44298fc…), 1 gateway
      rule          the default gateway is not on the list: external

      gateway   hardware           way out  metric
      10.0.0.1  00:11:22:aa:bb:02  eth0        100
      10.0.0.1  00:11:22:aa:bb:01  wlan0       600

      verdict       external, because the default gateway 10.0.0.1 is on the list with another hardware address
      decided       13 ms after the first trigger
    ");
    evidence.default_routes[0].mac = None;
    insta::assert_snapshot!(sentence(&evidence), @"external, because the default gateway 10.0.0.1 is on the list with a hardware address, and its own could not be found out");
    evidence.default_routes.remove(0);
    evidence.verdict = replay(&evidence);
    insta::assert_snapshot!(sentence(&evidence), @"internal, because the default gateway 10.0.0.1 with the hardware address 00:11:22:aa:bb:01 is number 1 on the list");
    evidence.default_routes[0].gateway = None;
    evidence.verdict = replay(&evidence);
    insta::assert_snapshot!(sentence(&evidence), @"external, because no default route that counts has a gateway");
    evidence.default_routes.clear();
    evidence.verdict = replay(&evidence);
    insta::assert_snapshot!(sentence(&evidence), @"external, because there is no default route");
}

#[test]
fn what_is_held_back_says_what_it_waits_for() {
    let mut settings = two_servers();
    settings.location.hysteresis.confirmations_to_external = Confirmations::new(3).unwrap();
    settings.location.hysteresis.minimum_dwell = MinimumDwell::new(Duration::from_secs(60)).unwrap();
    let told = [(Outcome::Refused, REFUSED, "10.1.1.5", 0, 400); 4];
    let mut evidence = evidence(Some(settings), LinkState::Lost, &[Trigger::Confirmation], &told);
    let verdict = Verdict { location: Location::Internal, basis: Basis::ManagementServer };
    let standing = |n_contradictions, dwelt_s| Standing {
        verdict: verdict.clone(),
        n_contradictions,
        dwelt: Duration::from_secs(dwelt_s),
    };
    evidence.standing = Some(standing(2, 900));
    evidence.verdict = replay(&evidence);
    insta::assert_snapshot!(shown(&evidence), @r"
    Evaluation 42, 2026-11-23 15:04:05.678 UTC
      triggered by  confirmation
      link          lost
      assignment    revision 7 (e3b0c44298fc…), 3 reference servers, enabled
      rule          link lost, and no reference server answers: external
      found         external: found 2 of 3 times in a row that a change needs

      #  entry              address              start    took  outcome
      1  10.1.1.5:80        10.1.1.5           +0.0 ms  0.4 ms  refused: Connection refused (os error 111)
      1  10.1.1.5:443       10.1.1.5           +0.0 ms  0.4 ms  refused: Connection refused (os error 111)
      2  10.1.1.6:443       10.1.1.5           +0.0 ms  0.4 ms  refused: Connection refused (os error 111)
      3  files.example:445  10.1.1.5 (1 of 2)  +0.0 ms  0.4 ms  refused: Connection refused (os error 111)

      verdict       still internal, though none of 4 attempts was answered: reference server 1 (10.1.1.5:80, 443) refused; reference server 2 (10.1.1.6:443) refused; reference server 3 (files.example:445) refused; found 2 of 3 times in a row that a change needs
      decided       13 ms after the first trigger
    ");
    evidence.standing = Some(standing(3, 30));
    evidence.verdict = replay(&evidence);
    insta::assert_snapshot!(sentence(&evidence), @"still internal, though none of 4 attempts was answered: reference server 1 (10.1.1.5:80, 443) refused; reference server 2 (10.1.1.6:443) refused; reference server 3 (files.example:445) refused; the location has stood for 30.00 s and stands for 60.00 s at least");
    evidence.standing = Some(standing(3, 60));
    evidence.verdict = replay(&evidence);
    insta::assert_snapshot!(sentence(&evidence), @"external, because none of 4 attempts was answered: reference server 1 (10.1.1.5:80, 443) refused; reference server 2 (10.1.1.6:443) refused; reference server 3 (files.example:445) refused");
}

#[test]
fn too_few_answers_name_those_that_are_missing() {
    let mut settings = two_servers();
    settings.location.required_successes = RequiredSuccesses::new(2).unwrap();
    let told = [
        (Outcome::Answered, 0, "10.1.1.5", 0, 400),
        (Outcome::NotNeeded, 0, "", 400, 0),
        (Outcome::Refused, REFUSED, "10.1.1.6", 400, 400),
        (Outcome::NameNotFound, 0, "", 800, 400),
    ];
    let evidence = evidence(Some(settings), LinkState::Lost, &[Trigger::LinkLost], &told);
    insta::assert_snapshot!(sentence(&evidence), @"external, because only 1 reference server answered and 2 must: reference server 1 (10.1.1.5:80) answered, port 443 did not need to be tried to the end; reference server 2 (10.1.1.6:443) refused; reference server 3 (files.example:445) had a name that was not found");
}

#[test]
fn a_document_carries_the_whole_record() {
    let told = [(Outcome::Answered, 0, "10.1.1.5", 0, 400)];
    let evidence = evidence(Some(two_servers()), LinkState::Lost, &[Trigger::LinkLost], &told);
    let document = document(&evidence);
    assert_eq!(document["location"], "internal");
    assert_eq!(document["attempts"][0]["outcome"], "answered");
    let record = STANDARD.decode(document["record"].as_str().unwrap()).unwrap();
    let back = convert::evidence::from_wire(wire::Evidence::decode(record.as_slice()).unwrap());
    assert_eq!(back, Ok(evidence));
}

#[test]
fn every_trigger_has_a_word_that_is_read_back() {
    let on_the_wire = (1..).map_while(|number| wire::Trigger::try_from(number).ok()).count();
    assert_eq!(Trigger::ALL.len(), on_the_wire, "all there are");
    for trigger in Trigger::ALL {
        assert_eq!(words::trigger_of(words::trigger(trigger)), Some(trigger));
    }
    assert_eq!(words::trigger_of("of_next_year"), None);
}
