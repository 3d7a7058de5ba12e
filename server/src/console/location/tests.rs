use axum::http::HeaderMap;
use landmark_proto::wire::edit::{AddGateways, EnableReferenceServers, Kind, RemoveReferenceServers};

use super::super::testing::{Pages, add, location, text_of};
use super::*;
use crate::access::Role;

/// Where a form goes, what it says, and what both versions look like.
type Form<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

async fn hosts(pages: &Pages) -> Vec<String> {
    let settings = pages.console.admin().drafts.get().await.unwrap().settings.unwrap();
    settings.reference_servers.unwrap().servers.into_iter().map(|server| server.host).collect()
}

fn assert_saved((status, headers, _): &(StatusCode, HeaderMap, String), to: &str) {
    assert_eq!((*status, location(headers)), (StatusCode::SEE_OTHER, to));
}

#[tokio::test]
async fn an_empty_list_says_what_a_reference_server_is() {
    let pages = Pages::new().await;
    let (status, page) = pages.get("/location").await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("No reference server yet") && page.contains("10.1.1.5"), "{page}");
    assert!(page.contains("No gateway yet"));
    assert!(!page.contains("Firewall profiles</a>"));
    let (_, page) = pages.get("/location?from=firewall").await;
    assert!(page.contains("Firewall profiles</a>") && page.contains("id=\"reference-servers\""));
}

#[tokio::test]
async fn servers_are_added_ordered_changed_and_deleted_each_saved_at_once() {
    let pages = Pages::new().await;
    let first = pages.post("/location/servers", &[("host", "10.1.1.5"), ("ports", "443, 80")]).await;
    assert_saved(&first, "/location?focus=host");
    pages.post("/location/servers", &[("host", "ftp.example"), ("ports", "21")]).await;
    // The same address with another port adds a port.
    pages.post("/location/servers", &[("host", "10.1.1.5"), ("ports", "8080")]).await;
    let (_, page) = pages.get("/location").await;
    assert!(page.contains("443, 80, 8080"), "{page}");
    let up = [("name", "ftp.example"), ("position", "0"), ("focus", ""), ("from", "firewall")];
    let moved = pages.post("/location/servers/move", &up).await;
    assert_saved(&moved, "/location?from=firewall&focus=server-ftp.example");
    assert_eq!(hosts(&pages).await, ["ftp.example", "10.1.1.5"]);
    // A button keeps the focus; what is no button of the row does not get it.
    for (focus, place) in
        [("down-server-10.1.1.5", "down-server-10.1.1.5"), ("up-elsewhere", "server-10.1.1.5")]
    {
        let fields = [("name", "10.1.1.5"), ("position", "1"), ("focus", focus)];
        let moved = pages.post("/location/servers/move", &fields).await;
        assert_saved(&moved, &format!("/location?focus={place}"));
    }
    let edit = [("was", "10.1.1.5"), ("host", "10.1.1.6"), ("ports", "443"), ("pins", "")];
    assert_saved(&pages.post("/location/servers/edit", &edit).await, "/location?focus=server-10.1.1.6");
    pages.post("/location/servers/enable", &[("enabled", "on")]).await;
    let chosen = [("host", "ftp.example"), ("host", "10.1.1.6")];
    let deleted = pages.post("/location/servers/delete", &chosen).await;
    assert_saved(&deleted, "/location?focus=reference-servers");
    assert_eq!(hosts(&pages).await, Vec::<String>::new());
    let settings = pages.console.admin().drafts.get().await.unwrap().settings.unwrap();
    assert!(settings.reference_servers.unwrap().enabled);
}

