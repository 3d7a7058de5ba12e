//! What became of the settings, told on this side: for dry runs, and for a draft that somebody else changed.
//!
//! Only for people to read; what is assigned is told by the server's own difference.

mod firewall;

use crate::render::settings::{self, hardware, port_list};
use crate::view::change::{Change, ChangeKind};
use crate::view::draft::{Gateway, Probe, ReferenceServer, ReferenceServers, Settings};
use crate::view::firewall::Firewall;

/// From one state of the settings to another.
pub(crate) fn between(before: &Settings, after: &Settings) -> Vec<Change> {
    let mut changes = lists(&before.reference_servers, &after.reference_servers);
    for ((name, old, _), (_, new, _)) in
        settings::rule_words(&before.location).into_iter().zip(settings::rule_words(&after.location))
    {
        changes.extend(changed(&format!("location.{}", name.replace('-', "_")), Some(old), Some(new)));
    }
    changes.extend(gateways(&before.gateways, &after.gateways));
    changes.extend(firewall(&before.firewall, &after.firewall));
    changes
}

/// Of the firewall: policies with their exceptions, profiles, the template.
pub(crate) fn firewall(before: &Firewall, after: &Firewall) -> Vec<Change> {
    firewall::between(before, after)
}

/// Gateways that are gone, then those that are new.
pub(crate) fn gateways(before: &[Gateway], after: &[Gateway]) -> Vec<Change> {
    let path = |gateway: &Gateway| format!("gateways[{}]", gateway.address);
    let gone = before.iter().filter(|gateway| !after.contains(gateway));
    let gone = gone.map(|gateway| Change {
        kind: ChangeKind::Removed,
        path: path(gateway),
        before: Some(hardware(gateway)),
        after: None,
    });
    let new = after.iter().filter(|gateway| !before.contains(gateway));
    gone.chain(new.map(|gateway| Change {
        kind: ChangeKind::Added,
        path: path(gateway),
        before: None,
        after: Some(hardware(gateway)),
    }))
    .collect()
}

/// From one list to another: what is gone, then what is there, in its order.
pub(crate) fn lists(before: &ReferenceServers, after: &ReferenceServers) -> Vec<Change> {
    let enabled =
        |list: &ReferenceServers| Some(if list.enabled { "enabled" } else { "disabled" }.to_owned());
    let mut changes: Vec<Change> =
        changed("reference_servers.enabled", enabled(before), enabled(after)).collect();
    for server in before.servers.iter().filter(|server| after.find(&server.host).is_none()) {
        changes.push(Change {
            kind: ChangeKind::Removed,
            path: path(&server.host),
            before: Some(ports_and_pins(server)),
            after: None,
        });
    }
    let kept: Vec<usize> =
        after.servers.iter().filter_map(|server| Some(before.find(&server.host)?.position)).collect();
    let in_order = longest_rising(&kept);
    for server in &after.servers {
        let Some(old) = before.find(&server.host) else {
            changes.push(Change {
                kind: ChangeKind::Added,
                path: path(&server.host),
                before: None,
                after: Some(format!("{} at place {}", ports_and_pins(server), server.position)),
            });
            continue;
        };
        changes.extend(changed(
            &path(&server.host),
            Some(port_list(&old.ports)),
            Some(port_list(&server.ports)),
        ));
        changes.extend(probes(&path(&server.host), &old.probe, &server.probe));
        if !in_order.contains(&old.position) {
            changes.push(Change {
                kind: ChangeKind::Moved,
                path: path(&server.host),
                before: Some(format!("place {}", old.position)),
                after: Some(format!("place {}", server.position)),
            });
        }
    }
    changes
}

fn ports_and_pins(server: &ReferenceServer) -> String {
    let ports = port_list(&server.ports);
    match server.probe.pins() {
        [] => ports,
        pins => {
            let pins: Vec<String> = pins.iter().map(ToString::to_string).collect();
            format!("{ports}; tls {}", pins.join(", "))
        }
    }
}

fn probes(path: &str, old: &Probe, new: &Probe) -> Vec<Change> {
    let kind = |probe: &Probe| match probe {
        Probe::Tcp => Some("tcp".to_owned()),
        Probe::Tls { .. } => Some("tls".to_owned()),
    };
    let mut changes: Vec<Change> = changed(&format!("{path}.probe"), kind(old), kind(new)).collect();
    let path = format!("{path}.tls.pins");
    let gone = old.pins().iter().filter(|pin| !new.pins().contains(pin));
    changes.extend(gone.map(|pin| Change {
        kind: ChangeKind::Removed,
        path: path.clone(),
        before: Some(pin.to_string()),
        after: None,
    }));
    let more = new.pins().iter().filter(|pin| !old.pins().contains(pin));
    changes.extend(more.map(|pin| Change {
        kind: ChangeKind::Added,
        path: path.clone(),
        before: None,
        after: Some(pin.to_string()),
    }));
    changes
}

fn path(host: &str) -> String {
    format!("reference_servers.servers[{host}]")
}

