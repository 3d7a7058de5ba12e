//! Layers and messages exactly as an operator meets them.

use std::ffi::OsStr;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt as _;
use std::time::Duration;

use super::shape::{Durations, ListOf, Parsed};
use super::unit::{KIB, MIB};
use super::*;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Format {
    Text,
    Json,
}

#[derive(Debug, PartialEq)]
struct Config {
    debug: bool,
    format: Format,
    idle_timeout: Duration,
    dial_timeout: Duration,
    dial_pause: Option<Duration>,
    n_attempts: u16,
    max_message: u64,
    listen: SocketAddr,
    hosts: Vec<String>,
    resolvers: Vec<std::net::IpAddr>,
    key: PathBuf,
    bundle: Option<PathBuf>,
    name: Option<String>,
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn declare(r: &mut Reader) -> Config {
    let config = Config {
        idle_timeout: r.duration(
            "link.idle-timeout",
            seconds(120),
            seconds(5)..=seconds(3600),
            "How long the server may be silent\nbefore the link counts as lost.",
        ),
        format: r.choice(
            "log.format",
            Format::Text,
            &[("text", Format::Text), ("json", Format::Json)],
            "How log lines look.",
        ),
        dial_timeout: r.duration(
            "link.dial-timeout",
            seconds(5),
            seconds(1)..,
            "How long one dial may take.",
        ),
        dial_pause: r.optional(
            "link.dial-pause",
            &seconds(1),
            &Durations::within(..),
            "A rest before each dial.",
        ),
        n_attempts: r.number("link.attempts", 3, 1.., "How often to dial in a row."),
        max_message: r.size("link.max-message", 4 * MIB, 64 * KIB..=16 * MIB, "The longest message."),
        debug: r.bool("debug", false, "Tells more."),
        listen: r.socket_addr("listen", SocketAddr::from(([127, 0, 0, 1], 7446)), "Where we can be asked."),
        hosts: r.strings("link.hosts", &["a.example", "b.example"], "The servers to dial."),
        resolvers: r.value("dns.resolvers", Vec::new(), &ListOf(Parsed::new()), "Whom to ask for names."),
        key: r.path("identity.key", "/var/lib/app/key.pem", "Our private key."),
        bundle: r.optional_path("identity.bundle", "/etc/app/bundle.pem", "More authorities."),
        name: r.optional_string("identity.name", "site-7", "What to be called."),
    };
    if config.dial_timeout > config.idle_timeout {
        r.problem("link.dial-timeout", "is longer than link.idle-timeout");
    }
    config
}

fn defaults() -> Config {
    Config {
        debug: false,
        format: Format::Text,
        idle_timeout: seconds(120),
        dial_timeout: seconds(5),
        dial_pause: None,
        n_attempts: 3,
        max_message: 4 * MIB,
        listen: SocketAddr::from(([127, 0, 0, 1], 7446)),
        hosts: vec!["a.example".to_owned(), "b.example".to_owned()],
        resolvers: Vec::new(),
        key: PathBuf::from("/var/lib/app/key.pem"),
        bundle: None,
        name: None,
    }
}

fn layers() -> Layers {
    Layers::new("APP")
}

fn load(layers: Layers) -> Result<Config, InvalidConfig> {
    let mut reader = layers.reader();
    let config = declare(&mut reader);
    reader.finish(config)
}

fn problems(layers: Layers) -> String {
    load(layers).unwrap_err().to_string()
}

fn variables(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    pairs.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect()
}

#[test]
fn without_any_layer_everything_is_default() {
    assert_eq!(load(layers()), Ok(defaults()));
}

#[test]
fn reads_every_shape_out_of_a_file() {
    let text = r#"
debug = true
listen = "[::]:1"
dns.resolvers = ["192.0.2.1", "2001:db8::1"]
[link]
idle-timeout = "30s"
dial-timeout = "10s"
dial-pause = "500ms"
attempts = 7
max-message = "1MiB"
hosts = []
[log]
format = "json"
[identity]
key = "/k"
bundle = "/b"
name = "n"
"#;
    let expected = Config {
        debug: true,
        format: Format::Json,
        idle_timeout: seconds(30),
        dial_timeout: seconds(10),
        dial_pause: Some(Duration::from_millis(500)),
        n_attempts: 7,
        max_message: MIB,
        listen: "[::]:1".parse().unwrap(),
        hosts: Vec::new(),
        resolvers: vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()],
        key: PathBuf::from("/k"),
        bundle: Some(PathBuf::from("/b")),
        name: Some("n".to_owned()),
    };
    assert_eq!(load(layers().toml("agent.toml", text)), Ok(expected));
}

