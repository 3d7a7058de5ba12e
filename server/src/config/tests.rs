use super::*;

fn read(text: &str) -> Result<Config, String> {
    Config::read(Layers::new(PREFIX).toml("server.toml", text))
        .map(|(config, _)| config)
        .map_err(|error| error.to_string())
}

#[test]
fn without_any_configuration_the_documented_defaults_are_in_force() {
    let config = Config::defaults().unwrap();
    assert_eq!(config.listen.agents, "0.0.0.0:7443".parse().unwrap());
    assert_eq!(config.listen.enrollment, "0.0.0.0:7444".parse().unwrap());
    assert_eq!(config.listen.administration, "127.0.0.1:7445".parse().unwrap());
    assert_eq!(config.listen.operations, "127.0.0.1:7446".parse().unwrap());
    assert_eq!(config.max_reference_servers.get(), 32);
    assert_eq!(config.fleet, FleetConfig::default());
    assert_eq!(config.agent_limits, Limits::agents());
    assert_eq!(config.agent_certificate_life, 30 * DAY);
    assert_eq!(config.sessions, SessionLimits { idle: 30 * MINUTE, life: 12 * HOUR });
}

#[test]
fn the_printed_default_configuration_changes_nothing_even_uncommented() {
    let printed = default_config();
    let uncommented: String = printed
        .lines()
        .filter_map(|line| line.strip_prefix('#').filter(|line| !line.starts_with(' ')).or(Some(line)))
        .flat_map(|line| [line, "\n"])
        .collect();
    let config = read(&uncommented).unwrap();
    let defaults = Config::defaults().unwrap();
    assert_eq!(format!("{config:?}"), format!("{defaults:?}"));
    assert_eq!(format!("{:?}", read(&printed).unwrap()), format!("{defaults:?}"));
}

#[test]
fn everything_wrong_is_told_at_once_with_its_place() {
    let error = read(
        r#"
[listen]
agents = "everywhere"
[reference-servers]
max = 321
[advertise]
agents = ["landmark.example", "a:0"]
[timing]
heartbeat = "1s"
heartbeet = "1m"
[log]
filter = "loud=loud"
"#,
    )
    .unwrap_err();
    insta::assert_snapshot!(error, @r#"
    server.toml:3:10: listen.agents: everywhere is not an IP address and port (such as 127.0.0.1:7446 or [::1]:7446)
    server.toml:5:7: reference-servers.max: 321 is too large (at most 320)
    server.toml:7:11: advertise.agents[0]: "landmark.example" has no port (HOST:PORT, or [IPv6]:PORT)
    server.toml:7:31: advertise.agents[1]: 0 is not a port (1 to 65535)
    server.toml:9:13: timing.heartbeat: 1s is too short (at least 10s)
    server.toml:10:13: timing.heartbeet: unknown key (did you mean timing.heartbeat?)
    server.toml:12:10: log.filter: "loud=loud" is not a log filter (such as info or info,landmark_agent::link=debug)
    "#);
}

#[test]
fn certificates_live_from_an_hour_to_a_year() {
    let life = |text: &str| {
        read(&format!("[certificates]\nlifetime = \"{text}\"")).map(|config| config.agent_certificate_life)
    };
    assert_eq!(life("1h"), Ok(HOUR));
    assert_eq!(life("365d"), Ok(365 * DAY));
    insta::assert_snapshot!(life("59m").unwrap_err(), @"server.toml:2:12: certificates.lifetime: 59m is too short (at least 1h)");
    insta::assert_snapshot!(life("366d").unwrap_err(), @"server.toml:2:12: certificates.lifetime: 366d is too long (at most 365d)");
}

#[test]
fn every_layer_beats_the_one_below() {
    let layers = Layers::new(PREFIX)
        .toml("server.toml", "[log]\nfilter = \"warn\"\nformat = \"json\"\n[reference-servers]\nmax = 64")
        .environment([
            ("LANDMARK_SERVER_LOG_FILTER".into(), "debug".into()),
            ("LANDMARK_SERVER_REFERENCE_SERVERS_MAX".into(), "128".into()),
        ])
        .overrides([("reference-servers.max", "320")]);
    let (config, effective) = Config::read(layers).unwrap();
    assert_eq!(config.log, Log { filter: "debug".to_owned(), format: LogFormat::Json });
    assert_eq!(config.max_reference_servers.get(), 320);
    let told: Vec<String> = effective.iter().map(ToString::to_string).collect();
    assert!(told.contains(&"log.filter = \"debug\" (LANDMARK_SERVER_LOG_FILTER)".to_owned()), "{told:?}");
}

#[test]
fn sweeps_come_from_every_minute_to_every_week_or_never() {
    let interval = |text: &str| {
        read(&format!("[timing]\nsweep-interval = \"{text}\""))
            .map(|config| config.fleet.tuning.sweep_interval)
    };
    assert_eq!(interval("0s"), Ok(None));
    assert_eq!(interval("1m"), Ok(Some(MINUTE)));
    assert_eq!(interval("7d"), Ok(Some(7 * DAY)));
    assert_eq!(Config::defaults().unwrap().fleet.tuning.sweep_interval, Some(6 * HOUR));
    insta::assert_snapshot!(interval("59s").unwrap_err(), @"server.toml:2:18: timing.sweep-interval: is too short (at least 1m, or 0s for never)");
    insta::assert_snapshot!(interval("8d").unwrap_err(), @"server.toml:2:18: timing.sweep-interval: 8d is too long (at most 7d)");
}

#[test]
fn people_are_signed_out_after_a_while_without_use_and_at_last_anyway() {
    let sessions = |text: &str| read(&format!("[console]\n{text}")).map(|config| config.sessions);
    assert_eq!(
        sessions("session-idle = \"5m\"\nsession-life = \"30d\""),
        Ok(SessionLimits { idle: 5 * MINUTE, life: 30 * DAY })
    );
    insta::assert_snapshot!(sessions("session-idle = \"4m\"").unwrap_err(), @"server.toml:2:16: console.session-idle: 4m is too short (at least 5m)");
    insta::assert_snapshot!(sessions("session-life = \"31d\"").unwrap_err(), @"server.toml:2:16: console.session-life: 31d is too long (at most 30d)");
    insta::assert_snapshot!(sessions("session-idle = \"2h\"\nsession-life = \"1h\"").unwrap_err(), @"server.toml:2:16: console.session-idle: is longer than console.session-life");
}
