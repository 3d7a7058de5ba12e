use super::super::testing::{Pages, add, location, text_of};
use super::*;
use crate::access::Role;

#[tokio::test]
async fn the_difference_is_told_in_words_with_who_changed_it() {
    let pages = Pages::new().await;
    let (_, page) = pages.get("/draft").await;
    assert!(page.contains("The draft is what agents hold"), "{page}");
    pages.edit("mia", add("10.1.1.5", &[443])).await;
    let (status, page) = pages.get("/draft").await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("<li class=\"added\">") && page.contains("Reference server 10.1.1.5"), "{page}");
    assert!(page.contains("1 unassigned change</h2>") && page.contains("Last changed by mia"));
}

#[tokio::test]
async fn the_bar_says_how_the_draft_stands() {
    let pages = Pages::new().await;
    let (_, bar) = pages.get("/draft/bar").await;
    assert!(bar.trim_start().starts_with("<div id=\"draft-bar\"") && !bar.contains("unassigned"), "{bar}");
    pages.edit("mia", add("10.1.1.5", &[443])).await;
    let (_, bar) = pages.get("/draft/bar").await;
    let etag = pages.etag().await;
    assert!(bar.contains("1 unassigned change") && bar.contains(&format!("value=\"{etag}\"")), "{bar}");
    assert!(!bar.contains("<html"));
}

#[tokio::test]
async fn a_draft_is_discarded_only_as_it_was_seen() {
    let pages = Pages::new().await;
    pages.edit("mia", add("10.1.1.5", &[443])).await;
    let seen = pages.etag().await;
    pages.edit("tom", add("10.1.1.6", &[443])).await;
    let (status, _, page) = pages.post("/draft/discard", &[("etag", &seen)]).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(page.contains("Nothing was discarded") && page.contains("tom changed it"), "{page}");
    assert!(page.contains("Reference server 10.1.1.6"), "the present difference is shown");
    let now = pages.etag().await;
    let (status, headers, _) = pages.post("/draft/discard", &[("etag", &now)]).await;
    assert_eq!((status, location(&headers)), (StatusCode::SEE_OTHER, "/draft"));
    assert_eq!(pages.console.admin().drafts.standing().await.unwrap().n_changes, 0);
}

#[tokio::test]
async fn who_may_not_discard_or_assign_is_told_who_may() {
    let pages = Pages::new().await;
    pages.edit("mia", add("10.1.1.5", &[443])).await;
    let page = async |role| {
        text_of(show(State(pages.console.clone()), pages.visit(role, "/draft")).await.unwrap()).await
    };
    let seen = page(Role::Viewer).await;
    assert!(!seen.contains("/draft/discard") && !seen.contains("href=\"/assign\""), "{seen}");
    assert!(seen.contains("An operator can discard them, an administrator can assign them."));
    let seen = page(Role::Operator).await;
    assert!(seen.contains("/draft/discard") && !seen.contains("href=\"/assign\""), "{seen}");
}
