use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header, request as http_request};

use super::testing::{Pages, hidden};
use super::{gate, mounted};
use crate::access::{Access, ROUTES, Role, Verb};

/// An address of the route, with something in the place of what varies.
fn address(path: &str) -> String {
    path.replace("{agent}", "nobody").replace("{revision}", "1").replace("{name}", "nothing.css")
}

fn request(verb: Verb, path: &str) -> http_request::Builder {
    match verb {
        Verb::Get => Request::get(address(path)),
        Verb::Post => Request::post(address(path)),
    }
}

fn assert_guarded(headers: &HeaderMap, what: &str) {
    let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"),
        "{what}: {policy}"
    );
    assert!(!policy.contains("unsafe"), "{what}: {policy}");
    assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff", "{what}");
    assert_eq!(headers[header::X_FRAME_OPTIONS], "DENY", "{what}");
    assert!(headers.contains_key(header::CACHE_CONTROL), "{what}");
}

#[tokio::test]
async fn every_route_says_whom_it_is_for_and_no_other_does() {
    let pages = Pages::new().await;
    let mount = mounted(pages.console.clone());
    let there: BTreeSet<(Verb, &str)> = mount.mounted().iter().copied().collect();
    let declared: BTreeSet<(Verb, &str)> = ROUTES.iter().map(|(verb, path, _)| (*verb, *path)).collect();
    assert_eq!(there.difference(&declared).collect::<Vec<_>>(), Vec::<&(Verb, &str)>::new(), "not declared");
    assert_eq!(declared.difference(&there).collect::<Vec<_>>(), Vec::<&(Verb, &str)>::new(), "not mounted");
}

