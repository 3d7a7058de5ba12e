//! What a person sees on a page, and what the browser says of it.

use std::fmt;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use fantoccini::Client;
use fantoccini::cookies::Cookie;
use serde_json::{Value, json};

use super::devtools;
use super::tab::Tab;
use crate::wait::wait_until;

/// The messages that belong to the field with this label, once it says that it is wrong.
const FIELD_ERROR: &str = r#"
const [label] = arguments;
const tidy = (text) => (text ?? "").replace(/\s+/g, " ").trim();
const fields = [...document.querySelectorAll("input, select, textarea")].filter((f) => tidy(f.computedName) === label);
return fields.filter((field) => field.getAttribute("aria-invalid") === "true").map((field) => {
    const ids = `${field.getAttribute("aria-errormessage") ?? ""} ${field.getAttribute("aria-describedby") ?? ""}`;
    const parts = ids.split(/\s+/).filter((id) => id !== "").map((id) => document.getElementById(id)?.innerText);
    return tidy(parts.join(" "));
});
"#;

/// One line of what the browser logs of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// For example `SEVERE`, `WARNING`, `INFO`.
    pub level: String,
    /// For example `security`, `javascript`, `network`, `console-api`.
    pub source: String,
    /// What it says.
    pub message: String,
}

impl fmt::Display for LogEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.level, self.source, self.message)
    }
}

impl Tab {
    /// Waits until this text is to be seen.
    ///
    /// # Errors
    /// It does not come.
    pub async fn see(&self, text: &str) -> Result<()> {
        self.see_within(self.patience, text).await
    }

    /// As [`Tab::see`], with another limit.
    ///
    /// # Errors
    /// It does not come.
    pub async fn see_within(&self, limit: Duration, text: &str) -> Result<()> {
        let wanted = tidy(text);
        self.until(limit, &format!("{text:?} is to be seen"), async || {
            ensure!(tidy(&self.text().await?).contains(&wanted), "it is not");
            Ok(())
        })
        .await
    }

    /// Waits until this text is not to be seen any more.
    ///
    /// # Errors
    /// It stays.
    pub async fn see_no(&self, text: &str) -> Result<()> {
        let unwanted = tidy(text);
        self.until(self.patience, &format!("{text:?} is not to be seen"), async || {
            ensure!(!tidy(&self.text().await?).contains(&unwanted), "it is");
            Ok(())
        })
        .await
    }

    /// Waits until the page is this one.
    ///
    /// # Errors
    /// It stays another.
    pub async fn see_page(&self, path: &str) -> Result<()> {
        self.until(self.patience, &format!("the page is {path}"), async || {
            let there = self.path().await?;
            ensure!(there == path, "it is {there}");
            Ok(())
        })
        .await
    }

    /// Waits until something holds; tells what is to be seen instead where it does not come to.
    ///
    /// # Errors
    /// It does not come to hold.
    pub async fn until<T>(
        &self,
        limit: Duration,
        what: &str,
        look: impl AsyncFnMut() -> Result<T>,
    ) -> Result<T> {
        match wait_until(what, limit, look).await {
            Ok(value) => Ok(value),
            Err(error) => Err(self.explained(error).await),
        }
    }

    /// All that is to be seen as text, without what is hidden.
    ///
    /// # Errors
    /// The browser has ended.
    pub async fn text(&self) -> Result<String> {
        text(&self.client).await
    }

    /// The visible text of each element that a CSS selector selects.
    ///
    /// # Errors
    /// It is no selector.
    pub async fn text_of(&self, css: &str) -> Result<Vec<String>> {
        let script =
            "return [...document.querySelectorAll(arguments[0])].map((element) => element.innerText)";
        let texts = self.client.execute(script, vec![json!(css)]).await.with_context(|| css.to_owned())?;
        Ok(strings(&texts).iter().map(|text| tidy(text)).collect())
    }

    /// How many elements a CSS selector selects.
    ///
    /// # Errors
    /// It is no selector.
    pub async fn count(&self, css: &str) -> Result<usize> {
        Ok(self.text_of(css).await?.len())
    }

