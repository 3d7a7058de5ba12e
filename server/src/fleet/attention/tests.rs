use landmark_proto::evidence::PeerCertificate;
use landmark_proto::pin::SpkiPin;
use landmark_proto::reference_server::{Probe, ReferenceServer, ReferenceServerList};

use super::*;
use crate::fleet::agent::Agent;
use crate::fleet::registry::Registry;
use crate::fleet::{CertificateSeen, PortHealth};
use crate::store::agents::Agents;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + 20_000 * DAY
}

fn named(n_agents: usize, host_names: &[&str]) -> Named {
    Named { n_agents, host_names: host_names.iter().map(|name| (*name).to_owned()).collect() }
}

fn list(enabled: bool, n_servers: u16) -> Settings {
    let server = |number: u16| ReferenceServer {
        host: format!("10.0.0.{number}").parse().unwrap(),
        ports: landmark_proto::port::Ports::new(vec!["443".parse().unwrap()]).unwrap(),
        probe: Probe::Tcp,
    };
    let servers = (1..=n_servers).map(server).collect();
    Settings { reference_servers: ReferenceServerList::new(enabled, servers).unwrap(), ..Settings::default() }
}

fn server(host: &str, n_tried: usize, n_reached: usize, n_depend: usize) -> ServerHealth {
    let port = PortHealth {
        port: "443".parse().unwrap(),
        n_tried,
        n_answered: n_reached,
        median: None,
        percentile95: None,
        failures: Vec::new(),
        certificates: Vec::new(),
    };
    ServerHealth { position: 0, host: host.parse().unwrap(), n_reached, n_depend, ports: vec![port] }
}

fn with_certificate(mut server: ServerHealth, not_after: SystemTime, pinned: bool) -> ServerHealth {
    let certificate = PeerCertificate { pin: SpkiPin::of(b"key"), not_after: Some(not_after) };
    server.ports[0].certificates = vec![CertificateSeen { certificate, pinned, n_agents: 9 }];
    server
}

fn health(n_agents: usize, servers: Vec<ServerHealth>) -> Health {
    Health { n_agents, servers, ..Health::default() }
}

/// A fleet of nine agents, all of them well; what is wrong is put in.
struct Fleet {
    counts: Counts,
    rejected: Named,
    survey: Survey,
    health: Health,
    settings: Option<Settings>,
    n_draft_changes: usize,
    draft_age: Duration,
}

impl Fleet {
    fn well() -> Self {
        let enrolled = (1..=9).map(|number| {
            let agent_id = landmark_proto::ids::AgentId::from_uuid(uuid::Uuid::from_u128(number));
            Agent::enrolled(agent_id, SpkiPin::of(b""), Default::default(), now(), now() + 30 * DAY)
        });
        let agents = Agents { enrolled: enrolled.collect(), removed: Vec::new() };
        Self {
            counts: Registry::new(agents, None).counts(),
            rejected: Named::default(),
            survey: Survey::default(),
            health: health(9, vec![server("10.0.0.1", 9, 9, 0), server("10.0.0.2", 9, 5, 0)]),
            settings: Some(list(true, 2)),
            n_draft_changes: 0,
            draft_age: 9 * DAY,
        }
    }

    fn told(&self) -> Vec<Attention> {
        attention(&Facts {
            counts: self.counts,
            rejected: self.rejected.clone(),
            survey: &self.survey,
            health: &self.health,
            settings: self.settings.as_ref(),
            n_draft_changes: self.n_draft_changes,
            draft_changed_at: Some(now() - self.draft_age),
            now: now(),
        })
    }

    /// Level, code and subject of each.
    fn codes(&self) -> Vec<(Level, &'static str, String)> {
        self.told().into_iter().map(|item| (item.level, item.code, item.subject)).collect()
    }
}

#[test]
fn a_fleet_that_is_well_needs_no_attention() {
    assert_eq!(Fleet::well().told(), []);
}

#[test]
fn every_rule_finds_its_fault_and_no_other() {
    type Break = fn(&mut Fleet);
    let cases: [(Break, Level, &str, &str); 15] = [
        (|fleet| fleet.rejected = named(1, &["a"]), Level::Error, "assignment_rejected", ""),
        (|fleet| fleet.counts.n_cloned = 2, Level::Warning, "identity_shared", ""),
        (|fleet| fleet.survey.lapsed = named(1, &["a"]), Level::Warning, "agent_certificate_ended", ""),
        (|fleet| fleet.survey.lapsing = named(1, &["a"]), Level::Warning, "agent_certificate_ends", ""),
        (|fleet| fleet.settings = None, Level::Note, "nothing_assigned", ""),
        (|fleet| fleet.settings = Some(list(true, 0)), Level::Warning, "list_empty", ""),
        (|fleet| fleet.settings = Some(list(false, 0)), Level::Warning, "list_empty", ""),
        (|fleet| fleet.settings = Some(list(false, 2)), Level::Warning, "list_disabled", ""),
        (|fleet| fleet.n_draft_changes = 1, Level::Note, "draft_waiting", ""),
        (
            |fleet| fleet.health.servers[1] = server("b.example", 9, 0, 0),
            Level::Error,
            "reference_server_unreached",
            "b.example",
        ),
        (
            |fleet| fleet.health.servers[1] = server("b.example", 9, 4, 0),
            Level::Warning,
            "reference_server_reached_by_few",
            "b.example",
        ),
        (
            |fleet| fleet.health.servers[1] = server("b.example", 9, 9, 1),
            Level::Note,
            "reference_server_depended_on",
            "b.example",
        ),
        (
            |fleet| {
                fleet.health.servers[1] =
                    with_certificate(server("b.example", 9, 9, 0), now() + 30 * DAY, true);
            },
            Level::Warning,
            "reference_certificate_ends",
            "b.example",
        ),
        (
            |fleet| {
                fleet.health.servers[1] = with_certificate(server("b.example", 9, 9, 0), now() - DAY, true);
            },
            Level::Warning,
            "reference_certificate_ended",
            "b.example",
        ),
        (
            |fleet| fleet.health.servers[1] = server("2a00::1", 9, 0, 0),
            Level::Error,
            "reference_server_unreached",
            "2a00::1",
        ),
    ];
    for (break_it, level, code, subject) in cases {
        let mut fleet = Fleet::well();
        break_it(&mut fleet);
        assert_eq!(fleet.codes(), [(level, code, subject.to_owned())]);
    }
}

