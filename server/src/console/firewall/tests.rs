use axum::extract::State;
use axum::http::{HeaderMap, header};
use landmark_proto::ids::AgentId;
use landmark_proto::message::HostFacts;
use landmark_proto::pin::SpkiPin;
use landmark_proto::wire::edit::{AddFirewallPolicy, AddFirewallProfile};

use super::*;
use crate::access::Role;
use crate::console::testing::{Pages, hidden, read};
use crate::fleet::Agent;

async fn etag(pages: &Pages) -> String {
    Drafted::read(&pages.console).await.unwrap().etag
}

/// As another administrator does it.
async fn edit_elsewhere(pages: &Pages, kind: Kind) {
    let edits = vec![wire::Edit { kind: Some(kind) }];
    let request = wire::EditDraftRequest { etag: String::new(), edits };
    pages.console.admin().drafts.edit(request, "bob".to_owned().into()).await.unwrap();
}

fn policy(name: &str, level: wire::FirewallLevel) -> Kind {
    let policy = wire::FirewallPolicy {
        name: name.to_owned(),
        level: level.into(),
        ..wire::FirewallPolicy::default()
    };
    Kind::AddFirewallPolicy(AddFirewallPolicy { policy: Some(policy), from_template: false })
}

fn profile(name: &str, position: Option<u32>, conditions: wire::FirewallConditions) -> Kind {
    let policy = "All access".to_owned();
    let profile =
        wire::FirewallProfile { name: name.to_owned(), enabled: true, policy, conditions: Some(conditions) };
    Kind::AddFirewallProfile(AddFirewallProfile { profile: Some(profile), position })
}

fn outside() -> wire::FirewallConditions {
    let locations = vec![wire::FirewallLocation::External.into()];
    wire::FirewallConditions { locations, ..wire::FirewallConditions::default() }
}

async fn profiles(pages: &Pages) -> Vec<String> {
    let firewall = Drafted::read(&pages.console).await.unwrap().firewall;
    firewall.profiles.into_iter().map(|profile| profile.name).collect()
}

async fn exceptions(pages: &Pages, policy: &str) -> Vec<String> {
    let draft = Drafted::read(&pages.console).await.unwrap();
    draft.exceptions(policy).unwrap().iter().map(|exception| exception.name.clone()).collect()
}

fn location(headers: &HeaderMap) -> &str {
    headers[header::LOCATION].to_str().unwrap()
}

#[tokio::test]
async fn a_profile_is_added_and_shown_in_words() {
    let pages = Pages::new().await;
    let (status, form) = pages.get("/firewall/profiles/new").await;
    assert_eq!(status, StatusCode::OK);
    let fields = [
        ("etag", hidden(&form, "etag")),
        ("name", "Notebooks outside"),
        ("enabled", "on"),
        ("policy", "All access"),
        ("locations", "external"),
        ("host_names", "NB-*\r\npc-?"),
        ("platforms", "linux"),
        ("platforms", "macos"),
    ];
    let (status, headers, _) = pages.post("/firewall/profiles", &fields).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert_eq!(location(&headers), "/firewall?focus=profile-Notebooks%2Boutside");
    // Above the one that matches every machine.
    assert_eq!(profiles(&pages).await, ["Notebooks outside", "All agents"]);
    let (_, list) = pages.get("/firewall").await;
    assert!(list.contains("id=\"profile-Notebooks+outside\""), "{list}");
    for part in ["location external", "host name nb-* or pc-?", "platform Linux or macOS", ">new</span>"] {
        assert!(list.contains(part), "{part} is not in {list}");
    }
    assert!(list.contains("href=\"/location?from=firewall#reference-servers\""));
}