fn changed(
    path: &str,
    before: Option<String>,
    after: Option<String>,
) -> impl Iterator<Item = Change> + use<> {
    let differs = before != after;
    let change = Change { kind: ChangeKind::Changed, path: path.to_owned(), before, after };
    std::iter::once(change).filter(move |_| differs)
}

/// The most places that can stay where they are relative to each other: all others were moved.
fn longest_rising(places: &[usize]) -> Vec<usize> {
    // The longest rising run that ends at each place.
    let mut runs: Vec<Vec<usize>> = Vec::with_capacity(places.len());
    for place in places {
        let ends_lower = |run: &&Vec<usize>| run.last() < Some(place);
        let mut run = runs.iter().filter(ends_lower).max_by_key(|run| run.len()).cloned().unwrap_or_default();
        run.push(*place);
        runs.push(run);
    }
    runs.into_iter().max_by_key(Vec::len).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use landmark_proto::pin::SpkiPin;

    use super::*;
    use crate::render::changes::changes;

    fn list(enabled: bool, servers: &[(&str, &[u32])]) -> ReferenceServers {
        let servers = servers
            .iter()
            .zip(1..)
            .map(|((host, ports), position)| ReferenceServer {
                position,
                host: (*host).into(),
                ports: ports.to_vec(),
                probe: Probe::Tcp,
            })
            .collect();
        ReferenceServers { enabled, servers }
    }

    #[test]
    fn a_list_differs_by_what_is_gone_new_changed_and_moved() {
        let before = list(false, &[("a", &[1]), ("b", &[2]), ("c", &[3]), ("d", &[4])]);
        let after = list(true, &[("c", &[3]), ("n", &[9, 8]), ("a", &[1]), ("d", &[4, 5])]);
        insta::assert_snapshot!(changes(&lists(&before, &after)), @r"
        ~ reference server list: disabled → enabled
        - reference server b: 2
        > reference server c: place 3 → place 1
        + reference server n: 9, 8 at place 2
        ~ reference server d: 4 → 4, 5
        ");
    }

    #[test]
    fn one_entry_that_moves_to_the_front_is_one_change() {
        let before = list(true, &[("a", &[1]), ("b", &[2]), ("c", &[3]), ("d", &[4])]);
        let after = list(true, &[("d", &[4]), ("a", &[1]), ("b", &[2]), ("c", &[3])]);
        assert_eq!(changes(&lists(&before, &after)), "> reference server d: place 4 → place 1\n");
    }

    #[test]
    fn keys_and_gateways_differ_one_by_one() {
        let pinned = |pins: &[SpkiPin]| {
            let mut list = list(true, &[("a", &[1])]);
            list.servers[0].probe = Probe::new(pins.to_vec());
            list
        };
        let (old, new) = (SpkiPin::of(b"old"), SpkiPin::of(b"new"));
        let gateway = |address: &str, mac: Option<&str>| Gateway {
            address: address.to_owned(),
            mac: mac.map(str::to_owned),
        };
        let before = Settings {
            reference_servers: pinned(&[]),
            gateways: vec![gateway("10.0.0.1", None)],
            ..Settings::default()
        };
        let mut after = Settings {
            reference_servers: pinned(&[old]),
            gateways: vec![gateway("10.0.0.1", Some("00:11:22:aa:bb:01"))],
            ..Settings::default()
        };
        after.location.required_successes = 2;
        let text = [
            changes(&between(&before, &after)),
            changes(&lists(&pinned(&[old]), &pinned(&[old, new]))),
            changes(&lists(&pinned(&[old, new]), &pinned(&[]))),
            changes(&lists(&list(true, &[]), &pinned(&[new]))),
        ];
        insta::assert_snapshot!(text.join("\n"), @r"
        ~ probe of reference server a: tcp → tls
        + key of reference server a: sha256:y6BrVzb69n5UsHtWHq6UOV53TFF6fZEKVDaeEmPM-9Q
        ~ reference servers that must answer: 0 → 2
        - gateway 10.0.0.1: any hardware
        + gateway 10.0.0.1: 00:11:22:aa:bb:01

        + key of reference server a: sha256:EVB6Di9eadXfpApiob17buV-a82FxnybhDGzb_8hxDc

        ~ probe of reference server a: tls → tcp
        - key of reference server a: sha256:y6BrVzb69n5UsHtWHq6UOV53TFF6fZEKVDaeEmPM-9Q
        - key of reference server a: sha256:EVB6Di9eadXfpApiob17buV-a82FxnybhDGzb_8hxDc

        + reference server a: 1; tls sha256:EVB6Di9eadXfpApiob17buV-a82FxnybhDGzb_8hxDc at place 1
        ");
    }

    #[test]
    fn equal_settings_do_not_differ() {
        let settings = Settings { reference_servers: list(true, &[("a", &[1])]), ..Settings::default() };
        assert_eq!(between(&settings, &settings.clone()), []);
    }
}
