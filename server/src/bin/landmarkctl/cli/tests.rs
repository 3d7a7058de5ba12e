use clap::CommandFactory as _;

use super::*;

const PIN: &str = "sha256:LHDhK3oGRvkiefQnx7OOczTY5Tic_xZ6HcMOc_gmtoM";

fn parse(arguments: &[&str]) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(std::iter::once("landmarkctl").chain(arguments.iter().copied()))
}

#[test]
fn the_definitions_are_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_says_what_it_does() {
    fn walk(command: &clap::Command, path: &str) {
        for child in command.get_subcommands() {
            let path = format!("{path} {}", child.get_name());
            assert!(child.get_about().is_some(), "{path} has no help");
            for argument in child.get_arguments() {
                assert!(argument.get_help().is_some(), "{path} {} has no help", argument.get_id());
            }
            walk(child, &path);
        }
    }
    walk(&Cli::command(), "landmarkctl");
}

#[test]
fn an_option_for_the_server_that_is_empty_leads_to_no_server() {
    let read = |arguments: &[&str]| {
        Cli::read(["landmarkctl"].iter().chain(arguments).map(|argument| OsString::from(*argument)))
    };
    for option in ["--context", "--server", "--ca", "--token-file", "--state-dir"] {
        for arguments in [[option, "", "server", "info"], ["server", "info", option, ""]] {
            let error = read(&arguments).unwrap_err().to_string();
            assert!(error.contains(&format!("{option} is empty")), "{error}");
        }
    }
    assert!(read(&["--server", "a", "server", "info"]).is_ok());
}

#[test]
fn contradictions_are_refused() {
    for arguments in [
        &["agents", "list", "--online", "--offline"][..],
        &["agents", "list", "--rejected", "--behind"],
        &["agents", "list", "--sort", "moon"],
        &["agents", "list", "--enforcement", "unknown"],
        &["agents", "list", "--limit", "0"],
        &["agents", "watch", "--sort", "name"],
        &["agents", "recheck"],
        &["agents", "recheck", "web-1", "--all"],
        &["servers", "move", "web", "--first", "--last"],
        &["servers", "move", "web", "--to", "0"],
        &["servers", "import", "f", "--replace", "--append"],
        &["servers", "enable", "--etag", ""],
        &["agents", "explain"],
        &["agents", "explain", "web-1", "--last", "0"],
        &["agents", "explain", "web-1", "--last", "17"],
        &["assignments", "show", "0"],
        &["assignments", "watch", "0"],
        &["assignments", "assign-again", "0"],
        &["assignments", "diff", "1", "0"],
        &["location", "set"],
        &["location", "set", "--criterion", "moon"],
        &["servers", "edit", "a", "--pin", "sha256:abc"],
        &["servers", "edit", "a", "--no-pins", "--add-pin", PIN],
        &["servers", "edit", "a", "--pin", PIN, "--remove-pin", PIN],
        &["servers", "pin"],
        &["servers", "pin", "a", "--yes"],
        &["gateways", "add"],
        &["gateways", "add", "10.0.0.1,00:11"],
        &["gateways", "import", "f", "--replace", "--append"],
        &["assign", "--timeout", "60"],
        &["firewall"],
        &["firewall", "show", "--assigned", "--revision", "3"],
        &["firewall", "show", "--revision", "0"],
        &["firewall", "policies", "add", "Travel"],
        &["firewall", "policies", "add", "", "--level", "low"],
        &["firewall", "policies", "add", "Travel", "--level", "highest"],
        &["firewall", "policies", "edit", "Travel"],
        &["firewall", "policies", "edit", "Travel", "--observe", "--enforce"],
        &["firewall", "policies", "remove"],
        &["firewall", "exceptions", "add", "Travel", "SSH"],
        &["firewall", "exceptions", "add", "Travel", "SSH", "--allow", "--block"],
        &["firewall", "exceptions", "add", "Travel", "SSH", "--allow", "--in", "--both"],
        &["firewall", "exceptions", "add", "Travel", "SSH", "--allow", "--in", "--out"],
        &["firewall", "exceptions", "add", "Travel", "SSH", "--allow", "--ports", "99-1"],
        &["firewall", "exceptions", "add", "Travel", "SSH", "--allow", "--remote", "10.0.0.1/8"],
        &["firewall", "exceptions", "add", "Travel", "SSH", "--allow", "--first", "--last"],
        &["firewall", "exceptions", "list"],
        &["firewall", "exceptions", "remove", "Travel"],
        &["firewall", "template", "add", "Travel", "SSH", "--allow"],
        &["firewall", "profiles", "add", "Laptops"],
        &["firewall", "profiles", "add", "Laptops", "--policy", "a", "--location", "unknown"],
        &["firewall", "profiles", "add", "Laptops", "--policy", "a", "--label", "berlin"],
        &["firewall", "profiles", "add", "Laptops", "--policy", "a", "--host-name", "a b"],
        &["firewall", "profiles", "edit", "Laptops", "--any-label", "--label", "a=b"],
        &["firewall", "profiles", "edit", "Laptops", "--enable", "--disable"],
        &["firewall", "which", "--address", "10.0.0.0/8"],
        &["firewall", "which", "--assigned", "--revision", "3"],
        &["tokens", "create", "--uses", "0"],
        &["login", "--server", "a", "--pin", PIN, "--ca", "f"],
        &["login", "--lifetime", "12"],
        &["login", "--password", "secret"],
        &["accounts", "create", "mia"],
        &["accounts", "create", "mia", "--role", "root"],
        &["accounts", "edit", "mia"],
        &["accounts", "edit", "mia", "--enable", "--disable"],
        &["api-tokens", "create"],
    ] {
        assert!(parse(arguments).is_err(), "{arguments:?}");
    }
}

