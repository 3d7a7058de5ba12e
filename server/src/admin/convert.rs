//! Wire to model and back, for drafts and assignments: what comes in is checked whole, every violation with its path.

use landmark_proto::convert::location_rules::{recheck_interval_from_wire, server_connection_from_wire};
use landmark_proto::convert::settings::{ports_from_wire, server_from_wire, to_wire};
use landmark_proto::convert::time::timestamp_to_wire;
use landmark_proto::host::Host;
use landmark_proto::port::Port;
use landmark_proto::reference_server::{InvalidList, MAX_SERVERS};
use landmark_proto::revision::Revision;
use landmark_proto::violation::{Findings, Path, Violations};
use landmark_proto::wire;

use crate::settings::edit::Removal;
use crate::settings::{Change, ChangeKind, Edit};
use crate::store::assignments::{InvalidNote, Note, Stored, Summary};
use crate::store::drafts::Draft;

/// One request makes at most this many edits: three for each entry of the longest list.
const MAX_EDITS: usize = 1000;

/// Of an edit that came second: the draft as it is instead.
pub(crate) fn conflict_to_wire(present: Draft) -> wire::DraftConflict {
    wire::DraftConflict { present: Some(draft_to_wire(present)) }
}

pub(super) fn draft_to_wire(draft: Draft) -> wire::Draft {
    let Draft { etag, settings, assigned, differs, changed } = draft;
    wire::Draft {
        etag: etag.as_str().to_owned(),
        settings: Some(to_wire(&settings)),
        assigned_revision: assigned.map_or(0, |held| held.revision.get()),
        differs,
        changed_at: changed.as_ref().map(|changed| timestamp_to_wire(changed.at)),
        changed_by: changed.map(|changed| changed.by.as_str().to_owned()).unwrap_or_default(),
    }
}

pub(super) fn summary_to_wire(summary: &Summary) -> wire::AssignmentSummary {
    let Summary { held, assigned_at, assigned_by, note, again_of, n_reference_servers, list_enabled } =
        summary;
    wire::AssignmentSummary {
        revision: held.revision.get(),
        digest: held.digest.as_bytes().to_vec().into(),
        assigned_at: Some(timestamp_to_wire(*assigned_at)),
        assigned_by: assigned_by.as_str().to_owned(),
        note: note.as_str().to_owned(),
        again_of: again_of.map_or(0, Revision::get),
        n_reference_servers: u32::try_from(*n_reference_servers).unwrap_or(u32::MAX),
        list_enabled: *list_enabled,
    }
}

pub(super) fn detail_to_wire(stored: &Stored) -> wire::AssignmentDetail {
    wire::AssignmentDetail {
        summary: Some(summary_to_wire(stored.summary())),
        settings: Some(to_wire(stored.settings())),
    }
}

pub(super) fn diff_to_wire(
    from: Option<Revision>,
    to: Option<Revision>,
    changes: Vec<Change>,
) -> wire::SettingsDiff {
    wire::SettingsDiff {
        from_revision: from.map_or(0, Revision::get),
        to_revision: to.map_or(0, Revision::get),
        changes: changes.into_iter().map(change_to_wire).collect(),
    }
}

fn change_to_wire(change: Change) -> wire::Change {
    let Change { kind, path, before, after } = change;
    let kind = match kind {
        ChangeKind::Added => wire::ChangeKind::Added,
        ChangeKind::Removed => wire::ChangeKind::Removed,
        ChangeKind::Changed => wire::ChangeKind::Changed,
        ChangeKind::Moved => wire::ChangeKind::Moved,
    };
    wire::Change { kind: kind.into(), path, before, after }
}

pub(super) fn note_from_wire(note: &str) -> Result<Note, Violations> {
    Note::new(note).map_err(|error: InvalidNote| Violations::one(&Path::root().field("note"), error))
}

pub(super) fn edits_from_wire(edits: Vec<wire::Edit>) -> Result<Vec<Edit>, Violations> {
    let path = Path::root().field("edits");
    if edits.is_empty() {
        return Err(Violations::one(&path, "at least one edit is needed"));
    }
    if edits.len() > MAX_EDITS {
        let message = format!("{} edits are too many (at most {MAX_EDITS} a call)", edits.len());
        return Err(Violations::one(&path, message));
    }
    let mut findings = Findings::default();
    let mut checked = Vec::with_capacity(edits.len());
    for (index, edit) in edits.into_iter().enumerate() {
        checked.extend(findings.keep(edit_from_wire(edit, &path.index(index))));
    }
    findings.finish(Some(checked))
}

