//! One port for programs and people: a request that carries gRPC goes to the services, any other to the console.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, header};
use tower::ServiceExt as _;

/// Both behind one router.
pub(super) fn either(grpc: Router, pages: Router) -> Router {
    Router::new().fallback(move |request: Request<Body>| {
        let router = if carries_grpc(request.headers()) { grpc.clone() } else { pages.clone() };
        router.oneshot(request)
    })
}

/// `application/grpc`, also with a suffix: what every client of gRPC sends, and no browser does by itself.
fn carries_grpc(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    #[tokio::test]
    async fn what_a_request_carries_decides_who_answers() {
        let both =
            either(Router::new().fallback(async || "service"), Router::new().fallback(async || "page"));
        let ask = async |kind: Option<&str>| {
            let mut request = Request::post("/landmark.v1.Admin/GetDraft");
            if let Some(kind) = kind {
                request = request.header(header::CONTENT_TYPE, kind);
            }
            let response = both.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
            to_bytes(response.into_body(), 100).await.unwrap()
        };
        assert_eq!(ask(Some("application/grpc")).await, "service");
        assert_eq!(ask(Some("application/grpc+proto")).await, "service");
        assert_eq!(ask(Some("application/x-www-form-urlencoded")).await, "page");
        assert_eq!(ask(None).await, "page");
    }
}