#[tokio::test]
async fn what_is_wrong_with_a_profile_stands_at_its_field_and_what_was_typed_stays() {
    let pages = Pages::new().await;
    let etag = etag(&pages).await;
    let fields = [
        ("etag", etag.as_str()),
        ("name", ""),
        ("policy", "No such"),
        ("addresses", "10.0.0.0/8\n10.1.2.333"),
        ("host_names", "a b"),
        ("labels", "team"),
    ];
    let (status, _, form) = pages.post("/firewall/profiles", &fields).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    for error in ["name-error", "addresses-error", "host-names-error", "labels-error"] {
        assert!(form.contains(&format!("id=\"{error}\"")), "{error} is not in {form}");
    }
    assert!(form.contains("10.0.0.0/8\n10.1.2.333</textarea>"), "{form}");
    assert!(form.contains("a b</textarea>") && form.contains("team</textarea>"));
    // Not enabled, as typed.
    assert!(!form.contains("name=\"enabled\" value=\"on\" checked"));
    let with_name = [("etag", etag.as_str()), ("name", "X"), ("policy", "No such")];
    let (_, _, form) = pages.post("/firewall/profiles", &with_name).await;
    assert!(form.contains("id=\"policy-error\""), "{form}");
    assert_eq!(profiles(&pages).await, ["All agents"]);
}

#[tokio::test]
async fn who_comes_second_sees_both_versions_and_may_save_over() {
    let pages = Pages::new().await;
    let (_, form) = pages.get("/firewall/profiles/edit?name=All%20agents").await;
    let stale = hidden(&form, "etag").to_owned();
    let other = wire::FirewallProfile {
        name: "All agents".to_owned(),
        enabled: true,
        policy: "All access".to_owned(),
        conditions: Some(outside()),
    };
    let name = "All agents".to_owned();
    let change = wire::edit::EditFirewallProfile { name, profile: Some(other) };
    edit_elsewhere(&pages, Kind::EditFirewallProfile(change)).await;

    let fields = |etag| {
        [
            ("etag", etag),
            ("before", "All agents"),
            ("name", "Everyone"),
            ("enabled", "on"),
            ("policy", "All access"),
            ("labels", "team=a"),
        ]
    };
    let (status, _, page) = pages.post("/firewall/profiles/edit", &fields(&stale)).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(page.contains("bob changed the draft"), "{page}");
    for version in
        ["<td>All agents</td><td>Everyone</td>", "<td>external</td><td>any</td>", "<td>team=a</td>"]
    {
        assert!(page.contains(version), "{version} is not in {page}");
    }
    assert!(page.contains("team=a</textarea>"));
    assert_eq!(profiles(&pages).await, ["All agents"]);

    let fresh = hidden(&page, "etag").to_owned();
    assert_ne!(fresh, stale);
    let (status, ..) = pages.post("/firewall/profiles/edit", &fields(&fresh)).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert_eq!(profiles(&pages).await, ["Everyone"]);
}

#[tokio::test]
async fn profiles_are_moved_and_deleted_and_one_that_never_matches_says_so() {
    let pages = Pages::new().await;
    edit_elsewhere(&pages, profile("Outside", Some(1), outside())).await;
    let (_, list) = pages.get("/firewall").await;
    assert!(list.contains("never matches"), "{list}");
    assert!(list.contains("stands above it and matches every machine that it matches."), "{list}");

    let tag = etag(&pages).await;
    let up =
        [("etag", tag.as_str()), ("name", "Outside"), ("position", "0"), ("focus", "up-profile-Outside")];
    let (status, headers, _) = pages.post("/firewall/profiles/move", &up).await;
    assert_eq!((status, location(&headers)), (StatusCode::SEE_OTHER, "/firewall?focus=up-profile-Outside"));
    assert_eq!(profiles(&pages).await, ["Outside", "All agents"]);
    let (_, list) = pages.get("/firewall").await;
    assert!(!list.contains("never matches"));

    // The same move again was meant for the list as it was.
    let (status, _, page) = pages.post("/firewall/profiles/move", &up).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(page.contains("The profile was not moved."), "{page}");

    let tag = etag(&pages).await;
    let (status, _, page) = pages
        .post("/firewall/profiles/move", &[("etag", &tag), ("name", "Outside"), ("position", "up")])
        .await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("is not a place in the list"), "{page}");
    let (status, _, page) = pages.post("/firewall/profiles/delete", &[("etag", &tag)]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("at least one name is needed"), "{page}");
    let both = [("etag", tag.as_str()), ("chosen", "Outside"), ("chosen", "All agents")];
    let (status, ..) = pages.post("/firewall/profiles/delete", &both).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert_eq!(profiles(&pages).await, Vec::<String>::new());
    let (_, list) = pages.get("/firewall").await;
    assert!(list.contains("Gone from the draft") && list.contains("All agents"), "{list}");
}