fn edit_from_wire(edit: wire::Edit, path: &Path) -> Result<Edit, Violations> {
    use wire::edit::Kind;
    let wire::Edit { kind } = edit;
    match kind {
        Some(Kind::AddReferenceServer(edit)) => add_from_wire(edit, &path.field("add_reference_server")),
        Some(Kind::EditReferenceServer(edit)) => change_from_wire(edit, &path.field("edit_reference_server")),
        Some(Kind::MoveReferenceServer(edit)) => {
            let wire::edit::MoveReferenceServer { host, position } = edit;
            let host = host_from_wire(&host, &path.field("move_reference_server").field("host"))?;
            Ok(Edit::MoveReferenceServer { host, position: place(position) })
        }
        Some(Kind::RemoveReferenceServers(edit)) => {
            let wire::edit::RemoveReferenceServers { servers } = edit;
            removals_from_wire(servers, &path.field("remove_reference_servers").field("servers"))
        }
        Some(Kind::EnableReferenceServers(edit)) => {
            let wire::edit::EnableReferenceServers { enabled } = edit;
            Ok(Edit::EnableReferenceServers(enabled))
        }
        Some(Kind::ReplaceReferenceServers(edit)) => {
            let wire::edit::ReplaceReferenceServers { servers } = edit;
            replacement_from_wire(servers, &path.field("replace_reference_servers").field("servers"))
        }
        Some(Kind::SetLocationRules(edit)) => rules_from_wire(edit, &path.field("set_location_rules")),
        Some(Kind::AddGateways(_) | Kind::RemoveGateways(_) | Kind::ReplaceGateways(_)) | None => {
            Err(Violations::one(path, "says nothing to do (or something that this server does not know)"))
        }
    }
}

fn add_from_wire(edit: wire::edit::AddReferenceServer, path: &Path) -> Result<Edit, Violations> {
    let wire::edit::AddReferenceServer { host, ports, position, tls } = edit;
    let server = server_from_wire(wire::ReferenceServer { host, ports, tls }, path)?;
    Ok(Edit::AddReferenceServer { server, position: position.map(place) })
}

fn change_from_wire(edit: wire::edit::EditReferenceServer, path: &Path) -> Result<Edit, Violations> {
    let wire::edit::EditReferenceServer { host, new_host, new_ports, new_tls: _ } = edit;
    let mut findings = Findings::default();
    let host = findings.keep(host_from_wire(&host, &path.field("host")));
    if new_host.is_empty() && new_ports.is_empty() {
        findings.push(path, "nothing to change: give new_host, new_ports or both");
    }
    let new_host = (!new_host.is_empty())
        .then(|| findings.keep(host_from_wire(&new_host, &path.field("new_host"))))
        .flatten();
    let new_ports = (!new_ports.is_empty())
        .then(|| findings.keep(ports_from_wire(&new_ports, &path.field("new_ports"))))
        .flatten();
    findings.finish(host.map(|host| Edit::EditReferenceServer { host, new_host, new_ports }))
}

fn removals_from_wire(servers: Vec<wire::ReferenceServer>, path: &Path) -> Result<Edit, Violations> {
    if servers.is_empty() {
        return Err(Violations::one(path, "at least one reference server is needed"));
    }
    let mut findings = Findings::default();
    let mut removals = Vec::with_capacity(servers.len());
    for (index, wire::ReferenceServer { host, ports, tls: _ }) in servers.into_iter().enumerate() {
        let path = path.index(index);
        let host = findings.keep(host_from_wire(&host, &path.field("host")));
        let path = path.field("ports");
        let ports: Vec<Port> = ports
            .into_iter()
            .enumerate()
            .filter_map(|(index, number)| findings.keep_at(&path.index(index), Port::try_from(number)))
            .collect();
        removals.extend(host.map(|host| Removal { host, ports }));
    }
    findings.finish(Some(Edit::RemoveReferenceServers(removals)))
}

fn replacement_from_wire(servers: Vec<wire::ReferenceServer>, path: &Path) -> Result<Edit, Violations> {
    // Refused before its entries are read: nobody makes us list a million violations.
    if servers.len() > MAX_SERVERS {
        return Err(Violations::one(
            path,
            InvalidList::TooMany { n_servers: servers.len(), max: MAX_SERVERS },
        ));
    }
    let mut findings = Findings::default();
    let mut checked = Vec::with_capacity(servers.len());
    for (index, server) in servers.into_iter().enumerate() {
        checked.extend(findings.keep(server_from_wire(server, &path.index(index))));
    }
    findings.finish(Some(Edit::ReplaceReferenceServers(checked)))
}