#[test]
fn reads_every_shape_out_of_variables_and_flags() {
    let environment = variables(&[
        ("APP_DEBUG", "true"),
        ("APP_LINK_IDLE_TIMEOUT", "30s"),
        ("APP_LINK_ATTEMPTS", "7"),
        ("APP_LINK_HOSTS", "c.example,d.example"),
        ("PATH", "/bin"),
    ]);
    let config = load(
        layers().environment(environment).overrides([("log.format", "json"), ("dns.resolvers", "")]).flag(
            "--listen",
            "listen",
            Some("127.0.0.1:1"),
        ),
    )
    .unwrap();
    let expected = Config {
        debug: true,
        format: Format::Json,
        idle_timeout: seconds(30),
        n_attempts: 7,
        listen: SocketAddr::from(([127, 0, 0, 1], 1)),
        hosts: vec!["c.example".to_owned(), "d.example".to_owned()],
        ..defaults()
    };
    assert_eq!(config, expected);
}

#[test]
fn a_higher_layer_wins_in_whatever_order_the_layers_are_added() {
    let file = |layers: Layers| layers.toml("agent.toml", "[link]\nattempts = 1");
    let environment = |layers: Layers| layers.environment(variables(&[("APP_LINK_ATTEMPTS", "2")]));
    let flags = |layers: Layers| layers.overrides([("link.attempts", "3"), ("link.attempts", "4")]);
    let n_attempts = |layers| load(layers).unwrap().n_attempts;
    assert_eq!(n_attempts(file(layers())), 1);
    assert_eq!(n_attempts(environment(file(layers()))), 2);
    assert_eq!(n_attempts(file(environment(layers()))), 2);
    assert_eq!(n_attempts(flags(environment(file(layers())))), 4);
    assert_eq!(n_attempts(file(environment(flags(layers())))), 4);
}

#[test]
fn a_flag_that_was_not_given_changes_nothing() {
    assert_eq!(load(layers().flag("--listen", "listen", None::<String>)), Ok(defaults()));
}

#[test]
fn reports_all_problems_at_once_each_with_its_place() {
    let file = "\
debug = \"yes\"

[link]
idle-timeout = \"0s\"
idle_timeout = \"5s\"
attempts = 70000
hosts = [
  \"a\",
  7,
]

[lnik]

[log.format]
colour = 1
";
    let environment = variables(&[("APP_LINK_DIAL_TIMEOUT", "5"), ("APP_LINK_DAIL_TIMEOUT", "5s")]);
    let layers = layers()
        .toml("agent.toml", file)
        .environment(environment)
        .overrides([("link.max-message", "1GiB"), ("max-message", "1MiB")])
        .flag("--listen", "listen", Some("localhost"));
    assert_eq!(
        problems(layers),
        "\
agent.toml:1:9: debug: must be true or false, not a string
agent.toml:4:16: link.idle-timeout: 0s is too short (at least 5s)
agent.toml:5:16: link.idle_timeout: unknown key (did you mean link.idle-timeout?)
agent.toml:6:12: link.attempts: 70000 is too large (at most 65535)
agent.toml:9:3: link.hosts[1]: must be a string, not an integer
agent.toml:12:2: lnik: unknown key
agent.toml:15:10: log.format.colour: unknown key
APP_LINK_DAIL_TIMEOUT: unknown variable (did you mean APP_LINK_DIAL_TIMEOUT?)
APP_LINK_DIAL_TIMEOUT: link.dial-timeout: 5 has no unit (ms, s, m, h or d)
--set link.max-message: 1GiB is too large (at most 16MiB)
--set max-message: unknown key (did you mean link.max-message?)
--listen: listen: localhost is not an IP address and port (such as 127.0.0.1:7446 or [::1]:7446)"
    );
}