#[test]
fn global_options_stand_before_and_after_a_command() {
    for arguments in [
        &["--json", "--server", "a:1", "servers", "list"][..],
        &["servers", "list", "--json", "--server", "a:1"],
    ] {
        let cli = parse(arguments).unwrap();
        assert!(cli.global.json);
        assert_eq!(cli.global.wanted().unwrap().server.unwrap().to_string(), "a:1");
    }
}

/// Placeholders stand for what only the administrator knows.
fn filled(remedy: &str) -> String {
    [
        ("ADDRESS,MAC", "10.0.0.1,MAC"),
        ("HOST PORT", "host.example 443"),
        ("MAC", "00:11:22:aa:bb:cc"),
        ("PIN", PIN),
    ]
    .into_iter()
    .fold(remedy.to_owned(), |text, (placeholder, value)| text.replace(placeholder, value))
}

#[test]
fn every_remedy_is_a_command_line() {
    use landmark_proto::gateway::{Gateway, GatewayList};
    use landmark_proto::host::Host;
    use landmark_proto::location_rules::{Criterion, RequiredSuccesses};
    use landmark_proto::pin::{Pins, SpkiPin};
    use landmark_proto::port::{Port, Ports};
    use landmark_proto::reference_server::{Probe, ReferenceServer, ReferenceServerList};
    use landmark_proto::settings::Settings;
    use landmark_server::settings::lint::{Facts, ReachedBy, Resolution, lint};

    let server = |host: &str, ports: &[u32], probe: Probe| ReferenceServer {
        host: host.parse().unwrap(),
        ports: Ports::new(ports.iter().map(|port| Port::try_from(*port).unwrap()).collect()).unwrap(),
        probe,
    };
    let pinned = || Probe::Tls(Pins::new(vec![SpkiPin::of(b"key")]).unwrap());
    let bad = vec![
        server("192.168.0.5", &[8443], Probe::Tcp),
        server("2a00::1", &[443], Probe::Tcp),
        server("10.1.1.5", &[443, 80], pinned()),
        server("10.1.1.6", &[80], pinned()),
        server("127.0.0.1", &[22], Probe::Tcp),
        server("a.example", &[22], Probe::Tcp),
        server("b.example", &[443, 80], Probe::Tcp),
    ];
    let name = |text: &str| match text.parse() {
        Ok(Host::Name(name)) => name,
        other => panic!("{other:?}"),
    };
    let health = ReachedBy {
        host: "10.1.1.5".parse().unwrap(),
        n_tried: 9,
        n_reached: 0,
        certificate_days_left: Some(3),
    };
    let addresses = ["8.8.8.8", "10.1.1.5"].map(|address| address.parse().unwrap()).to_vec();
    let facts = Facts {
        names: [
            (name("a.example"), Resolution::NotFound),
            (name("b.example"), Resolution::Addresses(addresses)),
        ]
        .into(),
        health: vec![health],
    };
    let list = |enabled, servers| Settings {
        reference_servers: ReferenceServerList::new(enabled, servers).unwrap(),
        ..Settings::default()
    };
    let gateways = |gateways: Vec<Gateway>| {
        let mut settings = Settings { gateways: GatewayList::new(gateways).unwrap(), ..Settings::default() };
        settings.location.criterion = Criterion::Gateway;
        settings
    };
    let mut demanding = list(true, bad.clone());
    demanding.location.required_successes = RequiredSuccesses::new(9).unwrap();
    let all = [
        list(true, bad.clone()),
        list(false, bad.clone()),
        demanding,
        list(true, vec![]),
        list(true, bad.into_iter().take(1).collect()),
        gateways(vec![]),
        gateways(vec![Gateway::new("fe80::1".parse().unwrap(), None).unwrap()]),
    ];
    let mut codes = std::collections::BTreeSet::new();
    for finding in all.iter().flat_map(|settings| lint(settings, &facts)) {
        codes.insert(finding.code);
        for command in filled(&finding.remedy).split(" && ") {
            let words: Vec<&str> = command.split(' ').collect();
            let (program, arguments) = words.split_first().unwrap();
            assert_eq!(*program, "landmarkctl", "{finding:?}");
            assert!(parse(arguments).is_ok(), "{finding:?}: {:?}", parse(arguments).err());
        }
    }
    assert!(codes.len() >= 14, "{codes:?}");
}

