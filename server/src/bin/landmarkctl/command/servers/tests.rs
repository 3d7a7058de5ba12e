use super::*;
use crate::view::draft::{Probe, ReferenceServer, Settings};

fn draft(hosts: &[(&str, &[u32])]) -> Draft {
    let servers = hosts.iter().zip(1..).map(|((host, ports), position)| ReferenceServer {
        position,
        host: (*host).into(),
        ports: ports.to_vec(),
        probe: Probe::Tcp,
    });
    Draft {
        etag: "1".into(),
        assigned_revision: None,
        differs: true,
        changed_at: None,
        changed_by: None,
        settings: Settings {
            reference_servers: ReferenceServers { enabled: true, servers: servers.collect() },
            ..Settings::default()
        },
    }
}

#[test]
fn places_are_counted_without_the_entry_that_moves() {
    let draft = draft(&[("a", &[1]), ("b", &[1]), ("c", &[1])]);
    let to = |place: Place| place_of(&place, Some("a"), &draft).unwrap();
    assert_eq!(to(Place { to: Some(3), ..Place::default() }), 2);
    assert_eq!(to(Place { first: true, ..Place::default() }), 0);
    assert_eq!(to(Place { last: true, ..Place::default() }), 2);
    assert_eq!(to(Place { before: Some("C".into()), ..Place::default() }), 1);
    assert_eq!(to(Place { after: Some("c.".into()), ..Place::default() }), 2);
}

#[test]
fn a_new_entry_may_stand_after_the_last() {
    let draft = draft(&[("a", &[1]), ("b", &[1])]);
    assert_eq!(place_of(&Place { last: true, ..Place::default() }, None, &draft), Ok(2));
    assert_eq!(place_of(&Place { to: Some(3), ..Place::default() }, None, &draft), Ok(2));
}

#[test]
fn a_place_that_is_not_there_is_told_in_the_users_count() {
    let draft = draft(&[("a", &[1]), ("b", &[1])]);
    let beyond = place_of(&Place { to: Some(3), ..Place::default() }, Some("a"), &draft).unwrap_err();
    insta::assert_snapshot!(beyond, @r"
    landmarkctl: --to 3 is beyond the end of the list
      the last place is 2
    ");
    let unknown =
        place_of(&Place { before: Some("x".into()), ..Place::default() }, Some("a"), &draft).unwrap_err();
    assert!(unknown.to_string().contains("x is not on the list"));
    let itself =
        place_of(&Place { before: Some("A".into()), ..Place::default() }, Some("a"), &draft).unwrap_err();
    assert!(itself.to_string().contains("cannot stand beside itself"));
}

#[test]
fn adding_tells_new_entries_from_new_ports() {
    let before = draft(&[("a", &[1])]);
    let after = draft(&[("a", &[1, 2]), ("b", &[3])]);
    let added = |argument: &str| added(&target::one(argument).unwrap(), &before, &after);
    assert_eq!(added("A:2"), "a was on the list already: added port 2; it now has 1, 2");
    assert_eq!(added("b:3"), "added b (3) at place 2");
}

#[test]
fn removing_tells_whether_the_entry_is_gone() {
    let before = draft(&[("a", &[1, 2]), ("b", &[3]), ("c", &[4])]);
    let after = draft(&[("a", &[1])]);
    let removed = |argument: &str| removed(&target::one(argument).unwrap(), &before, &after);
    assert_eq!(removed("a:2"), "removed port 2 of a; 1 left");
    assert_eq!(removed("b:3"), "removed b (3) with its last port");
    assert_eq!(removed("c"), "removed c (4)");
}
