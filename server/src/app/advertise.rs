//! Where agents are told to find the server, when nobody configured it: this machine's name, with the port in fact.

use std::net::SocketAddr;

use landmark_proto::host::Host;

use super::Addresses;
use crate::config::{Address, Advertise};

/// The configured addresses, or this machine's.
pub(super) fn advertised(configured: &Advertise, addresses: &Addresses, host_name: &str) -> Advertise {
    let or_own = |configured: &[Address], bound: SocketAddr| {
        if configured.is_empty() { own(bound, host_name).into_iter().collect() } else { configured.to_vec() }
    };
    Advertise {
        agents: or_own(&configured.agents, addresses.agents),
        enrollment: or_own(&configured.enrollment, addresses.enrollment),
    }
}

/// Where a browser finds the console.
pub(super) fn console(bound: SocketAddr, host_name: &str) -> String {
    own(bound, host_name).map_or_else(|| format!("https://{bound}/"), |address| format!("https://{address}/"))
}

/// A server that listens on one address is found there; one that listens on all of them is found by its name.
fn own(bound: SocketAddr, host_name: &str) -> Option<Address> {
    if !bound.ip().is_unspecified() {
        return Address::try_from(bound).ok();
    }
    let port = u32::from(bound.port()).try_into().ok()?;
    let host = host_name.parse().or_else(|_| "localhost".parse::<Host>()).ok()?;
    Some(Address { host, port })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(configured: &Advertise, agents: &str, host_name: &str) -> String {
        let any: SocketAddr = "0.0.0.0:7444".parse().unwrap();
        let addresses = Addresses {
            agents: agents.parse().unwrap(),
            enrollment: any,
            administration: any,
            operations: any,
        };
        let advertised = advertised(configured, &addresses, host_name);
        advertised.agents.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_is_configured_is_told_and_otherwise_the_machine_itself() {
        let none = Advertise::default();
        assert_eq!(told(&none, "0.0.0.0:7443", "hq"), "hq:7443");
        assert_eq!(told(&none, "[::]:9", "HQ.example"), "hq.example:9");
        assert_eq!(told(&none, "127.0.0.1:40001", "hq"), "127.0.0.1:40001");
        assert_eq!(told(&none, "[2001:db8::1]:7443", "hq"), "[2001:db8::1]:7443");
        assert_eq!(told(&none, "0.0.0.0:7443", "not a name"), "localhost:7443");
        let configured = Advertise { agents: vec!["vip.example:443".parse().unwrap()], ..none };
        assert_eq!(told(&configured, "0.0.0.0:7443", "hq"), "vip.example:443");
    }

    #[test]
    fn a_browser_goes_where_the_console_is() {
        let console = |bound: &str| console(bound.parse().unwrap(), "hq.example");
        assert_eq!(console("127.0.0.1:7445"), "https://127.0.0.1:7445/");
        assert_eq!(console("[::1]:7445"), "https://[::1]:7445/");
        assert_eq!(console("0.0.0.0:443"), "https://hq.example:443/");
    }
}
