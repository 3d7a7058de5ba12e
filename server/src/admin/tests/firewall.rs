//! Calls about the firewall.

use landmark_proto::wire::edit::{AddFirewallPolicy, AddFirewallProfile, RemoveFirewallPolicies};

use super::*;

fn add_policy(name: &str, level: wire::FirewallLevel) -> Kind {
    let policy = wire::FirewallPolicy { name: name.to_owned(), level: level.into(), ..Default::default() };
    Kind::AddFirewallPolicy(AddFirewallPolicy { policy: Some(policy), from_template: true })
}

fn add_profile(name: &str, policy: &str, conditions: wire::FirewallConditions) -> Kind {
    let profile = wire::FirewallProfile {
        name: name.to_owned(),
        enabled: true,
        policy: policy.to_owned(),
        conditions: Some(conditions),
    };
    Kind::AddFirewallProfile(AddFirewallProfile { profile: Some(profile), position: None })
}

fn outside() -> wire::FirewallConditions {
    let locations = vec![wire::FirewallLocation::External.into()];
    wire::FirewallConditions { locations, ..Default::default() }
}

#[tokio::test]
async fn a_firewall_is_edited_assigned_and_found_again() {
    let mut served = Served::new().await;
    let edits = vec![
        add_policy("Outside", wire::FirewallLevel::Medium),
        add_profile("Notebooks outside", "Outside", outside()),
    ];
    let draft = served.edit("", edits).await.unwrap();
    let firewall = draft.settings.as_ref().unwrap().firewall.clone().unwrap();
    let profiles: Vec<&str> = firewall.profiles.iter().map(|profile| profile.name.as_str()).collect();
    assert_eq!(profiles, ["Notebooks outside", "All agents"]);
    assert_eq!(firewall.policies[1].exceptions, firewall.template);
    assert!(served.assign(&draft.etag).await.unwrap().created);
    let detail = served.client.get_assignment(with_token(wire::GetAssignmentRequest { revision: 1 })).await;
    assert_eq!(detail.unwrap().into_inner().settings, draft.settings);
}

#[tokio::test]
async fn an_edit_of_the_firewall_that_cannot_be_made_is_a_field_violation() {
    let mut served = Served::new().await;
    let remove = RemoveFirewallPolicies { names: vec!["All access".to_owned()] };
    let refused = served.edit("", vec![Kind::RemoveFirewallPolicies(remove)]).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let violation = &refused.get_details_bad_request().unwrap().field_violations[0];
    assert_eq!(violation.field, "edits[0].remove_firewall_policies.names[0]");
    assert!(violation.description.contains("\"All agents\""), "{}", violation.description);
}