#[tokio::test]
async fn a_policy_is_added_from_the_template_edited_and_only_deleted_when_unused() {
    let pages = Pages::new().await;
    let tag = etag(&pages).await;
    let new = [
        ("etag", tag.as_str()),
        ("name", "Road"),
        ("level", "high"),
        ("mode", "observe"),
        ("from_template", "on"),
    ];
    let (status, headers, _) = pages.post("/firewall/policies", &new).await;
    assert_eq!((status, location(&headers)), (StatusCode::SEE_OTHER, "/firewall/policy?name=Road"));
    assert_eq!(exceptions(&pages, "Road").await, exceptions(&pages, "").await);
    let (_, list) = pages.get("/firewall/policies").await;
    for part in ["(inbound and outbound are blocked)", "observe</span>", "not used", "All agents"] {
        assert!(list.contains(part), "{part} is not in {list}");
    }

    let (_, page) = pages.get("/firewall/policy?name=Road").await;
    let tag = hidden(&page, "etag").to_owned();
    let change =
        |level| [("etag", tag.as_str()), ("name", "Road"), ("new_name", "All access"), ("level", level)];
    let (status, _, page) = pages.post("/firewall/policies/edit", &change("lethal")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("id=\"level-error\""), "{page}");
    let (status, _, page) = pages.post("/firewall/policies/edit", &change("low")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("id=\"new-name-error\"") && page.contains("value=\"All access\""), "{page}");

    let used = [("etag", tag.as_str()), ("chosen", "All access")];
    let (status, _, page) = pages.post("/firewall/policies/delete", &used).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("give them another policy first"), "{page}");
    assert!(!page.contains("edits[0]"), "{page}");
    let (status, ..) = pages.post("/firewall/policies/delete", &[("etag", &tag), ("chosen", "Road")]).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_policy_in_two_versions_and_one_that_is_gone() {
    let pages = Pages::new().await;
    edit_elsewhere(&pages, policy("Road", wire::FirewallLevel::Medium)).await;
    let stale = etag(&pages).await;
    edit_elsewhere(&pages, policy("Other", wire::FirewallLevel::Low)).await;
    let change = [
        ("etag", stale.as_str()),
        ("name", "Road"),
        ("new_name", "Road"),
        ("level", "high"),
        ("mode", "enforce"),
    ];
    let (status, _, page) = pages.post("/firewall/policies/edit", &change).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(page.contains("<td>medium</td><td>high</td>"), "{page}");
    let new = [("etag", stale.as_str()), ("name", "Other"), ("level", "high")];
    let (status, _, page) = pages.post("/firewall/policies", &new).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(page.contains("<td>low</td><td>high</td>"), "{page}");

    let names = vec!["Road".to_owned()];
    edit_elsewhere(&pages, Kind::RemoveFirewallPolicies(wire::edit::RemoveFirewallPolicies { names })).await;
    let (status, _, page) = pages.post("/firewall/policies/edit", &change).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(page.contains("The policy “Road” is not there any more."), "{page}");
    let new = [("etag", stale.as_str()), ("policy", "Road"), ("name", "Web")];
    let (status, _, page) = pages.post("/firewall/exceptions", &new).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(page.contains("The policy “Road” is not there any more."), "{page}");
    assert_eq!(pages.get("/firewall/policy?name=Road").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn exceptions_of_a_policy_are_added_edited_moved_and_deleted() {
    let pages = Pages::new().await;
    edit_elsewhere(&pages, policy("Road", wire::FirewallLevel::High)).await;
    let tag = etag(&pages).await;
    let new = |name, ports, place| {
        [
            ("etag", tag.as_str()),
            ("policy", "Road"),
            ("name", name),
            ("action", "allow"),
            ("direction", "outbound"),
            ("protocol", "tcp"),
            ("ports", ports),
            ("remotes", "10.0.0.0/8\n10.9.0.1-10.9.0.7"),
            ("position", place),
        ]
    };
    let (status, _, page) = pages.post("/firewall/exceptions", &new("Web", "80,http", "")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("id=\"exception-ports-error\"") && page.contains("value=\"80,http\""), "{page}");
    let (_, _, page) = pages.post("/firewall/exceptions", &new("Web", "0", "")).await;
    assert!(page.contains("0 is not a port (1 to 65535)"), "{page}");
    let (status, headers, _) = pages.post("/firewall/exceptions", &new("Web", "443, 8000-8099", "")).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert_eq!(location(&headers), "/firewall/policy?name=Road&focus=exception-Web");

    let (status, _, page) = pages.post("/firewall/exceptions", &new("Mail", "25", "0")).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(page.contains("What you typed") && page.contains("(not there)"), "{page}");
    let tag = hidden(&page, "etag").to_owned();
    let mail = [
        ("etag", tag.as_str()),
        ("policy", "Road"),
        ("name", "Mail"),
        ("action", "block"),
        ("direction", "both"),
        ("protocol", "all"),
        ("position", "0"),
    ];
    assert_eq!(pages.post("/firewall/exceptions", &mail).await.0, StatusCode::SEE_OTHER);
    assert_eq!(exceptions(&pages, "Road").await, ["Mail", "Web"]);
    let (_, page) = pages.get("/firewall/policy?name=Road").await;
    assert!(page.contains("443, 8000-8099") && page.contains("10.0.0.0/8 or 10.9.0.1-10.9.0.7"), "{page}");
    assert!(page.contains("never matches"), "{page}");

    let (_, form) = pages.get("/firewall/exceptions/edit?policy=Road&name=Mail").await;
    let edited = [
        ("etag", hidden(&form, "etag")),
        ("policy", "Road"),
        ("before", "Mail"),
        ("name", "Mail"),
        ("action", "block"),
        ("direction", "inbound"),
        ("protocol", "icmp"),
        ("ports", "25"),
    ];
    let (status, _, page) = pages.post("/firewall/exceptions/edit", &edited).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("icmp has no ports"), "{page}");
    let (status, ..) = pages.post("/firewall/exceptions/edit", &edited[..7]).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let (status, _, page) = pages.post("/firewall/exceptions/edit", &edited[..7]).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(page.contains("admin-token changed the draft"), "{page}");

    let tag = etag(&pages).await;
    let down = [
        ("etag", tag.as_str()),
        ("policy", "Road"),
        ("name", "Mail"),
        ("position", "1"),
        ("focus", "exception-Mail"),
    ];
    let (status, headers, _) = pages.post("/firewall/exceptions/move", &down).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert_eq!(location(&headers), "/firewall/policy?name=Road&focus=exception-Mail");
    assert_eq!(exceptions(&pages, "Road").await, ["Web", "Mail"]);
    let tag = etag(&pages).await;
    let gone = [("etag", tag.as_str()), ("policy", "Road"), ("chosen", "Web")];
    assert_eq!(pages.post("/firewall/exceptions/delete", &gone).await.0, StatusCode::SEE_OTHER);
    assert_eq!(exceptions(&pages, "Road").await, ["Mail"]);
}

#[tokio::test]
async fn the_template_has_the_same_editor_and_goes_back_to_the_defaults() {
    let pages = Pages::new().await;
    let defaults = exceptions(&pages, "").await;
    let (_, page) = pages.get("/firewall/template").await;
    let first = defaults.first().unwrap();
    let gone = [("etag", hidden(&page, "etag")), ("policy", ""), ("chosen", first)];
    let (status, headers, _) = pages.post("/firewall/exceptions/delete", &gone).await;
    assert_eq!((status, location(&headers)), (StatusCode::SEE_OTHER, "/firewall/template"));
    assert_eq!(exceptions(&pages, "").await, defaults[1..]);
    let (_, page) = pages.get("/firewall/template").await;
    assert!(page.contains("Gone from the draft"), "{page}");
    let (status, _, refused) = pages.post("/firewall/template/reset", &[("etag", "1-00000000")]).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(refused.contains("The template was not reset."), "{refused}");
    let reset = [("etag", hidden(&page, "etag"))];
    assert_eq!(pages.post("/firewall/template/reset", &reset).await.0, StatusCode::SEE_OTHER);
    assert_eq!(exceptions(&pages, "").await, defaults);
}

#[tokio::test]
async fn what_if_tells_the_profile_and_why_none_before_it() {
    let pages = Pages::new().await;
    edit_elsewhere(&pages, profile("Servers", Some(0), outside())).await;
    let (status, page) = pages.get("/firewall/which").await;
    assert_eq!(status, StatusCode::OK);
    assert!(!page.contains("id=\"answer\""));
    let (status, page) =
        pages.get("/firewall/which?ask=on&host_name=LAPTOP-7&addresses=10.1.2.3&location=internal").await;
    assert_eq!(status, StatusCode::OK);
    for part in [
        "LAPTOP-7 gets the profile “All agents”",
        "<strong>low</strong>: inbound and outbound pass",
        "<strong>Servers</strong>: It is for external machines, and this one is internal.",
        "<dt>Addresses</dt><dd>10.1.2.3</dd>",
        "value=\"LAPTOP-7\"",
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    let (status, page) =
        pages.get("/firewall/which?ask=on&addresses=10.1.2&labels=team&agent=nobody&settings=draft").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("id=\"addresses-error\"") && page.contains("id=\"labels-error\""), "{page}");
    let (_, page) = pages.get("/firewall/which?ask=on&agent=nobody").await;
    assert!(page.contains("id=\"agent-error\""), "{page}");
    let (_, page) = pages.get("/firewall/which?ask=on&settings=assigned").await;
    assert!(page.contains("id=\"settings-error\""), "{page}");
}

#[tokio::test]
async fn what_if_takes_from_an_agent_what_is_not_said() {
    let pages = Pages::new().await;
    let labels = vec!["team=field".to_owned()];
    let conditions = wire::FirewallConditions { labels, ..wire::FirewallConditions::default() };
    edit_elsewhere(&pages, profile("Field", Some(0), conditions)).await;
    let facts = HostFacts {
        host_name: "nb-1".to_owned(),
        labels: vec!["team=field".parse().unwrap()],
        ..HostFacts::default()
    };
    let at = SystemTime::now();
    let agent =
        Agent::enrolled(AgentId::from_uuid(uuid::Uuid::from_u128(1)), SpkiPin::of(b"key"), facts, at, at);
    pages.console.admin().agents.fleet.registry().enrolled(agent);
    let (status, page) = pages.get("/firewall/which?ask=on&agent=nb-1").await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("nb-1 gets the profile “Field”"), "{page}");
    assert!(page.contains("<dt>Labels</dt><dd>team=field</dd>"), "{page}");
    assert!(page.contains("It is the first profile; none comes before it."), "{page}");
}

