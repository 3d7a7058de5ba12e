//! What pages are made of beside their text: style sheet, scripts and icon, embedded in the program.
//!
//! An asset's address carries the beginning of its digest, so that a browser may keep it for ever and still gets the one of
//! the program that runs.

use std::fmt::Write as _;
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest as _, Sha256};

use super::gate;
use super::mount::Mount;

struct Asset {
    /// As templates name it.
    name: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
}

const ALL: [Asset; 4] = [
    Asset {
        name: "console.css",
        content_type: "text/css; charset=utf-8",
        bytes: include_bytes!("../../assets/console.css"),
    },
    Asset {
        name: "console.js",
        content_type: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../../assets/console.js"),
    },
    Asset {
        name: "htmx.js",
        content_type: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../../assets/htmx.min.js"),
    },
    Asset { name: "icon.svg", content_type: "image/svg+xml", bytes: include_bytes!("../../assets/icon.svg") },
];

/// `console.css` and `/assets/console-0123456789.css`.
static ADDRESSES: LazyLock<Vec<(&'static str, String)>> =
    LazyLock::new(|| ALL.iter().map(|asset| (asset.name, address(asset))).collect());

fn address(asset: &Asset) -> String {
    let mut digest = String::new();
    for byte in Sha256::digest(asset.bytes).iter().take(5) {
        // Writing into a String cannot fail.
        write!(digest, "{byte:02x}").ok();
    }
    let (stem, extension) = asset.name.split_once('.').unwrap_or((asset.name, ""));
    format!("/assets/{stem}-{digest}.{extension}")
}

/// Where an asset is; for templates.
pub(crate) fn asset(name: &str) -> &'static str {
    ADDRESSES
        .iter()
        .find(|(known, _)| *known == name)
        .map_or("/assets/unknown", |(_, address)| address.as_str())
}

pub(super) fn mount(mount: Mount) -> Mount {
    mount.get("/assets/{name}", serve)
}

async fn serve(Path(name): Path<String>) -> Response {
    let found =
        ADDRESSES.iter().zip(&ALL).find(|((_, address), _)| address.strip_prefix("/assets/") == Some(&name));
    let Some((_, asset)) = found else { return gate::not_found() };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
    ];
    (headers, asset.bytes).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_changes_with_the_content() {
        let one = Asset { name: "a.css", content_type: "text/css", bytes: b"a{}" };
        let other = Asset { bytes: b"b{}", ..one };
        assert!(address(&one).starts_with("/assets/a-") && address(&one).ends_with(".css"));
        assert_ne!(address(&one), address(&other));
    }

    #[test]
    fn templates_find_what_there_is() {
        assert!(asset("console.css").starts_with("/assets/console-"));
        assert_eq!(asset("nothing.css"), "/assets/unknown");
    }
}