#[test]
fn a_table_given_a_value_is_told_from_an_unknown_key() {
    assert_eq!(
        problems(layers().toml("agent.toml", "link = 1")),
        "agent.toml:1:8: link: is a table of settings, not a setting"
    );
    assert_eq!(load(layers().toml("agent.toml", "[link]\n[log]\n")), Ok(defaults()));
}

#[test]
fn a_setting_given_a_table_is_told_so() {
    assert_eq!(
        problems(layers().toml("agent.toml", "[debug]")),
        "agent.toml:1:2: debug: must be true or false, not an empty table"
    );
}

#[test]
fn syntax_errors_hide_the_file_but_not_the_other_layers() {
    let layers = layers()
        .toml("agent.toml", "debug = maybe\n[link\nidle-timeout = \"0s\"\n")
        .overrides([("link.attempts", "0")]);
    assert_eq!(
        problems(layers),
        "\
agent.toml:1:9: string values must be quoted, expected literal string
agent.toml:2:6: unclosed table, expected `]`
--set link.attempts: 0 is too small (at least 1)"
    );
}

#[test]
fn a_problem_between_settings_is_reported_where_its_setting_was_written() {
    let layers = |text| layers().toml("agent.toml", text);
    assert_eq!(
        problems(layers("link.dial-timeout = \"1h\"")),
        "agent.toml:1:21: link.dial-timeout: is longer than link.idle-timeout"
    );
    assert_eq!(
        problems(
            layers("link.idle-timeout = \"5s\"\nlink.dial-timeout = \"6s\"")
                .overrides([("link.idle-timeout", "5s")])
        ),
        "agent.toml:2:21: link.dial-timeout: is longer than link.idle-timeout"
    );
}

#[test]
fn a_problem_with_a_default_has_no_place() {
    let mut reader = layers().reader();
    reader.duration("a", seconds(1), .., "A.");
    reader.problem("a", "is shorter than b");
    assert_eq!(reader.finish(()).unwrap_err().to_string(), "a: is shorter than b");
}

#[test]
fn a_default_outside_its_own_limits_is_found() {
    let mut reader = layers().reader();
    reader.duration("a", seconds(1), seconds(2).., "A.");
    assert_eq!(
        reader.finish(()).unwrap_err().to_string(),
        "a: the built-in value 1s is too short (at least 2s)"
    );
}

#[test]
fn variables_of_a_service_of_our_name_and_reserved_ones_are_no_settings() {
    let environment = variables(&[
        ("APP_SERVICE_HOST", "10.0.0.1"),
        ("APP_PORT", "tcp://10.0.0.1:7443"),
        ("APP_PORT_7443_TCP_ADDR", "10.0.0.1"),
        ("APP_CONFIG", "/etc/app.toml"),
        ("APPLE", "1"),
    ]);
    assert_eq!(load(layers().environment(environment).reserve("APP_CONFIG")), Ok(defaults()));
}

#[test]
fn a_variable_that_is_not_text_is_named() {
    let broken = OsStr::from_bytes(b"\xff").to_owned();
    let layers = layers().environment([(OsString::from("APP_DEBUG"), broken)]);
    assert_eq!(problems(layers), "APP_DEBUG: is not valid UTF-8");
}

#[test]
fn a_file_that_must_exist_and_does_not_is_a_problem() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.toml");
    assert_eq!(problems(layers().file(&path)), format!("{}: there is no such file", path.display()));
    assert_eq!(load(layers().file_if_present(&path)), Ok(defaults()));
}

#[test]
fn a_file_that_cannot_be_read_is_a_problem() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let name = path.display();
    assert_eq!(
        problems(layers().file_if_present(path)),
        format!("{name}: cannot read {name}: Is a directory (os error 21)")
    );
}

