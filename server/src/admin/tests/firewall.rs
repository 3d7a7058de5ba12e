//! Calls about the firewall.

use landmark_proto::wire::edit::{AddFirewallPolicy, AddFirewallProfile, RemoveFirewallPolicies};

use landmark_proto::firewall::Platform;
use landmark_proto::ids::{AgentId, BootId, EvaluationId};
use landmark_proto::location::{Basis, Location, LocationReport, Trigger, Verdict};
use landmark_proto::message::HostFacts;

use super::*;
use crate::fleet::{Agent, Reported};

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

type Asked = Result<wire::WhichFirewallProfileResponse, Status>;

impl Served {
    async fn which(&mut self, request: wire::WhichFirewallProfileRequest) -> Asked {
        Ok(self.client.which_firewall_profile(with_token(request)).await?.into_inner())
    }

    /// An agent on a Linux machine that is labelled `site=hq`.
    fn enrolled(&self, number: u128, host_name: &str, reported: Option<Location>) -> AgentId {
        let agent_id = AgentId::from_uuid(uuid::Uuid::from_u128(number));
        let facts = HostFacts {
            host_name: host_name.to_owned(),
            platform: Some(Platform::Linux),
            labels: vec!["site=hq".parse().unwrap()],
            ..HostFacts::default()
        };
        let at = SystemTime::UNIX_EPOCH;
        let mut agent = Agent::enrolled(agent_id, SpkiPin::of(b"key"), facts, at, at);
        agent.location = reported.map(|location| Reported { report: report(location), received_at: at });
        self.fleet.registry().enrolled(agent);
        agent_id
    }
}

fn report(location: Location) -> LocationReport {
    LocationReport {
        at: SystemTime::UNIX_EPOCH,
        boot_id: BootId::from_uuid(uuid::Uuid::nil()),
        since_boot: Duration::ZERO,
        verdict: Verdict { location, basis: Basis::ManagementServer },
        triggers: vec![Trigger::Start],
        revision: None,
        evaluation: EvaluationId::new(1),
        decided_in: Duration::ZERO,
        n_flips: 0,
    }
}

/// `Servers` for srv-*, `Notebooks outside` for external machines, `Headquarters` for the label site=hq, `All agents`.
async fn with_profiles() -> Served {
    let mut served = Served::new().await;
    let servers = wire::FirewallConditions { host_names: vec!["srv-*".to_owned()], ..Default::default() };
    let site = wire::FirewallConditions { labels: vec!["site=hq".to_owned()], ..Default::default() };
    let edits = vec![
        add_policy("Outside", wire::FirewallLevel::High),
        add_profile("Servers", "All access", servers),
        add_profile("Notebooks outside", "Outside", outside()),
        add_profile("Headquarters", "All access", site),
    ];
    served.edit("", edits).await.unwrap();
    served
}

fn skipped(response: &wire::WhichFirewallProfileResponse) -> Vec<String> {
    response.skipped.iter().map(|it| format!("{}: {}", it.name, it.reasons.join("; "))).collect()
}

#[tokio::test]
async fn of_a_machine_that_is_described_the_profile_is_told_and_why_not_the_ones_before() {
    let mut served = with_profiles().await;
    let request = wire::WhichFirewallProfileRequest {
        location: wire::FirewallLocation::External.into(),
        host_name: "nb-7.example".to_owned(),
        ..Default::default()
    };
    let response = served.which(request.clone()).await.unwrap();
    assert_eq!(response.profile.as_ref().unwrap().name, "Notebooks outside");
    assert_eq!(response.policy.as_ref().unwrap().level(), wire::FirewallLevel::High);
    assert_eq!(
        skipped(&response),
        ["Servers: it is for host names like srv-*, and this machine is nb-7.example"]
    );
    assert_eq!((response.host_name.as_str(), response.location()), ("nb-7.example", request.location()));
    let unknown = served.which(wire::WhichFirewallProfileRequest::default()).await.unwrap();
    assert_eq!(unknown.profile.as_ref().unwrap().name, "All agents");
    assert_eq!(
        skipped(&unknown),
        [
            "Servers: it is for host names like srv-*, and the host name is not known",
            "Notebooks outside: it is for external machines, and this one is not said to be anywhere",
            "Headquarters: it is for machines labelled site=hq, and this one has no label",
        ]
    );
}

#[tokio::test]
async fn what_is_not_given_is_what_the_agent_says_of_itself() {
    let mut served = with_profiles().await;
    let inside = served.enrolled(1, "nb-1", Some(Location::Internal));
    served.enrolled(2, "nb-2", None);
    let of =
        |agent: &str| wire::WhichFirewallProfileRequest { agent: agent.to_owned(), ..Default::default() };
    let response = served.which(of("NB-1")).await.unwrap();
    assert_eq!(response.profile.as_ref().unwrap().name, "Headquarters");
    assert_eq!((response.host_name.as_str(), response.platform()), ("nb-1", wire::FirewallPlatform::Linux));
    assert_eq!(response.labels, ["site=hq"]);
    assert_eq!(response.location(), wire::FirewallLocation::Internal);
    let elsewhere = wire::WhichFirewallProfileRequest {
        location: wire::FirewallLocation::External.into(),
        ..of(&inside.to_string())
    };
    let response = served.which(elsewhere).await.unwrap();
    assert_eq!(response.profile.as_ref().unwrap().name, "Notebooks outside");
    let renamed = wire::WhichFirewallProfileRequest { host_name: "srv-1".to_owned(), ..of("nb-1") };
    assert_eq!(served.which(renamed).await.unwrap().profile.unwrap().name, "Servers");
    let silent = served.which(of("nb-2")).await.unwrap();
    assert_eq!(silent.location(), wire::FirewallLocation::External, "as the agent itself takes it");
    assert_eq!(silent.profile.unwrap().name, "Notebooks outside");
}