#[test]
fn an_empty_value_says_nothing() {
    let cli =
        parse(&["--server", "", "--ca", "", "--token-file", "", "--context", "", "server", "info"]).unwrap();
    assert_eq!(cli.global.wanted(), Ok(Wanted::default()));
    let cli = parse(&["--server", "a:0", "server", "info"]).unwrap();
    assert!(cli.global.wanted().is_err());
}

#[test]
fn filters_are_read() {
    let filters =
        ["web", "--location", "external", "--offline", "--behind", "--enforcement", "failed", "--cloned"];
    let arguments: Vec<_> =
        ["agents", "list"].into_iter().chain(filters).chain(["--sort", "last-seen", "--reverse"]).collect();
    let Command::Agents(agents::Agents::List { filter, sort, reverse, limit }) =
        parse(&arguments).unwrap().command
    else {
        panic!("not agents list")
    };
    assert_eq!((sort, reverse, limit), (crate::view::agent::Order::LastSeen, true, None));
    let filter = filter.to_filter();
    assert_eq!(filter.text.as_deref(), Some("web"));
    assert_eq!(filter.location, Some(crate::view::basis::Location::External));
    assert_eq!(filter.connection, Some(crate::view::agent::Connection::Offline));
    assert_eq!(filter.assignment_state, Some(crate::view::agent::AssignmentState::Behind));
    assert_eq!(filter.enforcement_state, Some(crate::view::agent::EnforcementState::Failed));
    assert!(filter.cloned);
}

#[test]
fn an_etag_is_one_or_the_command_line_is_wrong() {
    for etag in ["3-1a2b3c4d", "0-00000000", "1234-ffffffff"] {
        assert!(parse(&["assign", "--etag", etag]).is_ok(), "{etag}");
    }
    for etag in ["", "garbage", "3", "3-", "3-1a2b3c4", "3-1A2B3C4D", " 3-1a2b3c4d", "*"] {
        let told = parse(&["assign", "--etag", etag]).unwrap_err().to_string();
        let named = format!("invalid value '{etag}' for '--etag <ETAG>': an etag looks like 3-1a2b3c4d");
        assert!(told.contains(&named), "{told}");
    }
}

