use landmark_proto::wire::edit::{EnableReferenceServers, Kind};

use super::super::testing::{Pages, add, location, text_of};
use super::*;
use crate::access::Role;

#[tokio::test]
async fn before_the_first_assignment_the_page_says_what_to_do() {
    let pages = Pages::new().await;
    let (status, page) = pages.get("/assignments").await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("Nothing has been assigned yet"), "{page}");
    assert_eq!(pages.get("/assignments/1").await.0, StatusCode::NOT_FOUND);
    assert_eq!(pages.get("/assignments/one").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn assignments_are_listed_newest_first_in_pages() {
    let pages = Pages::new().await;
    for n in 0..=PAGE {
        let enabled = n % 2 == 0;
        pages.edit("mia", Kind::EnableReferenceServers(EnableReferenceServers { enabled })).await;
        pages.assign(&format!("note {n}<br>")).await;
    }
    let (_, page) = pages.get("/assignments").await;
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text}: {page}"));
    assert!(at("href=\"/assignments/51\"") < at("href=\"/assignments/2\""));
    assert!(page.contains("note 50&#60;br&#62;") && !page.contains("<br>"));
    assert!(!page.contains("href=\"/assignments/1\"") && page.contains("rel=\"next\""));
    assert_eq!(page.matches("badge good\">present").count(), 1);
    let next = page.split("href=\"/assignments?after=").nth(1).unwrap().split('"').next().unwrap();
    let (_, page) = pages.get(&format!("/assignments?after={next}")).await;
    assert!(page.contains("href=\"/assignments/1\"") && page.contains(">Newest</a>"), "{page}");
    assert!(!page.contains("rel=\"next\""));
}

#[tokio::test]
async fn two_assignments_are_compared_in_words() {
    let pages = Pages::new().await;
    pages.edit("mia", add("10.1.1.5", &[443])).await;
    pages.assign("").await;
    pages.edit("mia", add("10.1.1.6", &[443])).await;
    pages.assign("").await;
    let (status, page) = pages.get("/assignments/compare?from=1&to=2").await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("<strong>Reference server 10.1.1.6</strong>"), "{page}");
    let (_, page) = pages.get("/assignments/compare?from=2&to=2").await;
    assert!(page.contains("They have the same settings."));
    let (status, page) = pages.get("/assignments/compare?from=9&to=%3Cscript%3E").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("id=\"to-error\"") && !page.contains("<script>"), "{page}");
    let (_, page) = pages.get("/assignments/compare?from=9&to=1").await;
    assert!(page.contains("there is no assignment 9"), "{page}");
}

#[tokio::test]
async fn an_older_assignment_is_assigned_again_with_a_note() {
    let pages = Pages::new().await;
    pages.edit("mia", add("10.1.1.5", &[443])).await;
    pages.assign("first").await;
    pages.edit("mia", add("10.1.1.6", &[443])).await;
    pages.assign("second").await;
    let (_, page) = pages.get("/assignments/1").await;
    assert!(page.contains("action=\"/assignments/1/again\"") && page.contains("10.1.1.5"), "{page}");
    assert!(page.contains("superseded by 2"), "{page}");
    let (status, _, page) = pages.post("/assignments/1/again", &[("note", &"n".repeat(1_001))]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("id=\"note-error\""), "{page}");
    let (status, headers, _) = pages.post("/assignments/1/again", &[("note", "back")]).await;
    assert_eq!((status, location(&headers)), (StatusCode::SEE_OTHER, "/assignments/3"));
    let (_, page) = pages.get("/assignments/3").await;
    assert!(page.contains("assignment 1</a>") && page.contains(">back</dd>"), "{page}");
    assert!(!page.contains("/again\""), "the present one need not be assigned again");
}

#[tokio::test]
async fn a_viewer_cannot_assign_again() {
    let pages = Pages::new().await;
    pages.edit("mia", add("10.1.1.5", &[443])).await;
    pages.assign("").await;
    pages.edit("mia", add("10.1.1.6", &[443])).await;
    pages.assign("").await;
    let visit = pages.visit(Role::Viewer, "/assignments/1");
    let page = show(State(pages.console.clone()), visit, Path("1".to_owned())).await.unwrap();
    let page = text_of(page).await;
    assert!(!page.contains("/again\"") && page.contains("An administrator can assign it again."), "{page}");
}

#[tokio::test]
async fn progress_is_a_part_that_tells_who_holds_it_and_who_refused() {
    let pages = Pages::new().await;
    pages.edit("mia", add("10.1.1.5", &[443])).await;
    pages.assign("").await;
    let (status, part) = pages.get("/assignments/1/progress").await;
    assert_eq!(status, StatusCode::OK);
    assert!(part.trim_start().starts_with("<section id=\"progress\"") && !part.contains("<html"), "{part}");
    assert!(part.contains("No machine has joined yet"), "{part}");
    let progress = wire::AssignmentProgress {
        revision: 7,
        n_agents: 1_204,
        n_applied: 1_000,
        n_pending: 3,
        n_rejected: 101,
        n_offline: 100,
        rejections: vec![wire::AgentRejection {
            agent_id: "0189".to_owned(),
            host_name: "web<1>".to_owned(),
            code: wire::RejectionCode::Invalid.into(),
            violations: vec![wire::Violation { path: "a[0]".to_owned(), message: "is loopback".to_owned() }],
        }],
        done: false,
        superseded_by: 0,
    };
    let part = Progress::new(progress).render().unwrap();
    assert!(
        part.contains("1\u{202f}000 of 1\u{202f}204 agents hold it.") && part.contains("going on"),
        "{part}"
    );
    assert!(part.contains("web&#60;1&#62;") && part.contains("a[0]: is loopback"), "{part}");
    assert!(part.contains("The settings break a rule of the agent.") && part.contains("And 100 more."));
}
