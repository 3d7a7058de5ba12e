use clap::CommandFactory as _;

use super::*;

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
fn contradictions_are_refused() {
    for arguments in [
        &["agents", "list", "--online", "--offline"][..],
        &["agents", "list", "--rejected", "--behind"],
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
        &["assign", "--timeout", "60"],
        &["tokens", "create", "--uses", "0"],
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
    let Command::Agents(agents::Agents::List(filter)) =
        parse(&["agents", "list", "web", "--location", "external", "--offline", "--behind"]).unwrap().command
    else {
        panic!("not agents list")
    };
    let filter = filter.to_filter();
    assert_eq!(filter.text.as_deref(), Some("web"));
    assert_eq!(filter.location, Some(crate::view::basis::Location::External));
    assert_eq!(filter.connection, Some(crate::view::agent::Connection::Offline));
    assert_eq!(filter.assignment_state, Some(crate::view::agent::AssignmentState::Behind));
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
