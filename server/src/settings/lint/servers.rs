//! What is doubtful in the entries of the reference server list.

use std::collections::HashMap;
use std::net::IpAddr;

use landmark_proto::host::Host;
use landmark_proto::reference_server::{Probe, ReferenceServer, ReferenceServerList};

use super::addresses::{is_public, shared_with};
use super::{Facts, Finding, Resolution, names};

/// Where captive portals answer for every address (RFC 8952, section 1, tells how: by intercepting HTTP and TLS).
const PLAIN_WEB: u16 = 80;
const WEB: u16 = 443;
/// Where TLS is spoken at once, so that a key can be pinned (IANA service names and port numbers; 8443 by custom).
const TLS: [u16; 10] = [WEB, 465, 636, 853, 990, 993, 995, 3269, 5986, 8443];
/// A certificate that ends within this many days is told: a month leaves time for a rotation.
const CERTIFICATE_DAYS: i64 = 30;

/// Every entry in its order, then what concerns names as a whole.
pub(super) fn lint(list: &ReferenceServerList, facts: &Facts, findings: &mut Vec<Finding>) {
    let mut owners = HashMap::new();
    for server in list.servers() {
        let rules = [
            own_machine(server),
            shared_network(server),
            public(server, facts),
            web_port(server),
            not_found(server, facts),
            duplicate(server, facts, &mut owners),
        ];
        findings.extend(rules.into_iter().flatten());
        for reached in facts.health.iter().filter(|reached| reached.host == server.host) {
            findings.extend(unreached(server, reached.n_tried, reached.n_reached));
            findings.extend(reached.certificate_days_left.and_then(|days| certificate(server, days)));
        }
    }
    let n_unanswered =
        names(list).filter(|name| facts.names.get(name) == Some(&Resolution::NoAnswer)).count();
    if n_unanswered > 0 {
        findings.push(Finding {
            code: "names_unchecked",
            path: "reference_servers.servers".to_owned(),
            message: format!(
                "the management server's resolver did not answer in time for {n_unanswered} of the names on the list, \
                 which were not looked at"
            ),
            remedy: "landmarkctl servers lint".to_owned(),
        });
    }
}

/// Agents refuse it, and with it the whole assignment, whatever the criterion.
pub(super) fn own_machine(server: &ReferenceServer) -> Option<Finding> {
    let host = &server.host;
    let is_own = match host {
        // RFC 6761, section 6.3.
        Host::Name(name) => name.as_str() == "localhost" || name.as_str().ends_with(".localhost"),
        Host::V4(address) => address.is_loopback(),
        Host::V6(address, _) => address.is_loopback(),
    };
    let message = format!(
        "{host} is the agent's own machine: agents refuse the whole assignment for it, unless their own configuration \
         has location.allow-loopback"
    );
    is_own.then(|| finding("own_machine", server, message, remove(host)))
}

fn shared_network(server: &ReferenceServer) -> Option<Finding> {
    // A pinned key is nowhere else, whatever the address.
    if server.probe != Probe::Tcp {
        return None;
    }
    let host = &server.host;
    let whose = shared_with(host.address()?)?;
    let message = format!(
        "{host} is in the network of {whose}: whatever has that address there makes an agent internal"
    );
    let tls = server.ports.as_slice().iter().map(|port| port.get()).find(|port| TLS.contains(port));
    let remedy = tls.map_or_else(|| remove(host), |port| pin(host, port));
    Some(finding("home_range_address", server, message, remedy))
}

/// A pin does not help here: it is the right server that answers from outside too.
fn public(server: &ReferenceServer, facts: &Facts) -> Option<Finding> {
    let host = &server.host;
    if let Some(address) = host.address() {
        let message = format!(
            "{host} is a public address: unless a firewall keeps it from answering the internet, agents are internal \
             everywhere"
        );
        return is_public(address).then(|| finding("public_address", server, message, remove(host)));
    }
    let addresses = addresses_of(host, facts);
    let public = addresses.iter().find(|address| is_public(**address))?;
    let message = format!(
        "{host} resolves to the public address {public}: unless a firewall keeps it from answering the internet, \
         agents are internal everywhere"
    );
    let inside = addresses.iter().find(|address| !is_public(**address) && !address.is_loopback());
    let remedy = inside
        .map_or_else(|| remove(host), |inside| format!("landmarkctl servers edit {host} --host {inside}"));
    Some(finding("name_resolves_publicly", server, message, remedy))
}

