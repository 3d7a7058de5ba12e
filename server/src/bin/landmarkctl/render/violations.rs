//! Rules that an agent found broken, in the words of the tables: the wire counts from 0, people from 1.

use super::plain::one_line;
use crate::view::Violation;

/// "reference server 3, port 1: 70000 is not a port".
pub(crate) fn violation(violation: &Violation) -> String {
    let Violation { path, message } = violation;
    let place = in_the_list(path).or_else(|| in_the_firewall(path)).unwrap_or_else(|| path.clone());
    if place.is_empty() { one_line(message) } else { one_line(&format!("{place}: {message}")) }
}

fn in_the_list(path: &str) -> Option<String> {
    let (server, rest) = indexed(path.strip_prefix("reference_servers.servers[")?)?;
    let server = format!("reference server {server}");
    match rest {
        "" | ".host" | ".ports" => Some(server),
        rest => {
            let (port, rest) = indexed(rest.strip_prefix(".ports[")?)?;
            rest.is_empty().then(|| format!("{server}, port {port}"))
        }
    }
}

fn in_the_firewall(path: &str) -> Option<String> {
    let rest = path.strip_prefix("firewall.")?;
    if let Some(rest) = rest.strip_prefix("profiles[") {
        let (profile, _) = indexed(rest)?;
        return Some(format!("firewall profile {profile}"));
    }
    if let Some(rest) = rest.strip_prefix("template[") {
        let (exception, _) = indexed(rest)?;
        return Some(format!("firewall template, exception {exception}"));
    }
    let (policy, rest) = indexed(rest.strip_prefix("policies[")?)?;
    let exception = rest.strip_prefix(".exceptions[").and_then(indexed);
    Some(match exception {
        Some((exception, _)) => format!("firewall policy {policy}, exception {exception}"),
        None => format!("firewall policy {policy}"),
    })
}

/// The number before the bracket, counted from 1, and what follows.
fn indexed(text: &str) -> Option<(usize, &str)> {
    let (index, rest) = text.split_once(']')?;
    Some((index.parse::<usize>().ok()?.checked_add(1)?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_as_the_tables_count_them() {
        let told = |path: &str| violation(&Violation { path: path.into(), message: "no".into() });
        assert_eq!(told("reference_servers.servers[2].host"), "reference server 3: no");
        assert_eq!(told("reference_servers.servers[0]"), "reference server 1: no");
        assert_eq!(told("reference_servers.servers[9].ports[1]"), "reference server 10, port 2: no");
        assert_eq!(
            told("firewall.policies[0].exceptions[2].ports[0].first"),
            "firewall policy 1, exception 3: no"
        );
        assert_eq!(told("firewall.policies[1].level"), "firewall policy 2: no");
        assert_eq!(told("firewall.profiles[0].policy"), "firewall profile 1: no");
        assert_eq!(told("firewall.template[8].name"), "firewall template, exception 9: no");
        assert_eq!(told(""), "no");
        for other in
            ["revision", "reference_servers.servers[x].host", "reference_servers.servers[1].new.field"]
        {
            assert_eq!(told(other), format!("{other}: no"));
        }
    }
}
