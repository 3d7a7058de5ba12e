//! The exceptions that a template has from the start (OfficeScan, "firewall policy exception template").

use super::exception::{Action, Direction, Exception, Exceptions, Traffic};
use super::name::ItemName;
use super::port_set::PortSet;
use super::remote::Remotes;

type Of = fn(PortSet) -> Traffic;

/// All allow, in both directions.
const DEFAULTS: [(&str, Of, &str); 9] = [
    ("DNS", Traffic::TcpUdp, "53"),
    ("NetBIOS", Traffic::TcpUdp, "137-139,445"),
    ("HTTPS", Traffic::Tcp, "443"),
    ("HTTP", Traffic::Tcp, "80"),
    ("Telnet", Traffic::Tcp, "23"),
    ("SMTP", Traffic::Tcp, "25"),
    ("FTP", Traffic::Tcp, "21"),
    ("POP3", Traffic::Tcp, "110"),
    ("LDAP", Traffic::TcpUdp, "389"),
];

/// They.
pub fn exceptions() -> Exceptions {
    let exception = |(name, traffic, ports): (&'static str, Of, &str)| {
        // Tested: each of them is a set of ports.
        let ports = ports.parse().unwrap_or_default();
        Exception {
            name: ItemName::constant(name),
            action: Action::Allow,
            direction: Direction::Both,
            traffic: traffic(ports),
            remotes: Remotes::default(),
        }
    };
    Exceptions::new(DEFAULTS.into_iter().map(exception).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_that_of_the_field() {
        let told: Vec<String> = exceptions()
            .as_slice()
            .iter()
            .map(|exception| format!("{}: {exception}", exception.name))
            .collect();
        assert_eq!(
            told,
            [
                "DNS: allow in and out tcp+udp 53",
                "NetBIOS: allow in and out tcp+udp 137-139,445",
                "HTTPS: allow in and out tcp 443",
                "HTTP: allow in and out tcp 80",
                "Telnet: allow in and out tcp 23",
                "SMTP: allow in and out tcp 25",
                "FTP: allow in and out tcp 21",
                "POP3: allow in and out tcp 110",
                "LDAP: allow in and out tcp+udp 389",
            ]
        );
    }
}
