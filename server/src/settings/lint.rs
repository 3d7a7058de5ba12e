//! What is doubtful in settings: warnings for the administrator, each with its reason and what to do. Nothing is refused.
//!
//! Pure: what the server knows beside the settings (what names resolve to, what the fleet reaches) is given as facts.
//! Codes and their meaning stay; scripts go by them.

mod addresses;
mod firewall;
mod gateways;
mod servers;

use std::collections::HashMap;
use std::net::IpAddr;

use landmark_proto::firewall::Firewall;
use landmark_proto::host::{Host, Name};
use landmark_proto::location_rules::{Criterion, LocationRules, ServerConnection, Tunnels};
use landmark_proto::reference_server::ReferenceServerList;
use landmark_proto::settings::Settings;

/// One thing that is doubtful.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which rule, for scripts.
    pub code: &'static str,
    /// What it is about, as in a difference: `reference_servers.servers[10.1.1.5]`.
    pub path: String,
    /// What is doubtful, and why.
    pub message: String,
    /// A command line that mends it. What only the administrator knows stands there in capitals.
    pub remedy: String,
}

/// What is known beside the settings. What is not known leads to no finding.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// What the names of reference servers resolve to, as the management server sees them.
    pub names: HashMap<Name, Resolution>,
    /// What the fleet reaches.
    pub health: Vec<ReachedBy>,
}

/// What became of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// At least one address.
    Addresses(Vec<IpAddr>),
    /// There is no such name, or it has no address.
    NotFound,
    /// The resolver did not answer, or not in time.
    NoAnswer,
}

/// How the fleet fares with one reference server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReachedBy {
    /// The entry.
    pub host: Host,
    /// Agents that tried it lately.
    pub n_tried: u64,
    /// Agents that were answered.
    pub n_reached: u64,
    /// Until the first of its certificates ends; below 0 for one that has.
    pub certificate_days_left: Option<i64>,
}

/// Everything that is doubtful: of the location first, what concerns the whole list before its entries in their order; then
/// of the firewall.
pub fn lint(settings: &Settings, facts: &Facts) -> Vec<Finding> {
    let mut findings = lint_location(settings, facts);
    findings.extend(lint_firewall(&settings.firewall));
    findings
}

/// What is doubtful in the firewall alone.
pub fn lint_firewall(firewall: &Firewall) -> Vec<Finding> {
    firewall::lint(firewall)
}

fn lint_location(settings: &Settings, facts: &Facts) -> Vec<Finding> {
    match settings.location.criterion {
        Criterion::Gateway => {
            let mut findings = gateways::lint(&settings.gateways);
            // The servers decide nothing, and yet an agent refuses what has such a one among them.
            findings.extend(settings.reference_servers.servers().iter().filter_map(servers::own_machine));
            findings
        }
        Criterion::ConnectionStatus => {
            let mut findings = Vec::new();
            lint_use(settings, &mut findings);
            lint_redundancy(settings, &mut findings);
            findings.extend(tunnels_and_server_connection(&settings.location));
            servers::lint(&settings.reference_servers, facts, &mut findings);
            findings
        }
    }
}

/// The names that the facts should know.
pub fn names(list: &ReferenceServerList) -> impl Iterator<Item = &Name> {
    list.servers().iter().filter_map(|server| match &server.host {
        Host::Name(name) => Some(name),
        Host::V4(_) | Host::V6(..) => None,
    })
}

fn lint_use(settings: &Settings, findings: &mut Vec<Finding>) {
    let list = &settings.reference_servers;
    let consequence = match settings.location.server_connection {
        ServerConnection::MeansInternal => {
            "an agent that loses the management server is external wherever it is"
        }
        ServerConnection::SaysNothing => "every agent is external, connected or not",
    };
    if !list.is_enabled() {
        findings.push(Finding {
            code: "list_disabled",
            path: "reference_servers.enabled".to_owned(),
            message: format!("the list is disabled: {consequence}"),
            remedy: "landmarkctl servers enable".to_owned(),
        });
    } else if list.servers().is_empty() {
        findings.push(Finding {
            code: "list_empty",
            path: "reference_servers.servers".to_owned(),
            message: format!("the list is enabled and empty: {consequence}"),
            remedy: "landmarkctl servers add HOST PORT".to_owned(),
        });
    }
}

fn lint_redundancy(settings: &Settings, findings: &mut Vec<Finding>) {
    let n_servers = settings.reference_servers.servers().len();
    let required = settings.location.required_successes.get();
    let path = "location.required_successes".to_owned();
    let fewer = |n: usize| format!("landmarkctl location set --required-successes {n}");
    match n_servers {
        0 => {}
        n if required > n => findings.push(Finding {
            code: "too_few_servers",
            path,
            message: format!("{required} reference servers must answer and the list has {n}: none can make an agent internal"),
            remedy: fewer(n.saturating_sub(1).max(1)),
        }),
        1 => findings.push(Finding {
            code: "single_server",
            path: "reference_servers.servers".to_owned(),
            message: "one reference server stands for the whole company network: its outage turns every agent external \
                      that has no connection to the management server"
                .to_owned(),
            remedy: "landmarkctl servers add HOST PORT".to_owned(),
        }),
        n if required == n => findings.push(Finding {
            code: "no_spare_server",
            path,
            message: format!("all {n} reference servers must answer: the outage of any one turns agents external"),
            remedy: fewer(n - 1),
        }),
        _ => {}
    }
}

/// Whether the link itself passes through a tunnel, nobody asks: it is enough that it stands.
fn tunnels_and_server_connection(rules: &LocationRules) -> Option<Finding> {
    let doubtful =
        rules.tunnels == Tunnels::Ignore && rules.server_connection == ServerConnection::MeansInternal;
    doubtful.then(|| Finding {
        code: "tunnels_and_server_connection",
        path: "location.server_connection".to_owned(),
        message:
            "answers through a tunnel are ignored, yet a connection to the management server means internal, \
                  through a tunnel as well: a machine outside whose VPN carries that connection is internal"
                .to_owned(),
        remedy: "landmarkctl location set --server-connection says-nothing".to_owned(),
    })
}

#[cfg(test)]
mod tests;
