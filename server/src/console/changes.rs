//! Differences of settings, in words: what was added, removed, changed, moved.

use landmark_proto::wire;

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) kind: Kind,
    /// As the contract calls it.
    pub(super) path: String,
    /// What it is about: `Reference server 10.1.1.5`.
    pub(super) subject: String,
    /// Empty where there was nothing.
    pub(super) before: String,
    /// Empty where there is nothing.
    pub(super) after: String,
}

/// What became of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Added,
    Removed,
    Changed,
    Moved,
}

impl Kind {
    /// The word, which is also the class of its look.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
            Self::Moved => "moved",
        }
    }

    /// The colour of its badge.
    pub(super) fn tone(self) -> &'static str {
        match self {
            Self::Added => "good",
            Self::Removed => "bad",
            Self::Changed | Self::Moved => "note",
        }
    }
}

/// All differences, in their order.
pub(super) fn lines(changes: Vec<wire::Change>) -> Vec<Line> {
    changes.into_iter().map(line).collect()
}

fn line(change: wire::Change) -> Line {
    let wire::Change { kind, path, before, after } = change;
    let kind = match wire::ChangeKind::try_from(kind) {
        Ok(wire::ChangeKind::Added) => Kind::Added,
        Ok(wire::ChangeKind::Removed) => Kind::Removed,
        Ok(wire::ChangeKind::Moved) => Kind::Moved,
        Ok(wire::ChangeKind::Changed | wire::ChangeKind::Unspecified) | Err(_) => Kind::Changed,
    };
    Line { kind, subject: subject(&path), path, before, after }
}

/// The reference server that a path is about, and what of it: nothing for the entry as a whole.
pub(super) fn server_of(path: &str) -> Option<(&str, &str)> {
    path.strip_prefix("reference_servers.servers[")?.rsplit_once(']')
}

/// The gateway that a path is about.
pub(super) fn gateway_of(path: &str) -> Option<&str> {
    path.strip_prefix("gateways[")?.strip_suffix(']')
}

/// What a path of the settings is about, in words.
pub(super) fn subject(path: &str) -> String {
    if let Some((host, field)) = server_of(path) {
        return match field {
            ".probe" => format!("Probe of reference server {host}"),
            ".tls.pins" => format!("Key pin of reference server {host}"),
            _ => format!("Reference server {host}"),
        };
    }
    if let Some(address) = gateway_of(path) {
        return format!("Gateway {address}");
    }
    if let Some(words) = of_firewall(path) {
        return words;
    }
    let words = match path {
        "reference_servers.enabled" | "reference_servers.servers" => "Reference server list",
        "location.criterion" => "Criterion",
        "location.server_connection" => "Connection to this server",
        "location.recheck_interval" => "Recheck interval",
        "location.required_successes" => "Required successes",
        "location.tunnels" => "Tunnels",
        "location.confirmations_to_internal" => "Confirmations to internal",
        "location.confirmations_to_external" => "Confirmations to external",
        "location.minimum_dwell" => "Minimum dwell",
        "gateways" => "List of gateways",
        path => path,
    };
    words.to_owned()
}

/// Names may have brackets themselves: the last one closes.
fn of_firewall(path: &str) -> Option<String> {
    let rest = path.strip_prefix("firewall.")?;
    if let Some(name) = rest.strip_prefix("template[").and_then(|rest| rest.strip_suffix(']')) {
        return Some(format!("Exception “{name}” of the template"));
    }
    let (kind, name) = match (rest.strip_prefix("policies["), rest.strip_prefix("profiles[")) {
        (Some(name), _) => ("firewall policy", name),
        (_, Some(name)) => ("firewall profile", name),
        (None, None) => return Some(format!("Firewall {}", rest.replace('_', " "))),
    };
    if let Some(name) = name.strip_suffix(']').filter(|name| !name.contains("].")) {
        return Some(format!("{} “{name}”", capital(kind)));
    }
    let (name, field) = name.rsplit_once("].")?;
    let exception = field.strip_prefix("exceptions[").and_then(|rest| rest.strip_suffix(']'));
    Some(match (exception, field) {
        (Some(exception), _) => format!("Exception “{exception}” of {kind} “{name}”"),
        (None, "enabled") => format!("{} “{name}”", capital(kind)),
        (None, field) => {
            let field = field.trim_start_matches("conditions.").replace('_', " ");
            format!("{} of {kind} “{name}”", capital(&field))
        }
    })
}

/// With a capital letter.
pub(super) fn capital(text: &str) -> String {
    let mut characters = text.chars();
    let first: String = characters.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
    first + characters.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_has_its_words() {
        let told = [
            "reference_servers.enabled",
            "reference_servers.servers[fe80::1%eth0]",
            "reference_servers.servers[10.1.1.5].probe",
            "reference_servers.servers[10.1.1.5].tls.pins",
            "location.recheck_interval",
            "gateways[10.0.0.1]",
            "firewall.policies[a [b]]",
            "firewall.policies[a].level",
            "firewall.policies[a].exceptions[DNS]",
            "firewall.policies",
            "firewall.profiles[Laptops].enabled",
            "firewall.profiles[Laptops].conditions.host_names",
            "firewall.template[DNS]",
            "of.a.newer.server",
        ]
        .map(subject);
        insta::assert_snapshot!(told.join("\n"), @r"
        Reference server list
        Reference server fe80::1%eth0
        Probe of reference server 10.1.1.5
        Key pin of reference server 10.1.1.5
        Recheck interval
        Gateway 10.0.0.1
        Firewall policy “a [b]”
        Level of firewall policy “a”
        Exception “DNS” of firewall policy “a”
        Firewall policies
        Firewall profile “Laptops”
        Host names of firewall profile “Laptops”
        Exception “DNS” of the template
        of.a.newer.server
        ");
    }

    #[test]
    fn the_host_of_a_path_is_found() {
        assert_eq!(server_of("reference_servers.servers[10.1.1.5]"), Some(("10.1.1.5", "")));
        assert_eq!(
            server_of("reference_servers.servers[a.example].tls.pins"),
            Some(("a.example", ".tls.pins"))
        );
        assert_eq!(server_of("reference_servers.enabled"), None);
        assert_eq!(gateway_of("gateways[fe80::1]"), Some("fe80::1"));
    }
}
