//! Evidence in plain words: one sentence that says why, and a timeline that says how it came to that.
//!
//! Pure: it reads a record and knows nothing else. Agent, server and `landmarkctl` tell a record in these words, so that
//! it reads the same wherever one asks.

mod document;
mod table;
pub mod words;

use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::decision::counts;
use crate::evidence::{Attempt, Evidence, Outcome, finding};
use crate::hysteresis::{Standing, confirmations, contradicts};
use crate::location::{Basis, LinkState, Location, Verdict};
use crate::location_rules::{Criterion, Hysteresis};
use crate::network::DefaultRoute;
use crate::port::Port;
use crate::reference_server::place;
use crate::settings::Settings;

pub use self::document::document;

/// Servers that a sentence names one by one; of more it gives the numbers.
const MAX_NAMED: usize = 3;
/// Characters of a digest that tell assignments apart at a glance.
const DIGEST_CHARS: usize = 12;

/// One sentence without a full stop: the location, and why.
pub fn sentence(evidence: &Evidence) -> String {
    let found = finding(evidence);
    match &evidence.standing {
        Some(standing) if contradicts(&evidence.verdict, &found) => {
            let why = because(evidence, &found);
            format!(
                "still {}, though {why}; {}",
                evidence.verdict.location,
                held_back(hysteresis(evidence), standing, &found)
            )
        }
        Some(_) | None => {
            format!("{}, because {}", evidence.verdict.location, because(evidence, &evidence.verdict))
        }
    }
}

/// What a verdict rests on.
fn because(evidence: &Evidence, verdict: &Verdict) -> String {
    match &verdict.basis {
        Basis::ManagementServer => "the link to the management server is connected".to_owned(),
        Basis::ReferenceServer { host, port, position } => {
            let by = format!("reference server {} ({})", position + 1, place(host, &[*port]));
            let deciding = deciding(evidence, verdict);
            let took = deciding.map_or(String::new(), |attempt| format!(" after {}", short(attempt.took)));
            let rest = failures(evidence, verdict);
            format!("{by} answered{took}{}{rest}", if rest.is_empty() { "" } else { "; " })
        }
        Basis::NoneReachable { n_attempts } => {
            let none = match n_attempts {
                1 => "the only attempt was not answered".to_owned(),
                n => format!("none of {n} attempts was answered"),
            };
            format!("{none}: {}", failures(evidence, verdict))
        }
        Basis::TooFewAnswered { n_answered, n_required, .. } => {
            let servers = if *n_answered == 1 { "reference server" } else { "reference servers" };
            let rest = failures(evidence, verdict);
            format!("only {n_answered} {servers} answered and {n_required} must: {rest}")
        }
        Basis::ListDisabled => no_list(evidence),
        Basis::NoAssignment => {
            format!("no assignment is held and the link to the management server is {}", evidence.link)
        }
        Basis::Gateway { address, mac, position } => {
            let mac = mac.map_or(String::new(), |mac| format!(" with the hardware address {mac}"));
            format!("the default gateway {address}{mac} is number {} on the list", position + 1)
        }
        Basis::NoGateway { seen: Some(address) } => {
            format!("the default gateway {address} {}", another_gateway(evidence, *address))
        }
        Basis::NoGateway { seen: None } if evidence.default_routes.is_empty() => {
            "there is no default route".to_owned()
        }
        Basis::NoGateway { seen: None } => "no default route that counts has a gateway".to_owned(),
    }
}

/// Why a gateway that is used does not count as one on the list.
fn another_gateway(evidence: &Evidence, address: IpAddr) -> &'static str {
    let has_entry = evidence.held.as_ref().is_some_and(|(_, settings)| {
        settings.gateways.as_slice().iter().any(|gateway| gateway.address() == address.to_canonical())
    });
    let mut routes = evidence.default_routes.iter().filter(|route| route.gateway == Some(address));
    match routes.next() {
        _ if !has_entry => "is not on the list",
        Some(DefaultRoute { mac: None, .. }) => {
            "is on the list with a hardware address, and its own could not be found out"
        }
        _ => "is on the list with another hardware address",
    }
}

/// What a finding lacks before it changes the location.
pub fn held_back(rules: Hysteresis, standing: &Standing, found: &Verdict) -> String {
    let wanted = confirmations(rules, found);
    if standing.n_contradictions < wanted {
        return format!("found {} of {wanted} times in a row that a change needs", standing.n_contradictions);
    }
    let (dwelt, minimum) = (short(standing.dwelt), short(rules.minimum_dwell.get()));
    format!("the location has stood for {dwelt} and stands for {minimum} at least")
}

