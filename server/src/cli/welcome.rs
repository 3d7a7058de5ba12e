//! What the server tells people when it has started: where it is, and what to try first.

use std::fmt::Write as _;
use std::path::Path;

use landmark_daemon::state_dir::default_state_dir;
use landmark_proto::ids::FleetId;
use landmark_server::app::{Addresses, SignIn};
use landmark_server::config::{Advertise, Config, STATE_DIR_NAME};

/// What is only known once the server runs.
pub(crate) struct Facts {
    pub(crate) fleet_id: FleetId,
    pub(crate) addresses: Addresses,
    pub(crate) advertised: Advertise,
    pub(crate) sign_in: SignIn,
}

/// The port that landmarkctl tries by itself.
const ADMINISTRATION_PORT: u16 = 7445;

pub(crate) fn text(config: &Config, facts: &Facts) -> String {
    let Facts { fleet_id, addresses, advertised, sign_in } = facts;
    let listed = |addresses: &[landmark_server::config::Address]| {
        addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    let mut text = String::new();
    let mut line = |text_of_line: std::fmt::Arguments<'_>| {
        // Writing into a String cannot fail.
        writeln!(text, "{text_of_line}").ok();
    };
    line(format_args!("Landmark server {}, fleet {fleet_id}", env!("CARGO_PKG_VERSION")));
    line(format_args!(
        "  agents          {}  (agents are told {})",
        addresses.agents,
        listed(&advertised.agents)
    ));
    line(format_args!(
        "  enrolment       {}  (join strings say {})",
        addresses.enrollment,
        listed(&advertised.enrollment)
    ));
    line(format_args!(
        "  administration  {}  (API token: {})",
        addresses.administration,
        config.state_dir.join("admin-token").display()
    ));
    line(format_args!("  operations      http://{}/readyz, /livez, /metrics", addresses.operations));
    line(format_args!("  state           {}", config.state_dir.display()));
    line(format_args!(""));
    match sign_in {
        SignIn::First(link) => {
            line(format_args!("Open the console:        {link}"));
            line(format_args!("                         (once; makes the first account)"));
        }
        SignIn::Console(console) => line(format_args!("Console:                 {console}")),
    }
    let ctl = landmarkctl(&config.state_dir, &default_state_dir(STATE_DIR_NAME), addresses);
    line(format_args!("Try first:               {ctl} servers list"));
    line(format_args!("Make a machine an agent: {ctl} tokens create"));
    text
}

/// The command with the flags that it needs to find this server.
fn landmarkctl(state_dir: &Path, default_state_dir: &Path, addresses: &Addresses) -> String {
    let mut command = "landmarkctl".to_owned();
    if state_dir != default_state_dir {
        write!(command, " --state-dir {}", state_dir.display()).ok();
    }
    if addresses.administration.port() != ADMINISTRATION_PORT {
        write!(command, " --server {}", addresses.administration).ok();
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(administration: &str) -> Addresses {
        Addresses {
            agents: "0.0.0.0:7443".parse().unwrap(),
            enrollment: "0.0.0.0:7444".parse().unwrap(),
            administration: administration.parse().unwrap(),
            operations: "127.0.0.1:7446".parse().unwrap(),
        }
    }

    #[test]
    fn the_first_start_says_where_it_is_and_what_to_try() {
        let mut config = Config::defaults().unwrap();
        config.state_dir = "/srv/landmark".into();
        let mut facts = Facts {
            fleet_id: "0190a3b2-0000-7000-8000-000000000000".parse().unwrap(),
            addresses: addresses("127.0.0.1:9445"),
            advertised: Advertise {
                agents: vec!["hq.example:7443".parse().unwrap()],
                enrollment: vec!["hq.example:7444".parse().unwrap()],
            },
            sign_in: SignIn::First("https://127.0.0.1:9445/welcome?code=secret".to_owned()),
        };
        insta::assert_snapshot!(text(&config, &facts).replace(env!("CARGO_PKG_VERSION"), "[version]"), @r"
        Landmark server [version], fleet 0190a3b2-0000-7000-8000-000000000000
          agents          0.0.0.0:7443  (agents are told hq.example:7443)
          enrolment       0.0.0.0:7444  (join strings say hq.example:7444)
          administration  127.0.0.1:9445  (API token: /srv/landmark/admin-token)
          operations      http://127.0.0.1:7446/readyz, /livez, /metrics
          state           /srv/landmark

        Open the console:        https://127.0.0.1:9445/welcome?code=secret
                                 (once; makes the first account)
        Try first:               landmarkctl --state-dir /srv/landmark --server 127.0.0.1:9445 servers list
        Make a machine an agent: landmarkctl --state-dir /srv/landmark --server 127.0.0.1:9445 tokens create
        ");
        facts.sign_in = SignIn::Console("https://127.0.0.1:9445/".to_owned());
        let text = text(&config, &facts);
        assert!(text.contains("\nConsole:                 https://127.0.0.1:9445/\nTry first"), "{text}");
    }

    #[test]
    fn landmarkctl_finds_a_default_server_by_itself() {
        let default = Path::new("/var/lib/landmark-server");
        assert_eq!(landmarkctl(default, default, &addresses("127.0.0.1:7445")), "landmarkctl");
    }
}
