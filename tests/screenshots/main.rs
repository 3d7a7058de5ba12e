//! Pictures of every page of the web console, and what axe finds on it. `cargo xtask screenshots` builds and starts it.
//!
//! ```text
//! stage (a server, a fleet, people) ─► pages (the list) ─► a tab: wide and narrow, light and dark ─► pictures, findings
//! ```

#![expect(clippy::print_stdout, reason = "a program for people at a terminal")]

mod pages;
mod stage;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail, ensure};
use landmark_tests::browser::axe::axe;
use landmark_tests::browser::person::{first_sign_in, signed_in};
use landmark_tests::browser::{DESKTOP, Driver, PHONE, Person, Scheme, Tab};
use landmark_tests::scratch::Scratch;

use crate::pages::{INSIDE, OUTSIDE, Page, Step};
use crate::stage::Stage;

const USAGE: &str = "usage: landmark-screenshots FOLDER [TEXT]

  FOLDER  where the pictures go
  TEXT    only pages whose name contains it";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (folder, only) = match arguments.as_slice() {
        [folder] => (PathBuf::from(folder), ""),
        [folder, only] => (PathBuf::from(folder), only.as_str()),
        _ => {
            println!("{USAGE}");
            return ExitCode::from(64);
        }
    };
    let taken = tokio::select! {
        biased;
        result = tokio::signal::ctrl_c() => result.map_err(anyhow::Error::from).and_then(|()| bail!("interrupted")),
        taken = take(&folder, only) => taken,
    };
    match taken {
        Ok(0) => ExitCode::SUCCESS,
        Ok(n) => {
            println!("\n{n} findings");
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("cannot take pictures: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// How many findings there are.
async fn take(folder: &Path, only: &str) -> Result<usize> {
    let scratch = Scratch::new()?;
    let taken = photograph(&scratch, folder, only).await;
    if taken.is_err() {
        println!("{}", scratch.logs());
    }
    taken
}

async fn photograph(scratch: &Scratch, folder: &Path, only: &str) -> Result<usize> {
    std::fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    let driver = Driver::start(scratch).await?.context("no browser")?;
    let stage = Stage::set(scratch).await?;
    let mut studio = Studio { folder, agent_id: &stage.agent_id, n_findings: 0 };

    let outside = driver.open(&stage.server).await?;
    outside.open_address(&first_sign_in(&stage.server)?).await?;
    if "welcome".contains(only) {
        studio.look(&outside, "welcome").await?;
    }
    let inside = signed_in(&driver, &stage.server, Person::Administrator).await?;
    signed_in(&driver, &stage.server, Person::Operator).await?.close().await?;
    for (tab, pages) in [(&outside, OUTSIDE), (&inside, INSIDE)] {
        for page in pages.iter().filter(|page| page.name.contains(only)) {
            studio.visit(tab, page).await;
        }
    }
    println!("\npictures are in {}", folder.display());
    Ok(studio.n_findings)
}

struct Studio<'a> {
    folder: &'a Path,
    agent_id: &'a str,
    n_findings: usize,
}

impl Studio<'_> {
    /// A page that does not come is a finding; the others are looked at all the same.
    async fn visit(&mut self, tab: &Tab, page: &Page) {
        let visited = async {
            tab.size(DESKTOP).await?;
            tab.open(&page.path.replace("AGENT", self.agent_id)).await?;
            ensure!(tab.count("main").await? == 1, "it is no page: {}", tab.text().await?);
            for step in page.steps {
                match step {
                    Step::Fill(label, text) => tab.fill(label, text).await?,
                    Step::Click(name) => tab.click(name).await?,
                    Step::See(text) => tab.see(text).await?,
                }
            }
            anyhow::Ok(())
        };
        let visited = visited.await;
        let looked = match visited {
            Ok(()) => self.look(tab, page.name).await,
            Err(error) => Err(error),
        };
        if let Err(error) = looked {
            self.n_findings += 1;
            println!("{}: {error:#}", page.name);
        }
    }

    /// As it stands, in all sizes and colours.
    async fn look(&mut self, tab: &Tab, name: &str) -> Result<()> {
        // What is wrong, and in which views.
        let mut findings: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (width, size) in [("1280", DESKTOP), ("390", PHONE)] {
            tab.size(size).await?;
            for scheme in [Scheme::Light, Scheme::Dark] {
                tab.color_scheme(scheme).await?;
                let view = format!("{width}-{}", scheme.name());
                tab.save_picture(&self.folder.join(format!("{name}-{view}.png"))).await?;
                for violation in axe(tab).await? {
                    findings.entry(violation.to_string()).or_default().push(view.clone());
                }
            }
            if tab.scrolls_sideways().await? {
                findings.entry("the page is wider than its window".into()).or_default().push(width.into());
            }
        }
        // A page that says it is not there is in the log, and may be what was asked for.
        let wrong = tab.log().await?.into_iter();
        let wrong = wrong.filter(|entry| entry.level == "SEVERE" && entry.source != "network");
        for entry in wrong {
            findings.entry(entry.to_string()).or_default().push("log".into());
        }
        println!("{name}: {}", if findings.is_empty() { "good" } else { "NOT GOOD" });
        for (finding, views) in &findings {
            println!("  {finding}\n    in {}", views.join(", "));
        }
        self.n_findings += findings.len();
        Ok(())
    }
}
