//! The health of the reference servers: one table, then what would happen without each of them.

use landmark_proto::evidence::Outcome;

use super::table::{Cell, Table, Tone};
use super::{NOTHING, Paper, time};
use crate::view::health::{CertificateSeen, Health, PortHealth, ServerHealth};

/// Characters of a bar: a tenth each.
const BAR: u64 = 10;
/// Less than this is said in red; a month is enough for any change request.
const DAYS_SOON: i64 = 30;

/// The table, and what follows from it.
pub(crate) fn health(health: &Health, paper: &Paper) -> String {
    let mut table = Table::new(&[">#", "SERVER", "ANSWERS", ">MEDIAN", ">95 %", "FAILURES", "CERTIFICATE"]);
    for server in &health.servers {
        for port in &server.ports {
            table.row(vec![
                Cell::new(server.position.to_string()),
                Cell::new(address(&server.host, port.port)),
                answers(port),
                Cell::optional(port.median_ms.map(time::measured)),
                Cell::optional(port.percentile95_ms.map(time::measured)),
                failures(port),
                certificate(port, paper),
            ]);
        }
    }
    let mut text = table.render(paper);
    text.push('\n');
    for line in strangers(health).into_iter().chain(deaths(health)) {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// How much the picture is worth.
pub(crate) fn basis(health: &Health, paper: &Paper) -> String {
    let Health { n_agents, n_enrolled, oldest_sweep_at, newest_sweep_at, .. } = health;
    let age = |time: &Option<_>| time.map_or_else(|| NOTHING.to_owned(), |time| paper.age(time));
    let (oldest, newest) = (age(oldest_sweep_at), age(newest_sweep_at));
    let ages = if oldest == newest {
        format!("made {newest}")
    } else {
        format!("the newest made {newest}, the oldest {oldest}")
    };
    format!("this rests on the sweeps of {n_agents} of {}, {ages}", agents(*n_enrolled))
}

/// Why there is nothing to show, if so.
pub(crate) fn empty(health: &Health) -> Option<&'static str> {
    if health.revision.is_none() {
        return Some(
            "nothing was assigned yet: landmarkctl servers add HOST PORT, landmarkctl servers enable, landmarkctl assign",
        );
    }
    if health.servers.is_empty() {
        return Some(
            "the assigned list has no reference servers: landmarkctl servers add HOST PORT, then landmarkctl assign",
        );
    }
    if health.n_enrolled == 0 {
        return Some(
            "there are no agents yet: landmarkctl tokens create prints the command that makes a machine one",
        );
    }
    (health.n_agents == 0).then_some(
        "no agent has tried this list yet; agents do within 10 minutes of an assignment, and then every 6 hours \
         (timing.sweep-interval of the server) while the list is enabled and decides, not with the criterion gateway; to ask those that are online now: landmarkctl \
         servers health --refresh",
    )
}

/// An IPv6 address in brackets, so that the port can be told from it.
fn address(host: &str, port: u32) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

fn answers(port: &PortHealth) -> Cell {
    let PortHealth { n_tried, n_answered, .. } = port;
    if *n_tried == 0 {
        return Cell::optional(None::<String>);
    }
    // Rounded down, so that only all of them fill it; who is there at all is seen.
    let n_full = (n_answered * BAR / n_tried).max(u64::from(*n_answered > 0));
    let bar: String = (0..BAR).map(|tenth| if tenth < n_full { '█' } else { '░' }).collect();
    let tone = match n_answered {
        0 => Tone::Bad,
        n if n == n_tried => Tone::Good,
        _ => Tone::Warning,
    };
    Cell::toned(format!("{bar} {n_answered} of {n_tried}"), tone)
}

fn failures(port: &PortHealth) -> Cell {
    if port.failures.is_empty() {
        return Cell::optional(None::<String>);
    }
    let told = port.failures.iter().map(|failures| {
        let word = failures.outcome.map_or_else(|| NOTHING.to_owned(), |outcome| outcome.to_string());
        format!("{} {word}", failures.n_agents)
    });
    let is_spoof = port.failures.iter().any(|failures| failures.outcome == Some(Outcome::PinMismatch));
    let tone = if is_spoof { Tone::Bad } else { Tone::Warning };
    Cell::toned(told.collect::<Vec<_>>().join(", "), tone)
}

/// Of the pinned keys the one that ends first.
fn certificate(port: &PortHealth, paper: &Paper) -> Cell {
    let pinned = port.certificates.iter().filter(|seen| seen.pinned);
    let Some(not_after) = pinned.filter_map(|seen| seen.not_after).min() else {
        return Cell::optional(None::<String>);
    };
    let left = not_after.duration_since(paper.now);
    let date = not_after.to_zoned_datetime(paper.zone.clone()).strftime("%Y-%m-%d").to_string();
    let days = left.as_hours().div_euclid(24);
    match days {
        ..0 => Cell::toned(format!("EXPIRED {date}"), Tone::Bad),
        0..DAYS_SOON => Cell::toned(format!("until {date}, {days} d left"), Tone::Bad),
        _ => Cell::toned(format!("until {date}, {days} d left"), Tone::Good),
    }
}

/// Keys that are not pinned, where some are.
fn strangers(health: &Health) -> Vec<String> {
    let mut lines = Vec::new();
    for ServerHealth { host, ports, .. } in &health.servers {
        for port in ports {
            let is_wrong = |seen: &&CertificateSeen| !seen.pinned;
            for CertificateSeen { pin, n_agents, .. } in port.certificates.iter().filter(is_wrong) {
                let pin = pin.as_deref().unwrap_or(NOTHING);
                lines.push(format!(
                    "WRONG KEY: {} shows {pin} to {}: a spoof, or a key that was changed and not pinned",
                    address(host, port.port),
                    agents(*n_agents),
                ));
            }
        }
    }
    lines
}

/// What happens without each of them, while the management server cannot be reached.
fn deaths(health: &Health) -> Vec<String> {
    let mut lines = Vec::new();
    if health.n_agents_external > 0 {
        lines.push(format!(
            "{} external already while the management server is away: too few reference servers answer",
            agents_verb(health.n_agents_external, "is", "are"),
        ));
    }
    let (lonely, spare): (Vec<_>, Vec<_>) = health.servers.iter().partition(|server| server.n_depend > 0);
    for ServerHealth { host, n_depend, .. } in lonely {
        lines.push(format!(
            "if {host} dies as well as the management server, {} external",
            agents_verb(*n_depend, "turns", "turn"),
        ));
    }
    if !spare.is_empty() {
        let names = match spare.as_slice() {
            [only] => only.host.clone(),
            _ => format!("any one of the other {}", spare.len()),
        };
        let whole = if spare.len() == health.servers.len() && spare.len() > 1 {
            "any one of them".to_owned()
        } else {
            names
        };
        lines.push(format!("if {whole} dies, no agent turns external"));
    }
    lines
}

fn agents(n: u64) -> String {
    if n == 1 { "1 agent".to_owned() } else { format!("{n} agents") }
}

fn agents_verb(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", agents(n), if n == 1 { one } else { many })
}

#[cfg(test)]
mod tests;