#[test]
fn what_is_no_fault_is_not_told() {
    type Change = fn(&mut Fleet);
    let cases: [Change; 6] = [
        |fleet| (fleet.counts, fleet.settings) = (Counts::default(), None),
        |fleet| (fleet.counts, fleet.settings) = (Counts::default(), Some(list(false, 0))),
        |fleet| {
            let mut settings = list(false, 0);
            settings.location.criterion = Criterion::Gateway;
            fleet.settings = Some(settings);
        },
        |fleet| (fleet.n_draft_changes, fleet.draft_age) = (3, DAY),
        // Nobody has tried yet.
        |fleet| fleet.health = health(0, vec![server("10.0.0.1", 0, 0, 0)]),
        // The end of a certificate that is not pinned, or far away, changes nothing.
        |fleet| {
            let well = || server("10.0.0.1", 9, 9, 0);
            let servers = vec![
                with_certificate(well(), now(), false),
                with_certificate(well(), now() + 31 * DAY, true),
            ];
            fleet.health = health(9, servers);
        },
    ];
    for (index, change) in cases.into_iter().enumerate() {
        let mut fleet = Fleet::well();
        change(&mut fleet);
        assert_eq!(fleet.codes(), [], "case {index}");
    }
}

#[test]
fn a_failed_enforcement_is_told_with_the_number_of_the_moment() {
    let mut agent = Agent::enrolled(
        landmark_proto::ids::AgentId::from_uuid(uuid::Uuid::from_u128(1)),
        SpkiPin::of(b""),
        Default::default(),
        now(),
        now() + 30 * DAY,
    );
    agent.enforcement = Some(landmark_proto::message::EnforcementStatus {
        state: landmark_proto::message::EnforcementState::Failed,
        backend: String::new(),
        reason: String::new(),
        location: landmark_proto::location::Location::Internal,
        revision: None,
        since: now(),
        profile: None,
    });
    let mut fleet = Fleet::well();
    let agents = Agents { enrolled: vec![agent], removed: Vec::new() };
    fleet.counts = Registry::new(agents, None).counts();
    assert_eq!(fleet.told()[0].message, "the policy could not be enforced: 1 agent");
    fleet.survey.failed = named(7, &["gone"]);
    assert_eq!(fleet.told()[0].message, "the policy could not be enforced: 1 agent (gone)");
}

#[test]
fn the_worst_comes_first_and_there_is_an_end() {
    let mut fleet = Fleet::well();
    fleet.n_draft_changes = 2;
    fleet.rejected = named(5, &["web-1", "web-2", "web-3"]);
    fleet.health = health(9, (1..=60).map(|number| server(&format!("10.0.0.{number}"), 9, 1, 1)).collect());
    let told = fleet.told();
    assert_eq!(told.len(), MAX_ITEMS);
    assert!(told.windows(2).all(|pair| pair[0].level <= pair[1].level));
    assert_eq!(
        told[0].message,
        "the present assignment was rejected, and what was held before is kept: 5 agents (web-1, web-2, web-3 and 2 more)"
    );
    // One rejection, 60 reached by few, 60 depended on, one forgotten draft: 122.
    assert_eq!(
        (told[49].code, told[49].message.as_str()),
        ("and_more", "and 73 more, none of them worse than these")
    );
}

#[test]
fn what_is_told_is_told_in_words_that_lead_on() {
    let mut fleet = Fleet::well();
    fleet.n_draft_changes = 1;
    fleet.survey.lapsing = named(2, &["laptop-1", "laptop-2"]);
    let ends = now() + 3 * DAY;
    fleet.health = health(
        9,
        vec![
            server("10.0.0.1", 9, 0, 0),
            server("10.0.0.2", 9, 4, 4),
            with_certificate(server("dc1.example", 9, 9, 0), ends, true),
        ],
    );
    let told = fleet.told().into_iter().map(|item| format!("{}\n  {}\n", item.message, item.remedy));
    insta::assert_snapshot!(told.collect::<String>(), @r"
    no agent reached 10.0.0.1 in a way that counts (9 agents tried)
      see how they failed; repair the server, or take it off the list (landmarkctl servers health; page Computer location)
    the certificate ends soon, and nobody is connected to renew it: 2 agents (laptop-1, laptop-2)
      let them connect, or remove those that are no more (landmarkctl agents list --offline --sort last-seen; page Agents)
    only 4 of 9 agents reached 10.0.0.2
      see how the others failed; a firewall may be in the way (landmarkctl servers health; page Computer location)
    the certificate that dc1.example, port 443, shows ends in 3 days: if the next one has another key, agents do not recognise the server
      pin the next key beside the old one, and assign (landmarkctl servers edit dc1.example --add-pin PIN; page Computer location)
    1 change waits in the draft, the last one for 9 days
      assign the draft, or discard it (landmarkctl draft diff; page Draft)
    if 10.0.0.2 dies as well as the management server, 4 agents turn external
      add a reference server that these agents reach too (landmarkctl servers health; page Computer location)
    ");
}
