//! One browser with one tab: where it is, and what is told of it when something that was waited for does not come.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Error, Result, bail};
use fantoccini::Client;

use super::{devtools, looking, view};
use crate::scratch::Journal;

/// Names the folder where pictures of pages that failed a test are kept.
const PICTURES_VARIABLE: &str = "LANDMARK_PICTURES_DIR";

/// How long a page may take to become what is expected; a fraction of it on an idle machine.
const LIMIT: Duration = Duration::from_secs(20);

static N_PICTURES: AtomicU32 = AtomicU32::new(0);

/// A browser with its own cookies, and one tab. It ends with its driver.
#[derive(Debug)]
pub struct Tab {
    pub(super) client: Client,
    pub(super) journal: Journal,
    origin: String,
    number: u32,
    pub(super) patience: Duration,
}

impl Tab {
    pub(super) async fn new(client: Client, origin: &str, number: u32, journal: Journal) -> Result<Self> {
        let tab = Self { client, journal, origin: origin.to_owned(), number, patience: LIMIT };
        tab.size(view::DESKTOP).await?;
        Ok(tab)
    }

    /// Waits this long for what does not come, instead of the usual 20 s.
    #[must_use]
    pub fn patient_for(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Opens a page of its server, such as `/agents`, and waits until it has been read.
    ///
    /// # Errors
    /// The server cannot be reached.
    pub async fn open(&self, path: &str) -> Result<()> {
        self.open_address(&format!("{}{path}", self.origin)).await
    }

    /// Opens any address.
    ///
    /// # Errors
    /// It cannot be reached.
    pub async fn open_address(&self, address: &str) -> Result<()> {
        self.note(&format!("open {address}"));
        self.client.goto(address).await.with_context(|| format!("open {address}"))?;
        // A page of Chromium's own, such as for a certificate that it does not believe.
        if self.run("return location.protocol").await? == "chrome-error:" {
            let said = looking::text(&self.client).await?;
            bail!("open {address}: the browser shows no page but an error: {}", said.replace('\n', " "));
        }
        Ok(())
    }

    /// Reads the page again.
    ///
    /// # Errors
    /// It cannot be reached any more.
    pub async fn reload(&self) -> Result<()> {
        self.note("reload");
        self.client.refresh().await.context("reload")
    }

    /// Goes back to the page before.
    ///
    /// # Errors
    /// There is none.
    pub async fn back(&self) -> Result<()> {
        self.note("back");
        self.client.back().await.context("go back")
    }

    /// The path and query of the page, as `open` takes them.
    ///
    /// # Errors
    /// The browser has ended.
    pub async fn path(&self) -> Result<String> {
        let url = self.client.current_url().await?;
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        Ok(format!("{}{query}", url.path()))
    }

    /// Runs a script in the page, whatever the page's policies say of scripts, and gives what it returns.
    ///
    /// # Errors
    /// It throws.
    pub async fn run(&self, script: &str) -> Result<serde_json::Value> {
        self.client.execute(script, Vec::new()).await.context("run a script in the page")
    }

    /// A command of Chromium's DevTools protocol.
    ///
    /// # Errors
    /// It is refused.
    pub async fn devtools(&self, command: &str, parameters: serde_json::Value) -> Result<serde_json::Value> {
        devtools::tell(&self.client, command, parameters).await
    }

    /// Ends the browser before its driver ends.
    ///
    /// # Errors
    /// It had ended.
    pub async fn close(self) -> Result<()> {
        self.note("close");
        self.client.close().await.context("close the browser")
    }

    pub(super) fn note(&self, what: &str) {
        self.journal.note(&format!("browser {}: {what}", self.number));
    }

    /// An error, with what a person would have seen instead.
    pub(super) async fn explained(&self, error: Error) -> Error {
        let address =
            self.client.current_url().await.map_or_else(|error| error.to_string(), |url| url.to_string());
        let text = looking::text(&self.client).await.unwrap_or_else(|error| format!("({error:#})"));
        let log = match self.log().await {
            Ok(entries) => entries.iter().map(|entry| format!("\n    {entry}")).collect(),
            Err(error) => format!("{error:#}"),
        };
        let picture = match self.keep_picture().await {
            Ok(path) => path.display().to_string(),
            Err(error) => format!("none: {error:#}"),
        };
        error.context(format!(
            "browser {} at {address}\n  picture: {picture}\n  log: {log}\n  text: {}\n",
            self.number,
            text.replace('\n', "\n    ")
        ))
    }

    /// Named after the test, beside the programs of the test, where it outlives the scratch folder.
    async fn keep_picture(&self) -> Result<PathBuf> {
        let folder = match std::env::var_os(PICTURES_VARIABLE) {
            Some(folder) => PathBuf::from(folder),
            None => {
                let own = std::env::current_exe().context("find the folder of this program")?;
                own.ancestors().nth(2).context("no folder above it")?.join("browser-failures")
            }
        };
        std::fs::create_dir_all(&folder)?;
        let thread = std::thread::current();
        let test = thread.name().unwrap_or("test").replace("::", ".");
        let number = N_PICTURES.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("{test}-{}-{number}.png", std::process::id()));
        self.save_picture(&path).await?;
        Ok(path)
    }
}