#[tokio::test]
async fn the_draft_is_asked_or_any_assignment() {
    let mut served = with_profiles().await;
    let by = |revision| wire::WhichFirewallProfileRequest {
        revision,
        location: wire::FirewallLocation::External.into(),
        ..Default::default()
    };
    assert_eq!(served.which(by(Some(0))).await.unwrap_err().code(), Code::FailedPrecondition);
    served.assign("").await.unwrap();
    served.edit("", vec![add_profile("Abroad", "Outside", outside())]).await.unwrap();
    let remove = wire::edit::RemoveFirewallProfiles { names: vec!["Notebooks outside".to_owned()] };
    served.edit("", vec![Kind::RemoveFirewallProfiles(remove)]).await.unwrap();
    for (revision, told, profile) in
        [(None, 0, "Abroad"), (Some(0), 1, "Notebooks outside"), (Some(1), 1, "Notebooks outside")]
    {
        let response = served.which(by(revision)).await.unwrap();
        assert_eq!((response.revision, response.profile.unwrap().name.as_str()), (told, profile));
    }
    assert_eq!(served.which(by(Some(7))).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn a_machine_that_no_profile_matches_gets_nothing_and_is_told_why() {
    let mut served = with_profiles().await;
    let remove = wire::edit::RemoveFirewallProfiles { names: vec!["All agents".to_owned()] };
    served.edit("", vec![Kind::RemoveFirewallProfiles(remove)]).await.unwrap();
    let response = served.which(wire::WhichFirewallProfileRequest::default()).await.unwrap();
    assert_eq!((response.profile.as_ref(), response.policy.as_ref()), (None, None));
    assert_eq!(response.skipped.len(), 3);
}

#[tokio::test]
async fn every_bad_fact_is_named_and_so_is_an_agent_that_is_not_there() {
    let mut served = Served::new().await;
    let bad = wire::WhichFirewallProfileRequest {
        location: 9,
        host_name: "a\nb".to_owned(),
        addresses: vec!["10.0.0.1".to_owned(), "10.0.0.0/8".to_owned()],
        platform: 9,
        labels: vec!["site".to_owned()],
        ..Default::default()
    };
    let refused = served.which(bad).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let details = refused.get_details_bad_request().unwrap();
    let fields: Vec<&str> = details.field_violations.iter().map(|it| it.field.as_str()).collect();
    assert_eq!(fields, ["location", "host_name", "addresses[1]", "platform", "labels[0]"]);
    let nobody = wire::WhichFirewallProfileRequest { agent: "nobody".to_owned(), ..Default::default() };
    assert_eq!(served.which(nobody).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn before_anything_was_counted_no_rule_is_told_and_an_unknown_policy_is_named() {
    let mut served = with_profiles().await;
    let all = wire::ListFirewallHitsRequest::default();
    let response = served.client.list_firewall_hits(with_token(all.clone())).await.unwrap().into_inner();
    assert_eq!(response, wire::ListFirewallHitsResponse::default());
    served.assign("").await.unwrap();
    served.enrolled(1, "nb-1", None);
    let response = served.hits_under(1).await;
    assert_eq!((response.n_agents, response.n_enrolled, response.hits.len()), (0, 1, 0));
    let one = wire::ListFirewallHitsRequest { policy: "Outside".to_owned() };
    assert_eq!(served.client.list_firewall_hits(with_token(one)).await.unwrap().into_inner(), response);
    let unknown = wire::ListFirewallHitsRequest { policy: "Out".to_owned() };
    let refused = served.client.list_firewall_hits(with_token(unknown)).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let violation = &refused.get_details_bad_request().unwrap().field_violations[0];
    assert_eq!(
        (violation.field.as_str(), violation.description.as_str()),
        (
            "policy",
            "there is no firewall policy \"Out\" in the present assignment (it has \"All access\", \"Outside\")"
        )
    );
}

impl Served {
    /// Once the fleet has learnt of the assignment.
    async fn hits_under(&mut self, revision: u64) -> wire::ListFirewallHitsResponse {
        loop {
            let request = with_token(wire::ListFirewallHitsRequest::default());
            let response = self.client.list_firewall_hits(request).await.unwrap().into_inner();
            if response.revision == revision {
                return response;
            }
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn platform_and_labels_of_an_agent_are_shown() {
    let mut served = Served::new().await;
    served.enrolled(1, "nb-1", None);
    let request = with_token(wire::GetAgentRequest { agent: "nb-1".to_owned() });
    let facts = served.client.get_agent(request).await.unwrap().into_inner().facts.unwrap();
    assert_eq!((facts.platform(), facts.labels), (wire::FirewallPlatform::Linux, vec!["site=hq".to_owned()]));
}