#[tokio::test]
async fn strangers_are_asked_to_sign_in_whatever_they_ask_for() {
    let pages = Pages::new().await;
    for (verb, path, access) in ROUTES {
        let (status, headers, _) = pages.send(request(*verb, path), Body::empty()).await;
        assert_guarded(&headers, path);
        match (access, verb) {
            (Access::Anyone, _) => assert_ne!(status, StatusCode::SEE_OTHER, "{path}"),
            (_, Verb::Get) => {
                assert_eq!(status, StatusCode::SEE_OTHER, "{path}");
                assert!(headers[header::LOCATION].to_str().unwrap().starts_with("/sign-in"), "{path}");
            }
            (_, Verb::Post) => assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}"),
        }
    }
    // What is not there is not told apart from what is.
    let (status, headers, _) = pages.send(Request::get("/nothing"), Body::empty()).await;
    assert_eq!(
        (status, headers[header::LOCATION].to_str().unwrap()),
        (StatusCode::SEE_OTHER, "/sign-in?next=%2Fnothing")
    );
    let part = Request::get("/agents/table").header("hx-request", "true");
    assert_eq!(pages.send(part, Body::empty()).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn each_role_gets_what_it_may_and_is_told_what_it_may_not() {
    let pages = Pages::new().await;
    for role in [Role::Viewer, Role::Operator] {
        let cookie = pages.signed_in(role).await;
        for (verb, path, access) in ROUTES {
            let Access::Needs(permission) = access else { continue };
            // A stream does not end.
            if *path == "/live" {
                continue;
            }
            let request = request(*verb, path).header(header::COOKIE, &cookie);
            let (status, headers, text) = pages.send(request, Body::empty()).await;
            assert_guarded(&headers, path);
            if role.may(*permission) {
                // A form without the proof of the session goes no further.
                let is_stale = *verb == Verb::Post && status == StatusCode::FORBIDDEN;
                assert!(is_stale || status != StatusCode::FORBIDDEN, "{role} {path}: {status} {text}");
                assert!(!text.contains("You may not do that"), "{role} {path}");
            } else {
                assert_eq!(status, StatusCode::FORBIDDEN, "{role} {path}");
                assert!(text.contains("You may not do that"), "{role} {path}: {text}");
                assert!(text.contains(Role::least_with(*permission).name()), "{role} {path}: {text}");
            }
        }
    }
}

#[tokio::test]
async fn no_form_is_taken_without_the_proof_of_its_session() {
    let pages = Pages::new().await;
    let cookie = pages.signed_in(Role::Administrator).await;
    for (verb, path, access) in ROUTES {
        if *verb != Verb::Post || *access == Access::Anyone {
            continue;
        }
        for body in ["", "csrf=", "csrf=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            let request = request(*verb, path).header(header::COOKIE, &cookie);
            let (status, _, text) = pages.send(request, Body::from(body)).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
            assert!(text.contains("earlier session"), "{path}: {text}");
        }
    }
    let page = Request::get("/join-tokens").header(header::COOKIE, &cookie);
    let (_, _, html) = pages.send(page, Body::empty()).await;
    let form = format!("csrf={}&max_uses=1&lifetime=1&description=one", hidden(&html, gate::PROOF));
    let post = || Request::post("/join-tokens").header(header::COOKIE, &cookie);
    let foreign = post().header("sec-fetch-site", "cross-site");
    let (status, _, text) = pages.send(foreign, Body::from(form.clone())).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(text.contains("another site"), "{text}");
    let own = post().header("sec-fetch-site", "same-origin");
    let (status, _, text) = pages.send(own, Body::from(form.clone())).await;
    assert_eq!(status, StatusCode::OK, "{text}");
    assert!(text.contains("landmark-agent enroll landmark1."), "{text}");
    let too_much = format!("{form}&description={}", "x".repeat(600 * 1024));
    assert_eq!(pages.send(post(), Body::from(too_much)).await.0, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn the_first_account_is_made_by_the_link_and_signing_out_ends_its_session() {
    let pages = Pages::new().await;
    let link = pages.console.authenticator().publish_first_sign_in("https://hq.example").unwrap().unwrap();
    let welcome = link.strip_prefix("https://hq.example").unwrap();
    let (status, _, html) = pages.send(Request::get(welcome), Body::empty()).await;
    assert_eq!(status, StatusCode::OK);
    let post = async |fields: &str| {
        let body = format!("code={}&{fields}", hidden(&html, "code"));
        pages.send(Request::post("/welcome"), Body::from(body)).await
    };
    let (status, _, text) = post("account=Alice&password=short&password_again=short").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(text.contains("is too short") && text.contains("value=\"alice\""), "{text}");
    let (status, _, text) = post("account=alice&password=a+good+long+one&password_again=another").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(text.contains("is not the same as the password"), "{text}");
    let (status, headers, _) =
        post("account=alice&password=a+good+long+one&password_again=a+good+long+one").await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let cookie = headers[header::SET_COOKIE].to_str().unwrap();
    for attribute in ["__Host-landmark=", "; Path=/", "; Secure", "; HttpOnly", "; SameSite=Strict"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let (status, _, html) =
        pages.send(Request::get("/").header(header::COOKIE, &cookie), Body::empty()).await;
    assert_eq!(status, StatusCode::OK);
    assert!(html.contains("First steps") && html.contains("alice"), "{html}");
    assert_eq!(pages.send(Request::get(welcome), Body::empty()).await.0, StatusCode::FORBIDDEN);

    let out = Request::post("/sign-out").header(header::COOKIE, &cookie);
    let proof = format!("csrf={}", hidden(&html, gate::PROOF));
    assert_eq!(pages.send(out, Body::from(proof)).await.0, StatusCode::SEE_OTHER);
    let (status, ..) = pages.send(Request::get("/").header(header::COOKIE, &cookie), Body::empty()).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "the session is over, whoever has kept its cookie");

    let wrong = "account=alice&password=wrong+but+long+enough";
    let (status, _, text) = pages.send(Request::post("/sign-in"), Body::from(wrong)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(text.contains("The account or the password is wrong."), "{text}");
    assert!(!text.contains("wrong but long enough"));
    let right = "account=alice&password=a+good+long+one&next=%2Fagents";
    let (status, headers, _) = pages.send(Request::post("/sign-in"), Body::from(right)).await;
    assert_eq!((status, headers[header::LOCATION].to_str().unwrap()), (StatusCode::SEE_OTHER, "/agents"));
}
