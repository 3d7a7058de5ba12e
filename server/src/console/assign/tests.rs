use super::super::testing::{Pages, add, location};
use super::*;

#[tokio::test]
async fn with_nothing_to_assign_the_page_says_so() {
    let pages = Pages::new().await;
    let (_, page) = pages.get("/assign").await;
    assert!(page.contains("Nothing to assign") && !page.contains("name=\"note\""), "{page}");
    pages.edit("mia", add("10.1.1.5", &[443])).await;
    pages.assign("").await;
    let (_, page) = pages.get("/assign").await;
    assert!(page.contains("assignment 1</a>, which agents hold"), "{page}");
}

#[tokio::test]
async fn warnings_come_before_the_difference_and_the_button() {
    let pages = Pages::new().await;
    pages.edit("mia", add("10.1.1.5", &[80])).await;
    let (status, page) = pages.get("/assign").await;
    assert_eq!(status, StatusCode::OK);
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text}: {page}"));
    assert!(at("list_disabled") < at("What will change") && at("What will change") < at("name=\"note\""));
    assert!(page.contains("landmarkctl servers enable"));
}

#[tokio::test]
async fn what_was_shown_is_assigned_and_its_progress_follows() {
    let pages = Pages::new().await;
    pages.edit("mia", add("10.1.1.5", &[443])).await;
    let etag = pages.etag().await;
    let (status, headers, _) = pages.post("/assign", &[("etag", &etag), ("note", "ticket 7")]).await;
    assert_eq!((status, location(&headers)), (StatusCode::SEE_OTHER, "/assignments/1"));
    let (_, page) = pages.get("/assignments/1").await;
    assert!(page.contains("id=\"progress\"") && page.contains("ticket 7"), "{page}");
}

#[tokio::test]
async fn a_draft_that_changed_after_it_was_shown_is_not_assigned() {
    let pages = Pages::new().await;
    pages.edit("mia", add("10.1.1.5", &[443])).await;
    let seen = pages.etag().await;
    pages.edit("tom", add("10.1.1.6", &[443])).await;
    let (status, _, page) = pages.post("/assign", &[("etag", &seen), ("note", "keep <b>me</b>")]).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(page.contains("Nothing was assigned") && page.contains("tom changed it"), "{page}");
    assert!(page.contains("Reference server 10.1.1.6") && !page.contains(&seen));
    assert!(page.contains("keep &#60;b&#62;me&#60;/b&#62;") && !page.contains("<b>me"), "{page}");
    assert_eq!(pages.console.admin().info().revision, 0);
}

#[tokio::test]
async fn a_note_that_is_too_long_is_kept_and_told() {
    let pages = Pages::new().await;
    pages.edit("mia", add("10.1.1.5", &[443])).await;
    let (etag, note) = (pages.etag().await, "n".repeat(1_001));
    let (status, _, page) = pages.post("/assign", &[("etag", &etag), ("note", &note)]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains(&note) && page.contains("id=\"note-error\""), "{page}");
}
