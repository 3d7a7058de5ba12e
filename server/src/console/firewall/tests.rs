use axum::Extension;
use landmark_proto::wire;

use super::*;
use crate::access::Role;
use crate::console::testing::{Pages, hidden, read};

async fn etag(pages: &Pages) -> String {
    Drafted::read(&pages.console).await.unwrap().etag
}