    /// Waits until the field with this label is marked as wrong, and gives what it says why.
    ///
    /// # Errors
    /// It is not marked, or there are several.
    pub async fn field_error(&self, label: &str) -> Result<String> {
        self.until(self.patience, &format!("the field {label:?} is marked as wrong"), async || {
            let said = strings(&self.client.execute(FIELD_ERROR, vec![json!(label)]).await?);
            let [one] = said.as_slice() else { anyhow::bail!("{} fields are: {said:?}", said.len()) };
            ensure!(!one.is_empty(), "it does not say why");
            Ok(one.clone())
        })
        .await
    }

    /// What is announced: the texts of everything with the role alert or status that says something.
    ///
    /// # Errors
    /// The browser has ended.
    pub async fn alerts(&self) -> Result<Vec<String>> {
        let texts = self.text_of("[role=alert], [role=status], output").await?;
        Ok(texts.into_iter().filter(|text| !text.is_empty()).collect())
    }

    /// The cookies of the page.
    ///
    /// # Errors
    /// The browser has ended.
    pub async fn cookies(&self) -> Result<Vec<Cookie<'static>>> {
        self.client.get_all_cookies().await.context("read the cookies")
    }

    /// Puts a cookie into the browser, such as one that was stolen elsewhere.
    ///
    /// # Errors
    /// The browser does not take it.
    pub async fn add_cookie(&self, cookie: Cookie<'static>) -> Result<()> {
        self.client.add_cookie(cookie).await.context("add a cookie")
    }

    /// What the browser has logged since it was asked last.
    ///
    /// # Errors
    /// The browser has ended.
    pub async fn log(&self) -> Result<Vec<LogEntry>> {
        let entries = devtools::log(&self.client).await?;
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let entry = |entry: &Value| LogEntry {
            level: word(&entry["level"]),
            source: word(&entry["source"]),
            message: word(&entry["message"]),
        };
        Ok(entries.as_array().into_iter().flatten().map(entry).collect())
    }

    /// Waits until something is announced that has this text.
    ///
    /// # Errors
    /// It is not announced.
    pub async fn until_alert(&self, text: &str) -> Result<()> {
        self.until(self.patience, &format!("{text:?} is announced"), async || {
            let alerts = self.alerts().await?;
            ensure!(alerts.iter().any(|alert| alert.contains(text)), "announced is {alerts:?}");
            Ok(())
        })
        .await
    }

    /// Fails when a script threw, a request failed, or the page's policies forbade something since the log was read last.
    ///
    /// # Errors
    /// Such a thing is in the log.
    pub async fn nothing_went_wrong(&self) -> Result<()> {
        self.went_wrong(|_| false).await
    }

    /// As [`Tab::nothing_went_wrong`], where answers with this status, such as `422` to a form, are meant to come.
    ///
    /// # Errors
    /// Something else is in the log.
    pub async fn nothing_went_wrong_but(&self, status: &str) -> Result<()> {
        let meant = format!("status of {status}");
        self.went_wrong(|entry| entry.source == "network" && entry.message.contains(&meant)).await
    }

    async fn went_wrong(&self, is_meant: impl Fn(&LogEntry) -> bool) -> Result<()> {
        let entries = self.log().await?;
        let bad: Vec<String> = entries
            .iter()
            .filter(|entry| entry.level == "SEVERE" && !is_meant(entry))
            .map(ToString::to_string)
            .collect();
        ensure!(bad.is_empty(), "the browser's log has:\n  {}", bad.join("\n  "));
        Ok(())
    }
}

pub(super) async fn text(client: &Client) -> Result<String> {
    let text = client.execute("return document.body?.innerText ?? ''", Vec::new()).await;
    Ok(text.context("read the page")?.as_str().unwrap_or_default().to_owned())
}

/// One blank where there are several, or line breaks.
fn tidy(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn strings(value: &Value) -> Vec<String> {
    let texts = value.as_array().into_iter().flatten();
    texts.map(|text| text.as_str().unwrap_or_default().to_owned()).collect()
}
