use axum::body::Body;
use axum::http::{Request, StatusCode, header};

use crate::access::Role;
use crate::console::testing::Pages;

#[tokio::test]
async fn a_fleet_without_agents_says_how_one_comes() {
    let pages = Pages::new().await;
    let (status, html) = pages.get("/agents").await;
    assert_eq!(status, StatusCode::OK);
    assert!(html.contains("No agent yet") && html.contains("/join-tokens"), "{html}");
    let (_, part) = pages.get("/agents/table?location=external&text=%3Cscript%3E").await;
    assert!(part.contains("No agent matches") && !part.contains("<script>"), "{part}");
    assert!(!part.contains("<html"), "a part is no page");
}

#[tokio::test]
async fn an_agent_that_is_not_there_is_said_to_be_gone() {
    let pages = Pages::new().await;
    let (status, html) = pages.get("/agents/nobody").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(html.contains("There is no such agent"), "{html}");
    let (status, _, _) = pages.post("/agents/nobody/remove", &[]).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_address_of_a_page_that_is_not_there_leads_to_the_first_one() {
    let pages = Pages::new().await;
    let (status, _) = pages.get("/agents?text=web&after=nonsense").await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let (status, _) = pages.get("/agents/table?text=web&after=nonsense").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_search_puts_itself_into_the_address_of_the_page_and_news_do_not() {
    let pages = Pages::new().await;
    let cookie = pages.signed_in(Role::Viewer).await;
    let ask = || Request::get("/agents/table?text=web&location=&sort=seen").header(header::COOKIE, &cookie);
    let (_, headers, _) = pages.send(ask(), Body::empty()).await;
    assert_eq!(headers["hx-replace-url"], "/agents?text=web&sort=seen");
    let (_, headers, _) = pages.send(ask().header("x-landmark-by-itself", "yes"), Body::empty()).await;
    assert!(!headers.contains_key("hx-replace-url"), "{headers:?}");
}