fn rules_from_wire(edit: wire::edit::SetLocationRules, path: &Path) -> Result<Edit, Violations> {
    let wire::edit::SetLocationRules { server_connection, recheck_interval, .. } = edit;
    let mut findings = Findings::default();
    if server_connection.is_none() && recheck_interval.is_none() {
        findings.push(path, "nothing to change: give server_connection, recheck_interval or both");
    }
    let server_connection = server_connection.and_then(|number| {
        findings.keep(server_connection_from_wire(number, &path.field("server_connection")))
    });
    let recheck_interval = recheck_interval.and_then(|interval| {
        findings.keep(recheck_interval_from_wire(Some(interval), &path.field("recheck_interval")))
    });
    findings.finish(Some(Edit::SetLocationRules { server_connection, recheck_interval }))
}

fn host_from_wire(host: &str, path: &Path) -> Result<Host, Violations> {
    host.parse().map_err(|error| Violations::one(path, error))
}

/// One that does not fit is beyond the end of every list.
fn place(position: u32) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(host: &str, ports: &[u32]) -> wire::Edit {
        let edit = wire::edit::AddReferenceServer {
            host: host.to_owned(),
            ports: ports.to_vec(),
            position: None,
            tls: None,
        };
        wire::Edit { kind: Some(wire::edit::Kind::AddReferenceServer(edit)) }
    }

    #[test]
    fn every_bad_value_of_every_edit_is_named_by_its_path() {
        let change = wire::edit::EditReferenceServer {
            host: "web".to_owned(),
            new_host: "224.0.0.1".to_owned(),
            new_ports: vec![1, 1],
            new_tls: None,
        };
        let remove = wire::edit::RemoveReferenceServers {
            servers: vec![wire::ReferenceServer { host: String::new(), ports: vec![0], tls: None }],
        };
        let rules = wire::edit::SetLocationRules {
            server_connection: Some(7),
            recheck_interval: Some(prost_types::Duration { seconds: 1, nanos: 0 }),
            ..wire::edit::SetLocationRules::default()
        };
        let edits = vec![
            add("a.example", &[70_000, 443, 0]),
            wire::Edit { kind: Some(wire::edit::Kind::EditReferenceServer(change)) },
            wire::Edit { kind: Some(wire::edit::Kind::RemoveReferenceServers(remove)) },
            wire::Edit { kind: None },
            wire::Edit { kind: Some(wire::edit::Kind::SetLocationRules(rules)) },
            add("http://b", &[]),
        ];
        let violations = edits_from_wire(edits).unwrap_err();
        let lines: Vec<String> = violations.as_slice().iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        edits[0].add_reference_server.ports[0]: 70000 is not a port (1 to 65535)
        edits[0].add_reference_server.ports[2]: 0 is not a port (1 to 65535)
        edits[1].edit_reference_server.new_host: 224.0.0.1: a multicast address is not a host
        edits[1].edit_reference_server.new_ports[1]: port 1 is listed twice
        edits[2].remove_reference_servers.servers[0].host: a host is missing (an IPv4 or IPv6 address, a computer name or a domain name)
        edits[2].remove_reference_servers.servers[0].ports[0]: 0 is not a port (1 to 65535)
        edits[3]: says nothing to do (or something that this server does not know)
        edits[4].set_location_rules.server_connection: 7 is not a known meaning
        edits[4].set_location_rules.recheck_interval: 1s is out of range (10 s to 1 d)
        edits[5].add_reference_server.host: "http://b" is a URL; give the host alone and the port beside it
        edits[5].add_reference_server.ports: at least one port is needed
        "#);
    }

    #[test]
    fn an_edit_that_changes_nothing_by_its_form_is_refused() {
        let nothing = wire::edit::EditReferenceServer { host: "web".to_owned(), ..Default::default() };
        let nothing = wire::Edit { kind: Some(wire::edit::Kind::EditReferenceServer(nothing)) };
        let error = edits_from_wire(vec![nothing]).unwrap_err().to_string();
        assert_eq!(
            error,
            "edits[0].edit_reference_server: nothing to change: give new_host, new_ports or both"
        );
        assert_eq!(edits_from_wire(vec![]).unwrap_err().to_string(), "edits: at least one edit is needed");
        let many = vec![add("a", &[1]); MAX_EDITS + 1];
        assert!(edits_from_wire(many).unwrap_err().to_string().contains("1001 edits are too many"));
    }

    #[test]
    fn good_edits_come_through_in_their_order() {
        let edits = edits_from_wire(vec![add("B.example", &[443, 80]), add("a.example", &[1])]).unwrap();
        let Edit::AddReferenceServer { server, position: None } = &edits[0] else { panic!("{edits:?}") };
        assert_eq!(server.to_string(), "b.example (443, 80)");
        assert_eq!(edits.len(), 2);
    }
}
