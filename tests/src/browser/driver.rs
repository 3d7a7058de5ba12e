//! chromedriver, and the Chromium processes that it starts: all of one process group, so that nothing of it stays behind.

use std::cell::Cell;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fantoccini::ClientBuilder;
use hyper_util::client::legacy::connect::HttpConnector;
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use serde_json::json;

use super::tab::Tab;
use crate::fleet::Server;
use crate::process::Process;
use crate::scratch::{Journal, Scratch};
use crate::skip;

const PROGRAMS: [&str; 2] = ["/usr/bin/chromedriver", "/usr/lib/chromium/chromedriver"];
const BROWSERS: [&str; 2] = ["/usr/bin/chromium", "/usr/bin/google-chrome"];

/// In what it prints when it is up.
const UP: &str = "started successfully on port ";

/// No word to anybody but the server that is tested; no field trials, whose dice are rolled anew in each profile.
const ARGUMENTS: [&str; 15] = [
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--disable-field-trial-config",
    "--disable-breakpad",
    // A test machine has a small /dev/shm.
    "--disable-dev-shm-usage",
    // `computedRole` and `computedName` of elements, which `element` asks for.
    "--enable-blink-features=ComputedAccessibilityInfo",
    // Otherwise Chromium builds all that it knows of a page for assistive technology anew for each element that is asked.
    "--force-renderer-accessibility",
];

/// How long what was killed may take to be gone.
const END_LIMIT: Duration = Duration::from_secs(5);

/// A chromedriver. Dropping it ends all its browsers.
#[derive(Debug)]
pub struct Driver {
    address: String,
    folder: PathBuf,
    browser: &'static str,
    #[expect(dead_code, reason = "what matters is when it is dropped: before its leader")]
    group: Group,
    process: Process,
    n_browsers: Cell<u32>,
    journal: Journal,
}

impl Driver {
    /// Starts it. `None`: it or Chromium is not installed, and that has been said.
    ///
    /// # Errors
    /// It does not come up, or nothing may be skipped here.
    pub async fn start(scratch: &Scratch) -> Result<Option<Self>> {
        let installed = |paths: &[&'static str]| paths.iter().copied().find(|path| Path::new(path).exists());
        let (Some(program), Some(browser)) = (installed(&PROGRAMS), installed(&BROWSERS)) else {
            skip::skip("chromium and chromium-driver are not installed")?;
            return Ok(None);
        };
        let folder = scratch.make_folder("browsers")?;
        let mut command = Command::new(program);
        // It takes a free port itself, and says which.
        command.arg("--port=0").process_group(0);
        // What Chromium writes beside its profile is written here, too.
        command.env("HOME", &folder).env("TMPDIR", &folder);
        command.env("XDG_CONFIG_HOME", &folder).env("XDG_CACHE_HOME", &folder);
        let log = scratch.log("chromedriver");
        let mut process = Process::start("chromedriver", command, &log)?;
        let group = Group::of(&process)?;
        let mut port = None;
        process
            .wait_until_up("listens", async || {
                let said = std::fs::read_to_string(&log)?;
                port = Some(port_in(&said).with_context(|| said.clone())?);
                Ok(())
            })
            .await?;
        let address = format!("http://127.0.0.1:{}", port.context("chromedriver names no port")?);
        let journal = scratch.journal().clone();
        Ok(Some(Self { address, folder, browser, group, process, n_browsers: 0.into(), journal }))
    }

    /// A browser of its own, with no cookie yet, that believes the server with this authority, and no other.
    ///
    /// # Errors
    /// It does not start.
    pub async fn open(&self, server: &Server) -> Result<Tab> {
        let pin = STANDARD.encode(server.authority_pin()?.as_bytes());
        let trust = format!("--ignore-certificate-errors-spki-list={pin}");
        self.open_at(&format!("https://{}", server.at(&server.listeners().administration)), &[trust]).await
    }

    /// A browser of its own for pages that no server of ours serves.
    ///
    /// # Errors
    /// It does not start.
    pub async fn open_anywhere(&self) -> Result<Tab> {
        self.open_at("", &[]).await
    }

    async fn open_at(&self, origin: &str, more: &[String]) -> Result<Tab> {
        let number = self.n_browsers.get() + 1;
        self.n_browsers.set(number);
        let mut arguments: Vec<String> = ARGUMENTS.iter().map(|argument| (*argument).to_owned()).collect();
        arguments.push(format!("--user-data-dir={}", self.folder.join(number.to_string()).display()));
        arguments.extend_from_slice(more);
        if skip::is_root() {
            // Chromium does not start as root otherwise; nothing but our own pages is opened.
            arguments.push("--no-sandbox".into());
        }
        let wanted = json!({
            "goog:chromeOptions": { "binary": self.browser, "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let wanted = wanted.as_object().cloned().unwrap_or_default();
        self.journal.note(&format!("open browser {number}"));
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(wanted)
            .connect(&self.address)
            .await
            .context("open a browser")?;
        Tab::new(client, origin, number, self.journal.clone()).await
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }
}

/// Its number in what chromedriver prints.
fn port_in(said: &str) -> Option<u16> {
    let (_, after) = said.rsplit_once(UP)?;
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// chromedriver leads it, and Chromium's processes stay in it. Dropping it kills them all: a driver that only is asked to
/// stop leaves its browsers running.
#[derive(Debug)]
struct Group(Pid);

impl Group {
    fn of(process: &Process) -> Result<Self> {
        let pid = i32::try_from(process.pid())?;
        Ok(Self(Pid::from_raw(pid).context("a process has an id")?))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // The leader is not waited for yet, so that the group's id is nobody else's.
        if kill_process_group(self.0, Signal::KILL).is_ok() {
            let began = Instant::now();
            // The leader itself stays as long as nobody waits for it; what runs holds files of its folder open.
            while began.elapsed() < END_LIMIT && runs(self.0) {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

/// Whether anything of the group runs: what only waits to be waited for does not.
fn runs(group: Pid) -> bool {
    let of_group = |stat: &str| {
        // `pid (name) state ppid pgrp …`; a name may have blanks and brackets.
        let mut rest = stat.rsplit_once(')')?.1.split_whitespace();
        let (state, pgrp) = (rest.next()?, rest.nth(1)?);
        Some(pgrp == group.as_raw_nonzero().to_string() && state != "Z")
    };
    test_kill_process_group(group).is_ok()
        && std::fs::read_dir("/proc").into_iter().flatten().flatten().any(|entry| {
            let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            of_group(&stat) == Some(true)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_read_from_what_the_driver_prints() {
        let said =
            "Starting ChromeDriver 1.2 on port 0\nChromeDriver was started successfully on port 36523.\n";
        assert_eq!(port_in(said), Some(36523));
        assert_eq!(port_in("Starting ChromeDriver 1.2 on port 0\n"), None);
    }
}