#[tokio::test]
async fn a_viewer_sees_everything_and_no_way_to_change_it() {
    let pages = Pages::new().await;
    let console = || State(pages.console.clone());
    let visit = |path| pages.visit(Role::Viewer, path);
    let shown = [
        read(profiles::list(console(), visit("/firewall")).await.unwrap()).await.1,
        read(policies::list(console(), visit("/firewall/policies")).await.unwrap()).await.1,
        read(policy_form::show(console(), visit("/firewall/policy?name=All+access")).await.unwrap()).await.1,
        read(exceptions::template(console(), visit("/firewall/template")).await.unwrap()).await.1,
    ];
    for page in shown {
        // Only to sign out.
        assert_eq!(page.matches("<form").count(), 2, "{page}");
        assert!(page.contains("action=\"/sign-out\"") && page.contains("method=\"dialog\""));
        assert!(!page.contains("draggable") && !page.contains("type=\"checkbox\""), "{page}");
        assert!(page.contains("An operator or administrator can edit"), "{page}");
    }
    let page =
        read(profiles::list(console(), pages.visit(Role::Operator, "/firewall")).await.unwrap()).await.1;
    assert!(page.contains("draggable=\"true\"") && page.contains("/firewall/profiles/new"));
}

#[tokio::test]
async fn names_are_shown_as_text() {
    let pages = Pages::new().await;
    let name = "<script>alert('1')</script>\"&";
    edit_elsewhere(&pages, policy(name, wire::FirewallLevel::Low)).await;
    edit_elsewhere(&pages, profile(name, None, outside())).await;
    let query = encoded(name);
    for path in [
        "/firewall".to_owned(),
        "/firewall/policies".to_owned(),
        format!("/firewall/profiles/edit?name={query}"),
        format!("/firewall/policy?name={query}"),
        format!("/firewall/which?ask=on&location=external&host_name={query}"),
    ] {
        let (status, page) = pages.get(&path).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert!(page.contains("&#60;script&#62;"), "{path}: {page}");
        assert!(!page.contains("<script>alert"), "{path}");
    }
}