#[tokio::test]
async fn what_is_wrong_stands_at_its_field_and_what_was_typed_stays() {
    let pages = Pages::new().await;
    let typed = [("host", "files.example"), ("ports", "443, seventy"), ("pins", "sha256:short")];
    let (status, _, page) = pages.post("/location/servers", &typed).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("value=\"files.example\"") && page.contains("value=\"443, seventy\""), "{page}");
    assert!(page.contains("id=\"ports-error\"") && page.contains("is not a port (1 to 65535)"));
    assert!(page.contains("id=\"pins-error\"") && page.contains("<details open>"));
    let (status, _, page) =
        pages.post("/location/servers", &[("host", "http://a"), ("ports", "70000")]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("id=\"host-error\"") && page.contains("70000 is not a port"), "{page}");
    assert_eq!(hosts(&pages).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_is_typed_is_shown_escaped() {
    let pages = Pages::new().await;
    let typed = [("host", "<script>alert(1)</script>"), ("ports", "\"><script>")];
    let (_, _, page) = pages.post("/location/servers", &typed).await;
    assert!(!page.contains("<script>alert") && !page.contains("\"><script>"), "{page}");
}

#[tokio::test]
async fn the_second_of_two_sees_both_versions_and_may_save_over() {
    let pages = Pages::new().await;
    pages.edit("mia", add("10.1.1.5", &[443])).await;
    let seen = pages.etag().await;
    pages.edit("tom", add("10.1.1.5", &[80])).await;
    let typed = [("was", "10.1.1.5"), ("host", "10.1.1.5"), ("ports", "8443"), ("pins", ""), ("etag", &seen)];
    let (status, _, page) = pages.post("/location/servers/edit", &typed).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(page.contains("<strong>tom</strong> changed it"), "{page}");
    assert!(page.contains("<td>443, 80</td><td>8443</td>"), "{page}");
    let now = pages.etag().await;
    assert!(page.contains(&format!("name=\"etag\" value=\"{now}\"")) && !page.contains(&seen));
    assert!(page.contains("Save yours over it") && page.contains("Keep what is saved"));
    let typed = [("was", "10.1.1.5"), ("host", "10.1.1.5"), ("ports", "8443"), ("pins", ""), ("etag", &now)];
    let (status, _, _) = pages.post("/location/servers/edit", &typed).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn every_button_of_the_list_tells_of_a_conflict() {
    let pages = Pages::new().await;
    pages.edit("mia", add("10.1.1.5", &[443])).await;
    let seen = pages.etag().await;
    pages.edit("tom", add("10.1.1.9", &[80])).await;
    let forms: [Form<'_>; 6] = [
        ("/location/servers", &[("host", "10.1.1.9"), ("ports", "22")], "<td>80 (tcp)</td><td>22</td>"),
        ("/location/servers/enable", &[("enabled", "on")], "<td>disabled</td><td>enabled</td>"),
        (
            "/location/servers/move",
            &[("name", "10.1.1.5"), ("position", "1")],
            "<td>place 1</td><td>place 2</td>",
        ),
        ("/location/servers/delete", &[("host", "10.1.1.5")], "<td>443 (tcp)</td><td>deleted</td>"),
        ("/location/gateways", &[("address", "10.0.0.1")], "<td>not on the list</td><td>any hardware</td>"),
        (
            "/location/rules",
            &[
                ("criterion", "gateway"),
                ("required_successes", "1"),
                ("recheck_interval", "60 s"),
                ("confirmations_to_internal", "1"),
                ("confirmations_to_external", "1"),
                ("minimum_dwell", "0 s"),
            ],
            "<td>connection status</td><td>gateway</td>",
        ),
    ];
    for (path, fields, versions) in forms {
        let fields = [fields, &[("etag", seen.as_str())]].concat();
        let (status, _, page) = pages.post(path, &fields).await;
        assert_eq!(status, StatusCode::CONFLICT, "{path}");
        assert!(page.contains(versions), "{path}: {page}");
        assert!(page.contains("<strong>tom</strong> changed it"), "{path}");
    }
}

#[tokio::test]
async fn rows_say_how_they_differ_from_what_agents_hold() {
    let pages = Pages::new().await;
    for host in ["10.1.1.1", "10.1.1.2", "10.1.1.3", "10.1.1.4"] {
        pages.edit("mia", add(host, &[443])).await;
    }
    pages.assign("").await;
    let (_, page) = pages.get("/location").await;
    assert!(!page.contains("badge note"), "{page}");
    pages.post("/location/servers/move", &[("name", "10.1.1.4"), ("position", "0")]).await;
    pages.edit("mia", add("10.1.1.2", &[80])).await;
    pages.edit("mia", add("10.1.1.5", &[443])).await;
    let gone = wire::ReferenceServer { host: "10.1.1.3".to_owned(), ..Default::default() };
    let remove = RemoveReferenceServers { servers: vec![gone] };
    pages.edit("mia", Kind::RemoveReferenceServers(remove)).await;
    let (_, page) = pages.get("/location").await;
    let row = |host: &str| {
        let (_, row) = page.split_once(&format!("<tr id=\"server-{host}\"")).unwrap();
        row.split_once("</tr>").unwrap().0.to_owned()
    };
    assert!(row("10.1.1.4").contains(">moved<") && row("10.1.1.2").contains(">changed<"), "{page}");
    assert!(row("10.1.1.5").contains(">new<") && row("10.1.1.5").contains("not assigned yet"));
    assert!(!row("10.1.1.1").contains("badge note"));
    assert!(
        page.contains("Reference server 10.1.1.3</strong> <span class=\"badge bad\">removed, still assigned")
    );
}

#[tokio::test]
async fn a_doubtful_entry_has_its_hint_and_a_disabled_list_its_warning() {
    let pages = Pages::new().await;
    pages.edit("mia", add("10.1.1.5", &[80])).await;
    let (_, page) = pages.get("/location").await;
    assert!(page.contains("class=\"doubt\""), "{page}");
    assert!(page.contains("The list is disabled: agents that lose this server are external"));
    pages.edit("mia", Kind::EnableReferenceServers(EnableReferenceServers { enabled: true })).await;
    let (_, page) = pages.get("/location").await;
    assert!(!page.contains("The list is disabled: agents"));
}

#[tokio::test]
async fn rules_are_saved_whole_and_read_again_as_they_were_typed() {
    let pages = Pages::new().await;
    let mut typed = vec![
        ("criterion", "gateway"),
        ("ignores_tunnels", "on"),
        ("required_successes", "2"),
        ("recheck_interval", "5 min"),
        ("confirmations_to_internal", "3"),
        ("confirmations_to_external", "1"),
        ("minimum_dwell", "30 s"),
    ];
    assert_saved(&pages.post("/location/rules", &typed).await, "/location?focus=criteria");
    let (_, page) = pages.get("/location").await;
    for value in ["5 min", "30 s"] {
        assert!(page.contains(&format!("value=\"{value}\"")), "{page}");
    }
    assert!(page.contains("value=\"gateway\" checked") && page.contains("name=\"ignores_tunnels\" checked"));
    assert!(!page.contains("name=\"connected_is_internal\" checked"));
    assert!(page.contains("Not assigned yet:") && page.contains("<strong>Recheck interval</strong>"));
    typed[3] = ("recheck_interval", "soon");
    typed[4] = ("confirmations_to_internal", "11");
    let (status, _, page) = pages.post("/location/rules", &typed).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("id=\"recheck-interval-error\"") && page.contains("value=\"soon\""), "{page}");
    typed[3] = ("recheck_interval", "1 s");
    let (_, _, page) = pages.post("/location/rules", &typed).await;
    assert!(
        page.contains("id=\"recheck-interval-error\"")
            && page.contains("id=\"confirmations-to-internal-error\"")
    );
}

#[tokio::test]
async fn of_two_gateways_with_one_address_only_the_chosen_one_goes() {
    let pages = Pages::new().await;
    pages.post("/location/gateways", &[("address", "10.0.0.1"), ("mac", "")]).await;
    pages.post("/location/gateways", &[("address", "10.0.0.1"), ("mac", "00-11-22-AA-BB-01")]).await;
    let (_, page) = pages.get("/location").await;
    assert!(page.contains("value=\"10.0.0.1 00:11:22:aa:bb:01\"") && page.contains("any hardware"), "{page}");
    pages.post("/location/gateways/delete", &[("gateway", "10.0.0.1")]).await;
    let settings = pages.console.admin().drafts.get().await.unwrap().settings.unwrap();
    let [left] = settings.gateways.as_slice() else { panic!("{settings:?}") };
    assert_eq!(left.mac.len(), 6);
    let (status, _, page) = pages.post("/location/gateways", &[("address", "ten"), ("mac", "")]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("id=\"gateway-address-error\""), "{page}");
    let (_, _, page) = pages.post("/location/gateways", &[("address", "10.0.0.2"), ("mac", "zz")]).await;
    assert!(page.contains("id=\"gateway-mac-error\"") && page.contains("value=\"10.0.0.2\""), "{page}");
    let (status, _, page) = pages.post("/location/gateways/delete", &[]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("choose at least one gateway"));
}

#[tokio::test]
async fn a_viewer_sees_everything_and_no_control() {
    let pages = Pages::new().await;
    pages.edit("mia", add("10.1.1.5", &[443])).await;
    let gateway = wire::Gateway { address: "10.0.0.1".to_owned(), ..Default::default() };
    pages.edit("mia", Kind::AddGateways(AddGateways { gateways: vec![gateway] })).await;
    pages.assign("").await;
    let visit = pages.visit(Role::Viewer, "/location");
    let page = text_of(show(State(pages.console.clone()), visit).await.unwrap()).await;
    assert!(page.contains("10.1.1.5") && page.contains("10.0.0.1"), "{page}");
    assert!(page.contains("takes the role operator"));
    for control in ["/location/servers", "/location/gateways", "draggable", "type=\"checkbox\" name=\"host\""]
    {
        let found = page.lines().filter(|line| !line.contains("hx-get")).any(|line| line.contains(control));
        assert!(!found, "{control}: {page}");
    }
    let visit = pages.visit(Role::Operator, "/location");
    let page = text_of(show(State(pages.console.clone()), visit).await.unwrap()).await;
    assert!(page.contains("draggable") && page.contains("/location/gateways/delete"));
}

#[tokio::test]
async fn the_health_of_the_list_comes_as_a_part() {
    let pages = Pages::new().await;
    pages.edit("mia", add("10.1.1.5", &[443])).await;
    pages.assign("").await;
    let (status, part) = pages.get("/location/servers/health").await;
    assert_eq!(status, StatusCode::OK);
    assert!(part.trim_start().starts_with("<p id=\"health\""), "{part}");
    assert!(part.contains("id=\"reached-1-0\" hx-swap-oob=\"true\""), "{part}");
    let (_, page) = pages.get("/location").await;
    assert!(page.contains("id=\"reached-1-0\""), "{page}");
    let (status, _, _) = pages.post("/location/servers/sweep", &[]).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_server_that_is_not_on_the_list_cannot_be_edited() {
    let pages = Pages::new().await;
    assert_eq!(pages.get("/location/servers/edit?host=10.9.9.9").await.0, StatusCode::NOT_FOUND);
    let (status, _, page) = pages.post("/location/servers/delete", &[("host", "10.9.9.9")]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("10.9.9.9 is not on the list"), "{page}");
}