fn required(evidence: &Evidence) -> usize {
    evidence.held.as_ref().map_or(1, |(_, settings)| settings.location.required_successes.get())
}

fn hysteresis(evidence: &Evidence) -> Hysteresis {
    evidence.held.as_ref().map(|(_, settings)| settings.location.hysteresis).unwrap_or_default()
}

/// The whole record for a person, with times of day in this time zone; ends with a line break.
pub fn timeline(evidence: &Evidence, time_zone: &TimeZone) -> String {
    let mut lines = vec![
        format!("Evaluation {}, {}", evidence.evaluation, time_of_day(evidence, time_zone)),
        format!("  triggered by  {}", joined(&evidence.triggers)),
        format!("  link          {}", evidence.link),
        format!("  assignment    {}", assignment(evidence)),
        format!("  rule          {}", rule(evidence)),
    ];
    if let Some(standing) = evidence.standing.as_ref().filter(|_| finding(evidence) != evidence.verdict) {
        let found = finding(evidence).location;
        let lacks = held_back(hysteresis(evidence), standing, &finding(evidence));
        lines.push(format!("  found         {found}: {lacks}"));
    }
    if !evidence.attempts.is_empty() {
        lines.push(String::new());
        lines.extend(table::attempts(evidence));
    }
    if !evidence.default_routes.is_empty() {
        lines.push(String::new());
        lines.extend(table::routes(&evidence.default_routes));
    }
    lines.push(String::new());
    lines.push(format!("  verdict       {}", sentence(evidence)));
    lines.push(format!("  decided       {}", timing(evidence)));
    let mut text = lines.join("\n");
    text.push('\n');
    text
}

/// The attempt that the verdict rests on.
fn deciding<'a>(evidence: &'a Evidence, verdict: &Verdict) -> Option<&'a Attempt> {
    let Basis::ReferenceServer { host, port, position } = &verdict.basis else { return None };
    evidence.attempts.iter().find(|attempt| {
        (attempt.position, &attempt.host, attempt.port) == (*position, host, *port)
            && attempt.outcome == Outcome::Answered
    })
}

/// What became of those before the deciding attempt, or of all.
fn failures(evidence: &Evidence, verdict: &Verdict) -> String {
    let decided_at = deciding(evidence, verdict).map(|deciding| (deciding.position, deciding.port));
    let before: Vec<&Attempt> = evidence
        .attempts
        .iter()
        .take_while(|attempt| decided_at != Some((attempt.position, attempt.port)))
        .collect();
    let servers: Vec<&[&Attempt]> = before.chunk_by(|one, next| one.position == next.position).collect();
    if servers.len() <= MAX_NAMED {
        let told = servers.into_iter().map(|attempts| server_failed(attempts, evidence));
        return told.collect::<Vec<_>>().join("; ");
    }
    let mut counts: Vec<(Outcome, usize)> = Vec::new();
    for attempt in &before {
        match counts.iter_mut().find(|(outcome, _)| *outcome == attempt.outcome) {
            Some((_, n)) => *n += 1,
            None => counts.push((attempt.outcome, 1)),
        }
    }
    let counts = listed(counts.into_iter().map(|(outcome, n)| format!("{n} {}", verb(outcome))));
    match decided_at {
        Some(_) => format!("of {} earlier attempts {counts}", before.len()),
        None => counts,
    }
}

/// For example `reference server 1 (10.1.1.5:80, 443) refused`.
fn server_failed(attempts: &[&Attempt], evidence: &Evidence) -> String {
    let mut text = String::new();
    for (index, alike) in attempts.chunk_by(|one, next| one.outcome == next.outcome).enumerate() {
        let Some(first) = alike.first() else { continue };
        let ports: Vec<Port> = alike.iter().map(|attempt| attempt.port).collect();
        if index == 0 {
            let place = place(&first.host, &ports);
            let verb = told(first, evidence);
            let _infallible = write!(text, "reference server {} ({place}) {verb}", first.position + 1);
        } else {
            let (s, ports) = (if ports.len() == 1 { "" } else { "s" }, joined(&ports));
            let _infallible = write!(text, ", port{s} {ports} {}", told(first, evidence));
        }
    }
    text
}

/// What an attempt came to, and if it was answered in vain, why.
fn told(attempt: &Attempt, evidence: &Evidence) -> String {
    let mut text = verb(attempt.outcome).to_owned();
    if attempt.outcome == Outcome::Answered && !is_counted(attempt, evidence) {
        text.push_str(match &attempt.interface {
            Some(interface) if interface.is_tunnel => " through a tunnel, which does not count",
            Some(_) | None => " through an interface that could not be told, which does not count",
        });
    }
    text
}

