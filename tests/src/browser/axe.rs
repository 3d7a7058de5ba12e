//! What of a page keeps people out who do not see it, or use no mouse: axe-core's rules, run inside the page.

use std::fmt;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::tab::Tab;
use super::view::{DESKTOP, Scheme, Size};

/// The narrowest window that a page must fit into.
const NARROWEST: Size = Size { width: 360, height: 740 };

const AXE: &str = include_str!("../../assets/axe-core/axe.min.js");

/// All rules of WCAG 2.2 up to AA, and what is good practice.
const RUN: &str = r#"
const done = arguments[arguments.length - 1];
const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
axe.run(document, { runOnly: tags, resultTypes: ["violations"] }).then(
    (results) => done({
        violations: results.violations.map((violation) => ({
            rule: violation.id,
            help: violation.help,
            nodes: violation.nodes.map((node) => `${node.html}\n      ${node.failureSummary.replace(/\s+/g, " ")}`),
        })),
    }),
    (error) => done({ error: String(error) }),
);
"#;

/// One rule that a page breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// For example `color-contrast`; <https://dequeuniversity.com/rules/axe/> explains each.
    pub rule: String,
    /// What should be.
    pub help: String,
    /// The HTML of what breaks it, and how.
    pub nodes: Vec<String>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.help)?;
        for node in &self.nodes {
            write!(f, "\n    {node}")?;
        }
        Ok(())
    }
}

/// Looks for what keeps people out of the page as it stands.
///
/// # Errors
/// It cannot look.
pub async fn axe(tab: &Tab) -> Result<Vec<Violation>> {
    let is_there = tab.run("return typeof window.axe === 'object'").await? == true;
    if !is_there {
        // Scripts of the driver are none of the page's, so that its content security policy has no say in them.
        tab.run(AXE).await.context("put axe into the page")?;
    }
    let results = tab.client.execute_async(RUN, Vec::new()).await.context("run axe")?;
    ensure!(results["error"].is_null(), "axe failed: {}", results["error"]);
    let violations = results["violations"].as_array().context("axe gives no list")?;
    Ok(violations.iter().map(violation).collect())
}

/// Fails when something keeps people out, and tells what.
///
/// # Errors
/// Something does.
pub async fn ensure_accessible(tab: &Tab) -> Result<()> {
    let violations = axe(tab).await?;
    let told: Vec<String> = violations.iter().map(|violation| format!("  {violation}")).collect();
    ensure!(violations.is_empty(), "axe finds at {}:\n{}", tab.path().await?, told.join("\n"));
    Ok(())
}

/// Fails when something keeps people out on a desk or on the narrowest phone, in light or dark colours, or when they would have
/// to scroll sideways. Leaves the page as a desk shows it, in light colours.
///
/// # Errors
/// Something does.
pub async fn ensure_usable(tab: &Tab) -> Result<()> {
    for size in [NARROWEST, DESKTOP] {
        tab.size(size).await?;
        for scheme in [Scheme::Dark, Scheme::Light] {
            tab.color_scheme(scheme).await?;
            let how = || format!("{} px wide, {}", size.width, scheme.name());
            ensure_accessible(tab).await.with_context(how)?;
        }
        ensure!(
            !tab.scrolls_sideways().await?,
            "{} scrolls sideways at {} px",
            tab.path().await?,
            size.width
        );
    }
    Ok(())
}

fn violation(value: &Value) -> Violation {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Violation {
        rule: text(&value["rule"]),
        help: text(&value["help"]),
        nodes: value["nodes"].as_array().into_iter().flatten().map(text).collect(),
    }
}
