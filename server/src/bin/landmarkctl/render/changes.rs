//! Differences of settings.

use super::plain::one_line;
use crate::view::change::{Change, ChangeKind};

/// One line a change, each ended.
pub(crate) fn changes(changes: &[Change]) -> String {
    changes.iter().fold(String::new(), |mut text, change| {
        text.push_str(&change_line(change));
        text.push('\n');
        text
    })
}

/// "+ reference server 10.1.1.5: 80, 443".
pub(crate) fn change_line(change: &Change) -> String {
    let Change { kind, path, before, after } = change;
    let mark = match kind {
        ChangeKind::Added => '+',
        ChangeKind::Removed => '-',
        ChangeKind::Changed => '~',
        ChangeKind::Moved => '>',
    };
    let subject = subject(change).unwrap_or_else(|| path.clone());
    let value = match (before, after) {
        (Some(before), Some(after)) => format!(": {before} → {after}"),
        (Some(value), None) | (None, Some(value)) => format!(": {value}"),
        (None, None) => String::new(),
    };
    one_line(&format!("{mark} {subject}{value}"))
}

fn subject(change: &Change) -> Option<String> {
    if let Some(host) = change.host() {
        let of_host = if change.path.ends_with("].probe") {
            format!("probe of reference server {host}")
        } else if change.path.ends_with("].tls.pins") {
            format!("key of reference server {host}")
        } else {
            format!("reference server {host}")
        };
        return Some(of_host);
    }
    if let Some(address) = change.path.strip_prefix("gateways[").and_then(|rest| rest.strip_suffix(']')) {
        return Some(format!("gateway {address}"));
    }
    if let Some(words) = of_firewall(&change.path) {
        return Some(words);
    }
    let words = match change.path.as_str() {
        "reference_servers.enabled" => "reference server list",
        "location.server_connection" => "connection to the server",
        "location.recheck_interval" => "recheck interval",
        "location.criterion" => "criterion",
        "location.required_successes" => "reference servers that must answer",
        "location.tunnels" => "tunnels",
        "location.confirmations_to_internal" => "confirmations to internal",
        "location.confirmations_to_external" => "confirmations to external",
        "location.minimum_dwell" => "minimum dwell",
        _ => return None,
    };
    Some(words.to_owned())
}

/// What a path into the firewall is about. Names may have brackets themselves: the last one closes.
pub(super) fn of_firewall(path: &str) -> Option<String> {
    let rest = path.strip_prefix("firewall.")?;
    if let Some(name) = rest.strip_prefix("template[").and_then(|rest| rest.strip_suffix(']')) {
        return Some(format!("template exception \"{name}\""));
    }
    let (kind, name) = match (rest.strip_prefix("policies["), rest.strip_prefix("profiles[")) {
        (Some(name), _) => ("firewall policy", name),
        (_, Some(name)) => ("firewall profile", name),
        (None, None) => return Some(format!("firewall {rest}")),
    };
    if let Some(name) = name.strip_suffix(']').filter(|name| !name.contains("].")) {
        return Some(format!("{kind} \"{name}\""));
    }
    let (name, field) = name.rsplit_once("].")?;
    let exception = field.strip_prefix("exceptions[").and_then(|rest| rest.strip_suffix(']'));
    Some(match (exception, field) {
        (Some(exception), _) => format!("exception \"{exception}\" of {kind} \"{name}\""),
        (None, "enabled") => format!("{kind} \"{name}\""),
        (None, field) => {
            let field = field.trim_start_matches("conditions.").replace('_', " ");
            format!("{field} of {kind} \"{name}\"")
        }
    })
}

/// "1 unassigned change", "3 unassigned changes".
pub(crate) fn unassigned(n_changes: usize) -> String {
    match n_changes {
        1 => "1 unassigned change".to_owned(),
        n => format!("{n} unassigned changes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(kind: ChangeKind, path: &str, before: &str, after: &str) -> Change {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Change { kind, path: path.into(), before: text(before), after: text(after) }
    }

    #[test]
    fn every_kind_of_change_reads_like_a_sentence() {
        let text = changes(&[
            change(ChangeKind::Changed, "reference_servers.enabled", "disabled", "enabled"),
            change(ChangeKind::Removed, "reference_servers.servers[10.1.1.9]", "22 at place 1", ""),
            change(ChangeKind::Added, "reference_servers.servers[10.1.1.5]", "", "80, 443 at place 1"),
            change(ChangeKind::Moved, "reference_servers.servers[db.example]", "place 1", "place 3"),
            change(ChangeKind::Changed, "location.recheck_interval", "60s", "300s"),
            change(ChangeKind::Changed, "location.required_successes", "1", "2"),
            change(ChangeKind::Changed, "reference_servers.servers[10.1.1.5].probe", "tcp", "tls"),
            change(ChangeKind::Added, "reference_servers.servers[10.1.1.5].tls.pins", "", "sha256:abc"),
            change(ChangeKind::Removed, "gateways[fe80::1]", "any hardware", ""),
            change(ChangeKind::Added, "firewall.policies[a [b]]", "", "level high, enforce, no exceptions"),
            change(ChangeKind::Changed, "firewall.policies[a].level", "low", "high"),
            change(
                ChangeKind::Removed,
                "firewall.policies[a].exceptions[DNS]",
                "allow in and out udp 53",
                "",
            ),
            change(ChangeKind::Moved, "firewall.profiles[All agents]", "place 1", "place 2"),
            change(ChangeKind::Changed, "firewall.profiles[Laptops].enabled", "enabled", "disabled"),
            change(ChangeKind::Changed, "firewall.profiles[Laptops].policy", "a", "b"),
            change(ChangeKind::Changed, "firewall.profiles[Laptops].conditions.host_names", "any", "lt-*"),
            change(ChangeKind::Moved, "firewall.policies", "", "in another order"),
            change(ChangeKind::Removed, "firewall.template[DNS]", "allow in and out udp 53", ""),
            change(ChangeKind::Changed, "of.a.newer.server", "a", "b"),
        ]);
        insta::assert_snapshot!(text, @r#"
        ~ reference server list: disabled → enabled
        - reference server 10.1.1.9: 22 at place 1
        + reference server 10.1.1.5: 80, 443 at place 1
        > reference server db.example: place 1 → place 3
        ~ recheck interval: 60s → 300s
        ~ reference servers that must answer: 1 → 2
        ~ probe of reference server 10.1.1.5: tcp → tls
        + key of reference server 10.1.1.5: sha256:abc
        - gateway fe80::1: any hardware
        + firewall policy "a [b]": level high, enforce, no exceptions
        ~ level of firewall policy "a": low → high
        - exception "DNS" of firewall policy "a": allow in and out udp 53
        > firewall profile "All agents": place 1 → place 2
        ~ firewall profile "Laptops": enabled → disabled
        ~ policy of firewall profile "Laptops": a → b
        ~ host names of firewall profile "Laptops": any → lt-*
        > firewall policies: in another order
        - template exception "DNS": allow in and out udp 53
        ~ of.a.newer.server: a → b
        "#);
    }
}