fn web_port(server: &ReferenceServer) -> Option<Finding> {
    let host = &server.host;
    let has = |number: u16| server.ports.as_slice().iter().any(|port| port.get() == number);
    let without_plain = if server.ports.as_slice().len() > 1 {
        format!("landmarkctl servers remove {}", with_port(host, PLAIN_WEB))
    } else {
        format!("landmarkctl servers edit {host} --ports {WEB}")
    };
    match server.probe {
        Probe::Tls(_) => has(PLAIN_WEB).then(|| {
            let message =
                format!("{host} is recognised by TLS, which web servers do not speak on port {PLAIN_WEB}: it never answers there");
            finding("tls_on_plain_port", server, message, without_plain)
        }),
        Probe::Tcp if has(PLAIN_WEB) || has(WEB) => {
            let port = if has(PLAIN_WEB) { PLAIN_WEB } else { WEB };
            let message = format!(
                "{host} is tried on port {port} without a key pin: captive portals of hotels, trains and cafés answer \
                 there for every address, and an agent is internal"
            );
            let plain = if has(PLAIN_WEB) {
                format!(" && landmarkctl servers remove {}", with_port(host, PLAIN_WEB))
            } else {
                String::new()
            };
            Some(finding("unpinned_web_port", server, message, format!("{}{plain}", pin(host, WEB))))
        }
        Probe::Tcp => None,
    }
}

fn not_found(server: &ReferenceServer, facts: &Facts) -> Option<Finding> {
    let Host::Name(name) = &server.host else { return None };
    let message =
        format!("{} has no address, as the management server sees it: no agent can try it", server.host);
    (facts.names.get(name) == Some(&Resolution::NotFound))
        .then(|| finding("name_not_found", server, message, remove(&server.host)))
}

/// Two entries that are one machine. `owners`: who came first with each address.
fn duplicate<'a>(
    server: &'a ReferenceServer,
    facts: &Facts,
    owners: &mut HashMap<IpAddr, &'a Host>,
) -> Option<Finding> {
    let host = &server.host;
    // The same link-local address is another machine on another link.
    let addresses: Vec<IpAddr> = match host {
        Host::V6(address, _) if address.is_unicast_link_local() => Vec::new(),
        Host::V4(_) | Host::V6(..) => host.address().into_iter().collect(),
        Host::Name(_) => addresses_of(host, facts).to_vec(),
    };
    let mut finding_of_first = None;
    for address in addresses {
        let address = address.to_canonical();
        let owner = *owners.entry(address).or_insert(host);
        if owner != host && finding_of_first.is_none() {
            let message = format!(
                "{host} and {owner} are both {address}: its outage takes both, and they count as two reference servers"
            );
            finding_of_first = Some(finding("duplicate_address", server, message, remove(host)));
        }
    }
    finding_of_first
}

fn unreached(server: &ReferenceServer, n_tried: u64, n_reached: u64) -> Option<Finding> {
    let host = &server.host;
    let message =
        format!("none of the {n_tried} agents that tried {host} lately was answered in a way that counts");
    (n_tried > 0 && n_reached == 0).then(|| finding("unreached", server, message, remove(host)))
}

fn certificate(server: &ReferenceServer, days_left: i64) -> Option<Finding> {
    let host = &server.host;
    let pins = server.probe.pins()?;
    let when = match days_left {
        ..0 => "has ended".to_owned(),
        0 => "ends today".to_owned(),
        1 => "ends tomorrow".to_owned(),
        days => format!("ends in {days} days"),
    };
    let message = format!(
        "the certificate of {host} {when}: should the next one have another key, no agent recognises it; pin the next \
         key beforehand ({} pinned now)",
        pins.as_slice().len()
    );
    let remedy = format!("landmarkctl servers edit {host} --add-pin PIN");
    (days_left <= CERTIFICATE_DAYS).then(|| finding("certificate_expires", server, message, remedy))
}

fn addresses_of<'a>(host: &Host, facts: &'a Facts) -> &'a [IpAddr] {
    let Host::Name(name) = host else { return &[] };
    match facts.names.get(name) {
        Some(Resolution::Addresses(addresses)) => addresses,
        Some(Resolution::NotFound | Resolution::NoAnswer) | None => &[],
    }
}

fn finding(code: &'static str, server: &ReferenceServer, message: String, remedy: String) -> Finding {
    Finding { code, path: format!("reference_servers.servers[{}]", server.host), message, remedy }
}

fn remove(host: &Host) -> String {
    format!("landmarkctl servers remove {host}")
}

fn pin(host: &Host, port: u16) -> String {
    format!("landmarkctl servers pin {} --add", with_port(host, port))
}

fn with_port(host: &Host, port: u16) -> String {
    match host {
        Host::V6(..) => format!("[{host}]:{port}"),
        Host::V4(_) | Host::Name(_) => format!("{host}:{port}"),
    }
}