#[test]
fn a_wrong_flag_is_answered_with_the_usage_of_its_command() {
    let usage = |arguments: &[&str]| {
        let arguments = std::iter::once("landmarkctl").chain(arguments.iter().copied());
        let told = Cli::read(arguments.map(OsString::from)).unwrap_err().to_string();
        told.lines().find(|line| line.starts_with("Usage")).unwrap().to_owned()
    };
    assert_eq!(
        usage(&["assignments", "assign-again", "1", "--note", "x", "--etag", "3-1a2b3c4d"]),
        "Usage: landmarkctl assignments assign-again [OPTIONS] <REVISION>"
    );
    assert_eq!(usage(&["assign", "--wait", "--now"]), "Usage: landmarkctl assign [OPTIONS]");
    assert_eq!(usage(&["servers", "add"]), "Usage: landmarkctl servers add [OPTIONS] <HOST PORT>...");
    assert_eq!(usage(&["--now"]), "Usage: landmarkctl [OPTIONS] <COMMAND>");
}

/// The command lines of a help text, without what explains them.
fn examples(help: &str) -> Vec<String> {
    let text = help.replace("\\\n", " ");
    let lines = text.lines().filter_map(|line| line.strip_prefix("  landmarkctl "));
    let commands = lines.map(|line| {
        let pieces: Vec<&str> = line.split("   ").collect();
        let command = if line.contains("  ") {
            pieces.iter().take_while(|piece| !piece.is_empty()).next()
        } else {
            None
        };
        let command = command.copied().unwrap_or(line);
        command
            .split([';', '|', '>'])
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    });
    commands.collect()
}

/// Words as a shell takes them apart.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for letter in command.chars() {
        match (letter, quote) {
            ('"' | '\'', None) => quote = Some(letter),
            (letter, Some(open)) if letter == open => quote = None,
            (' ', None) => words.push(std::mem::take(&mut word)),
            (letter, _) => word.push(letter),
        }
    }
    words.push(word);
    words
}

#[test]
fn the_examples_of_the_firewall_are_narrow_and_can_be_typed() {
    let mut n_examples = 0;
    for help in [
        firewall::EXAMPLES,
        firewall::policies::EXAMPLES,
        firewall::exceptions::EXAMPLES,
        firewall::exceptions::TEMPLATE_EXAMPLES,
        firewall::profiles::EXAMPLES,
        firewall::WHICH_HELP,
        firewall::HITS_HELP,
        firewall::FILE_HELP,
    ] {
        for line in help.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        for example in examples(help) {
            n_examples += 1;
            let words = words(&example);
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let parsed = parse(&words);
            assert!(parsed.is_ok(), "{example}: {}", parsed.unwrap_err());
        }
    }
    assert!(n_examples > 30, "{n_examples}");
}

#[test]
fn an_exception_is_read_with_all_its_options() {
    use crate::view::firewall::{Action, Direction, Protocol};
    let arguments = [
        "firewall",
        "exceptions",
        "add",
        "On the way",
        "Web",
        "--block",
        "--out",
        "--protocol",
        "tcp+udp",
        "--ports",
        "8000-8099,80",
        "--remote",
        "10.0.0.0/8",
        "--remote",
        "a.example",
        "--position",
        "2",
    ];
    let Command::Firewall(firewall::Firewall::Exceptions(firewall::exceptions::Exceptions::Add {
        policy,
        add,
    })) = parse(&arguments).unwrap().command
    else {
        panic!("not exceptions add")
    };
    assert_eq!((policy.as_str(), add.name.as_str()), ("On the way", "Web"));
    assert_eq!(add.wish.action(), Some(Action::Block));
    assert_eq!(add.wish.direction(), Some(Direction::Outbound));
    assert_eq!(add.wish.protocol, Some(Protocol::TcpUdp));
    assert_eq!(add.wish.ports.unwrap().to_string(), "80,8000-8099");
    assert_eq!(add.wish.remotes.len(), 2);
    assert_eq!(add.place.to, Some(2));
}

