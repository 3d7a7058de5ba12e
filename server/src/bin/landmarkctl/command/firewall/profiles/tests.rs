use super::*;
use crate::view::firewall::Place as Location;

fn name(text: &str) -> ItemName {
    text.parse().unwrap()
}

fn given(addresses: &[&str], labels: &[&str]) -> Given {
    Given {
        addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
        labels: labels.iter().map(|label| label.parse().unwrap()).collect(),
        ..Given::default()
    }
}

#[test]
fn conditions_that_are_given_take_the_place_of_their_kind() {
    let old = Conditions {
        locations: vec![Some(Location::External)],
        addresses: vec!["10.0.0.0/8".into()],
        labels: vec!["site=berlin".into()],
        ..Conditions::default()
    };
    let new = with(old.clone(), &given(&["10.1.0.0-10.1.255.255"], &[]), &Any::default());
    assert_eq!(new, Conditions { addresses: vec!["10.1.0.0/16".into()], ..old.clone() });
    let any = Any { any_location: true, any_label: true, ..Any::default() };
    let new = with(old.clone(), &Given::default(), &any);
    assert_eq!(new, Conditions { addresses: old.addresses.clone(), ..Conditions::default() });
    assert_eq!(with(old.clone(), &Given::default(), &Any::default()), old);
}

fn firewall() -> Firewall {
    let mut firewall = Firewall::default();
    let berlin = Profile {
        name: "Berlin".into(),
        enabled: true,
        policy: "All access".into(),
        conditions: with(Conditions::default(), &given(&[], &["site=berlin"]), &Any::default()),
    };
    firewall.profiles.push(berlin);
    firewall
}

#[test]
fn a_profile_that_no_machine_gets_is_pointed_out() {
    let mut firewall = firewall();
    insta::assert_snapshot!(unreached(&firewall, &name("Berlin")).unwrap(), @r#"no machine gets it: "All agents" stands above it and matches every machine; landmarkctl firewall profiles move Berlin --before 'All agents'"#);
    assert_eq!(unreached(&firewall, &name("All agents")), None);
    firewall.profiles[0].enabled = false;
    assert_eq!(unreached(&firewall, &name("Berlin")), None);
    insta::assert_snapshot!(unreached(&firewall, &name("All agents")).unwrap(), @"it matches no machine while it is disabled: landmarkctl firewall profiles enable 'All agents'");
}

#[test]
fn a_refusal_leads_to_the_option() {
    use crate::client::{CallError, Refusal};
    use crate::errors::refused;
    use crate::view::Violation;
    let profile = &firewall().profiles[1].clone();
    let path = Path::root().field("edits").index(0).field("add_firewall_profile");
    let violation =
        |field: &str, message: &str| Violation { path: format!("{path}.{field}"), message: message.into() };
    let refusal = Refusal {
        code: tonic::Code::InvalidArgument,
        message: String::new(),
        reason: None,
        violations: vec![
            violation("profile.policy", "there is no firewall policy \"x\""),
            violation("profile.conditions.labels[0]", "no"),
            violation("profile.name", "there is another firewall profile \"Berlin\""),
        ],
        preconditions: vec![],
        present: None,
    };
    let error = CallError::Refused(Box::new(refusal));
    let origins = origins(&path, &name("Berlin"), profile);
    insta::assert_snapshot!(refused("add this profile", error, &origins), @r#"
    landmarkctl: cannot add this profile
      --policy: there is no firewall policy "x"
      --label site=berlin: no
      Berlin: there is another firewall profile "Berlin"
    "#);
}

#[test]
fn a_listed_profile_has_its_place_and_all_kinds_of_conditions() {
    let firewall = firewall();
    let listed = Listed { position: 2, profile: &firewall.profiles[1] };
    assert_eq!(
        serde_json::to_string(&listed).unwrap(),
        concat!(
            r#"{"position":2,"name":"Berlin","enabled":true,"policy":"All access","conditions":{"locations":[],"#,
            r#""addresses":[],"host_names":[],"platforms":[],"labels":["site=berlin"]}}"#
        )
    );
}