fn is_counted(attempt: &Attempt, evidence: &Evidence) -> bool {
    let tunnels = evidence.held.as_ref().map(|(_, settings)| settings.location.tunnels).unwrap_or_default();
    counts(tunnels, attempt.outcome, attempt.interface.as_ref())
}

/// For one and for many.
fn verb(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Answered => "answered",
        Outcome::Refused => "refused",
        Outcome::Timeout => "did not answer in time",
        Outcome::Unreachable => "could not be reached",
        Outcome::NameNotFound => "had a name that was not found",
        Outcome::ResolverFailed => "had a name that could not be resolved",
        Outcome::NotNeeded => "did not need to be tried to the end",
        Outcome::LocalError => "could not be tried",
        Outcome::PinMismatch => "showed another key than the pinned one (a spoof?)",
        Outcome::TlsFailed => "did not come to an agreement on TLS",
    }
}

fn no_list(evidence: &Evidence) -> String {
    let list = match &evidence.held {
        Some((_, settings)) if settings.reference_servers.is_enabled() => "empty",
        Some(_) | None => "disabled",
    };
    let link = match evidence.link {
        LinkState::Lost => "the link to the management server is lost",
        LinkState::Connected => "the link to the management server says nothing about the place",
    };
    format!("{link} and the reference server list is {list}")
}

fn rule(evidence: &Evidence) -> String {
    let link = match evidence.link {
        LinkState::Lost => "link lost",
        LinkState::Connected => "link connected, which says nothing here",
    };
    match finding(evidence).basis {
        Basis::ManagementServer => "link connected: internal".to_owned(),
        Basis::ReferenceServer { .. } => match required(evidence) {
            1 => format!("{link}: the first reference server in list order that answers"),
            n => format!("{link}: {n} different reference servers answer, the first in list order is named"),
        },
        Basis::NoneReachable { .. } => format!("{link}, and no reference server answers: external"),
        Basis::ListDisabled => format!("{link}, and no reference server to ask: external"),
        Basis::NoAssignment => format!("{link}, and no assignment: {}", Location::Unknown),
        Basis::TooFewAnswered { .. } => format!("{link}, and too few reference servers answer: external"),
        Basis::Gateway { .. } => "the default gateway is on the list: internal".to_owned(),
        Basis::NoGateway { .. } => "the default gateway is not on the list: external".to_owned(),
    }
}

fn assignment(evidence: &Evidence) -> String {
    let Some((held, settings)) = &evidence.held else { return "none".to_owned() };
    let digest: String = held.digest.to_string().chars().take(DIGEST_CHARS).collect();
    format!("revision {} ({digest}…), {}", held.revision, list(settings))
}

fn list(settings: &Settings) -> String {
    if settings.location.criterion == Criterion::Gateway {
        let n = settings.gateways.as_slice().len();
        return format!("{n} gateway{}", if n == 1 { "" } else { "s" });
    }
    let list = &settings.reference_servers;
    let n = list.servers().len();
    let state = if list.is_enabled() { "enabled" } else { "disabled" };
    format!("{n} reference server{}, {state}", if n == 1 { "" } else { "s" })
}

fn time_of_day(evidence: &Evidence, time_zone: &TimeZone) -> String {
    match Timestamp::try_from(evidence.started_at) {
        Ok(at) => at.to_zoned_datetime(time_zone.clone()).strftime("%Y-%m-%d %H:%M:%S%.3f %Z").to_string(),
        Err(_) => "at a time that no calendar has".to_owned(),
    }
}

fn timing(evidence: &Evidence) -> String {
    let decided = short(evidence.decided_in);
    if evidence.settled_in > evidence.decided_in {
        let settled = short(evidence.settled_in);
        format!("{decided} after the first trigger; the last attempt ended after {settled}")
    } else {
        format!("{decided} after the first trigger")
    }
}

fn joined<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn listed(items: impl IntoIterator<Item = String>) -> String {
    let mut items: Vec<String> = items.into_iter().collect();
    let last = items.pop().unwrap_or_default();
    if items.is_empty() { last } else { format!("{} and {last}", items.join(", ")) }
}

/// Three digits are all that a person compares.
fn short(duration: Duration) -> String {
    let ms = duration.as_secs_f64() * 1000.0;
    match ms {
        ..10.0 => format!("{ms:.1} ms"),
        ..1000.0 => format!("{ms:.0} ms"),
        _ => format!("{:.2} s", ms / 1000.0),
    }
}

#[cfg(test)]
mod tests;