#[test]
fn settings_that_are_looked_at_are_the_draft_unless_said() {
    use crate::client::OfSettings;
    let of = |arguments: &[&str]| {
        let arguments = [&["firewall", "which"], arguments].concat();
        let Command::Firewall(firewall::Firewall::Which(which)) = parse(&arguments).unwrap().command else {
            panic!("not firewall which")
        };
        which.into_facts().0
    };
    assert_eq!(of(&[]), OfSettings::Draft);
    assert_eq!(of(&["--assigned"]), OfSettings::Assigned);
    assert_eq!(of(&["--revision", "3"]), OfSettings::Revision(3));
}

#[test]
fn an_edit_without_anything_to_do_is_seen() {
    use firewall::Firewall;
    use firewall::exceptions::Template;
    use firewall::profiles::Profiles;
    let exception = |options: &[&str]| {
        let arguments = [&["firewall", "template", "edit", "DNS"], options].concat();
        let parsed = parse(&arguments).unwrap().command;
        let Command::Firewall(Firewall::Template(Template::Edit(edit))) = parsed else { panic!("another") };
        edit.is_empty()
    };
    let profile = |options: &[&str]| {
        let arguments = [&["firewall", "profiles", "edit", "Berlin"], options].concat();
        let parsed = parse(&arguments).unwrap().command;
        let Command::Firewall(Firewall::Profiles(Profiles::Edit(edit))) = parsed else { panic!("another") };
        edit.is_empty()
    };
    assert!(exception(&[]) && profile(&[]));
    for option in ["--allow", "--in", "--both", "--ports=all", "--protocol=all", "--remote=all", "--name=x"] {
        assert!(!exception(&[option]), "{option}");
    }
    for option in ["--enable", "--any-label", "--policy=x", "--label=a=b", "--location=internal", "--name=x"]
    {
        assert!(!profile(&[option]), "{option}");
    }
}

#[test]
fn what_needs_attention_names_commands_that_exist() {
    use std::time::{Duration, SystemTime};

    use landmark_server::fleet::attention::{Facts, attention};
    use landmark_server::fleet::{Counts, Health, Named, ServerHealth, Survey};

    let named = || Named { n_agents: 1, host_names: vec!["a".to_owned()] };
    let survey = Survey { failed: named(), cloned: named(), lapsed: named(), lapsing: named() };
    let server = ServerHealth {
        position: 0,
        host: "10.1.1.5".parse().unwrap(),
        n_reached: 1,
        n_depend: 1,
        ports: Vec::new(),
    };
    let health = Health { n_agents: 1, servers: vec![server; 60], ..Health::default() };
    let facts = Facts {
        counts: Counts { n_agents: 9, n_cloned: 1, ..Counts::default() },
        rejected: named(),
        survey: &survey,
        health: &health,
        settings: None,
        n_draft_changes: 1,
        draft_changed_at: Some(SystemTime::UNIX_EPOCH),
        now: SystemTime::UNIX_EPOCH + Duration::from_secs(9 * 24 * 60 * 60),
    };
    let without = landmark_proto::settings::Settings::default();
    let all = [facts.clone(), Facts { settings: Some(&without), ..facts }];
    let told: Vec<_> = all.iter().flat_map(attention).collect();
    for item in &told {
        let (_, rest) = item.remedy.split_once("(landmarkctl ").unwrap();
        let (command, page) = rest.split_once("; page ").unwrap();
        assert!(page.ends_with(')'), "{}", item.remedy);
        let command = filled(command);
        let words: Vec<&str> = command.split(' ').collect();
        assert!(parse(&words).is_ok(), "{command}");
    }
    let codes: std::collections::BTreeSet<_> = told.iter().map(|item| item.code).collect();
    assert!(codes.len() >= 8, "{codes:?}");
}
