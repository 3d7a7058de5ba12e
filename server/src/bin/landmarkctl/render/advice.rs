//! What should be said of settings before they surprise: what agents refuse, and what they do where no list is tried.

use landmark_proto::host::Host;

use crate::view::draft::{ReferenceServers, Settings};
use crate::view::rules::ServerConnection;

/// Entries that are the machine itself: an agent would be internal everywhere by them.
pub(crate) fn own_machine(list: &ReferenceServers) -> Option<String> {
    let hosts: Vec<&str> =
        list.servers.iter().map(|server| server.host.as_str()).filter(|host| is_own_machine(host)).collect();
    let them = match hosts.as_slice() {
        [] => return None,
        [_] => "which is the machine itself, and with it",
        [..] => "which are the machine itself, and with them",
    };
    Some(format!(
        "agents refuse {}, {them} the whole assignment, unless their own configuration has location.allow-loopback",
        hosts.join(", ")
    ))
}

fn is_own_machine(host: &str) -> bool {
    match host.parse() {
        Ok(Host::V4(address)) => address.is_loopback(),
        Ok(Host::V6(address, _)) => address.to_canonical().is_loopback(),
        // RFC 6761, section 6.3.
        Ok(Host::Name(name)) => name.as_str() == "localhost" || name.as_str().ends_with(".localhost"),
        Err(_) => false,
    }
}

/// What it means that no reference server is tried, if none is.
pub(crate) fn nothing_to_try(settings: &Settings) -> Option<String> {
    let list = &settings.reference_servers;
    let consequence = match settings.location.server_connection {
        Some(ServerConnection::SaysNothing) => "every agent is external, connected or not",
        Some(ServerConnection::MeansInternal) | None => "an agent that loses the server is external",
    };
    match (list.enabled, list.servers.is_empty()) {
        (true, false) => None,
        (true, true) => {
            Some(format!("with an empty list {consequence}; to add to it: landmarkctl servers add HOST PORT"))
        }
        (false, true) => Some(format!("with a list that is empty and disabled {consequence}")),
        (false, false) => Some(format!(
            "the list is disabled, agents do not try it: {consequence}; to use it: landmarkctl servers enable"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::draft::{Probe, ReferenceServer};
    use crate::view::rules::LocationRules;

    fn list(enabled: bool, hosts: &[&str]) -> ReferenceServers {
        let server = |(position, host): (usize, &&str)| ReferenceServer {
            position,
            host: (*host).into(),
            ports: vec![443],
            probe: Probe::Tcp,
        };
        ReferenceServers { enabled, servers: (1..).zip(hosts).map(server).collect() }
    }

    #[test]
    fn hosts_that_every_agent_refuses_are_named() {
        for own in ["127.0.0.1", "127.9.9.9", "::1", "localhost", "db.localhost"] {
            insta::allow_duplicates! {
                insta::assert_snapshot!(
                    own_machine(&list(true, &["10.1.1.5", own])).unwrap().replace(own, "OWN"),
                    @"agents refuse OWN, which is the machine itself, and with it the whole assignment, unless their own configuration has location.allow-loopback"
                );
            }
        }
        assert_eq!(
            own_machine(&list(true, &["10.1.1.5", "128.0.0.1", "2001:db8::1", "localhost.example"])),
            None
        );
        let two = own_machine(&list(true, &["::1", "localhost"])).unwrap();
        assert!(two.starts_with("agents refuse ::1, localhost, which are"), "{two}");
    }

    #[test]
    fn a_list_that_nobody_tries_is_told_with_what_it_means() {
        let told = |enabled, hosts: &[&str], meaning| {
            let location = LocationRules { server_connection: Some(meaning), ..LocationRules::default() };
            nothing_to_try(&Settings {
                reference_servers: list(enabled, hosts),
                location,
                ..Settings::default()
            })
            .unwrap_or_default()
        };
        let lines = [
            told(true, &["a"], ServerConnection::SaysNothing),
            told(true, &[], ServerConnection::MeansInternal),
            told(true, &[], ServerConnection::SaysNothing),
            told(false, &["a"], ServerConnection::MeansInternal),
            told(false, &["a"], ServerConnection::SaysNothing),
            told(false, &[], ServerConnection::MeansInternal),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r"

        with an empty list an agent that loses the server is external; to add to it: landmarkctl servers add HOST PORT
        with an empty list every agent is external, connected or not; to add to it: landmarkctl servers add HOST PORT
        the list is disabled, agents do not try it: an agent that loses the server is external; to use it: landmarkctl servers enable
        the list is disabled, agents do not try it: every agent is external, connected or not; to use it: landmarkctl servers enable
        with a list that is empty and disabled an agent that loses the server is external
        ");
    }
}