#[test]
fn a_relative_path_starts_at_the_folder_of_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.toml");
    durable::write(&path, b"[identity]\nkey = 'tls/key.pem'\nbundle = '/b'", durable::Mode::Public).unwrap();
    let config = load(layers().file(&path)).unwrap();
    assert_eq!(config.key, folder.path().join("tls/key.pem"));
    assert_eq!(config.bundle, Some(PathBuf::from("/b")));
    let config = load(layers().file(&path).overrides([("identity.key", "tls/key.pem")])).unwrap();
    assert_eq!(config.key, PathBuf::from("tls/key.pem"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn the_default_configuration_documents_every_setting() {
    let mut reader = layers().reader();
    declare(&mut reader);
    assert_eq!(
        reader.default_config(),
        r#"# Tells more.
# (APP_DEBUG)
#debug = false

# Where we can be asked.
# (APP_LISTEN)
#listen = "127.0.0.1:7446"

[link]

# How long the server may be silent
# before the link counts as lost.
# (5s to 1h; APP_LINK_IDLE_TIMEOUT)
#idle-timeout = "2m"

# How long one dial may take.
# (at least 1s; APP_LINK_DIAL_TIMEOUT)
#dial-timeout = "5s"

# A rest before each dial.
# (not set by default; APP_LINK_DIAL_PAUSE)
#dial-pause = "1s"

# How often to dial in a row.
# (at least 1; APP_LINK_ATTEMPTS)
#attempts = 3

# The longest message.
# (64KiB to 16MiB; APP_LINK_MAX_MESSAGE)
#max-message = "4MiB"

# The servers to dial.
# (a list; APP_LINK_HOSTS)
#hosts = ["a.example", "b.example"]

[log]

# How log lines look.
# (one of text, json; APP_LOG_FORMAT)
#format = "text"

[dns]

# Whom to ask for names.
# (a list; APP_DNS_RESOLVERS)
#resolvers = []

[identity]

# Our private key.
# (APP_IDENTITY_KEY)
#key = "/var/lib/app/key.pem"

# More authorities.
# (not set by default; APP_IDENTITY_BUNDLE)
#bundle = "/etc/app/bundle.pem"

# What to be called.
# (not set by default; APP_IDENTITY_NAME)
#name = "site-7"
"#
    );
}

#[test]
fn the_default_configuration_means_the_defaults_commented_out_or_not() {
    let mut reader = layers().reader();
    declare(&mut reader);
    let text = reader.default_config();
    assert_eq!(load(layers().toml("agent.toml", &text)), Ok(defaults()));
    let settings: Vec<&str> = text
        .lines()
        .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line))
        .collect();
    let config = load(layers().toml("agent.toml", &settings.join("\n"))).unwrap();
    let with_examples = Config {
        dial_pause: Some(seconds(1)),
        bundle: Some(PathBuf::from("/etc/app/bundle.pem")),
        name: Some("site-7".to_owned()),
        ..defaults()
    };
    assert_eq!(config, with_examples);
}

#[test]
fn shows_what_is_in_force_and_why() {
    let mut reader = layers()
        .toml("agent.toml", "link = { attempts = 0x10, idle-timeout = '60s' }")
        .environment(variables(&[("APP_LINK_HOSTS", "c,d")]))
        .overrides([("log.format", "json")])
        .flag("--key", "identity.key", Some("/k"))
        .reader();
    declare(&mut reader);
    reader.redact("listen");
    let lines: Vec<String> = reader.effective().iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "debug = false (default)",
            "dns.resolvers = [] (default)",
            "identity.key = \"/k\" (--key)",
            "link.attempts = 16 (agent.toml:1:21)",
            "link.dial-timeout = \"5s\" (default)",
            "link.hosts = [\"c\", \"d\"] (APP_LINK_HOSTS)",
            "link.idle-timeout = \"1m\" (agent.toml:1:42)",
            "link.max-message = \"4MiB\" (default)",
            "listen = (redacted) (default)",
            "log.format = \"json\" (--set log.format)",
        ]
    );
}

#[test]
fn an_override_is_a_key_and_a_value() {
    assert_eq!(parse_override("a.b = c=d "), Ok(("a.b".to_owned(), "c=d".to_owned())));
    assert_eq!(parse_override("a="), Ok(("a".to_owned(), String::new())));
    for text in ["a", "=b", ""] {
        assert_eq!(
            parse_override(text).unwrap_err().to_string(),
            format!("{text:?} is not KEY=VALUE (such as log.format=json)")
        );
    }
}
