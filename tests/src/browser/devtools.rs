//! Commands of chromedriver beyond WebDriver: Chromium's DevTools protocol, and the log of a page.

use anyhow::{Context as _, Result};
use fantoccini::Client;
use fantoccini::wd::WebDriverCompatibleCommand;
use http::Method;
use serde_json::{Value, json};

/// A command of a session: its path, and what is sent there.
#[derive(Debug)]
struct Command {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Command {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &url::Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}

/// A command of the DevTools protocol, such as `Emulation.setEmulatedMedia`.
pub(super) async fn tell(client: &Client, command: &str, parameters: Value) -> Result<Value> {
    let body = json!({ "cmd": command, "params": parameters });
    client.issue_cmd(Command { path: "goog/cdp/execute", body }).await.with_context(|| command.to_owned())
}

/// What the browser has logged since it was asked last: scripts, requests, and what the page's policies forbade.
pub(super) async fn log(client: &Client) -> Result<Value> {
    let body = json!({ "type": "browser" });
    client.issue_cmd(Command { path: "se/log", body }).await.context("read the browser's log")
}
