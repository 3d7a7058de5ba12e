//! What is heard from an agent while it decides: the line of its log that tells a verdict, and the operator's program that
//! is told the policy. Every moment is taken here, by the monotonic clock of this process.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rustix::fs::{CWD, Mode, mkfifoat};
use serde_json::Value;

/// Between a run and the next there are some ten events; far more than that means that nobody listens.
const HEARD: usize = 4096;
/// Ends the thread that reads the log.
const END: &str = "the bench has ended\n";
/// Ends the thread that is told the policy; no document is empty.
const NOTHING: &[u8] = b"";

/// What was heard.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) at: Instant,
    pub(crate) what: What,
}

#[derive(Clone, Debug)]
pub(crate) enum What {
    /// A verdict was given: where, by what, and how long the agent says that it took from its trigger.
    Decided { location: String, basis: String, decided_in: Option<Duration> },
    /// The operator's program was told a policy.
    Told { policy: String },
}

/// Listens to one agent.
pub(crate) struct Ears {
    heard: Receiver<Heard>,
    log: PathBuf,
    socket: PathBuf,
    threads: Vec<JoinHandle<()>>,
}

impl Ears {
    /// Listens at a pipe for its log and at a socket for its policy, both in this folder. All of the log goes to `copy`.
    ///
    /// # Errors
    /// They cannot be made.
    pub(crate) fn open(folder: &Path, copy: &Path) -> Result<Self> {
        let (log, socket) = (folder.join("log"), folder.join(SOCKET));
        mkfifoat(CWD, &log, Mode::RUSR | Mode::WUSR).context("make the pipe for the log")?;
        // Both ways: opening waits for nobody, and there is no end while no agent writes.
        let pipe = OpenOptions::new().read(true).write(true).open(&log).context("open the pipe")?;
        let copy = OpenOptions::new().create(true).append(true).open(copy).context("open the log")?;
        let told = UnixDatagram::bind(&socket).with_context(|| format!("bind {}", socket.display()))?;
        let (heard_tx, heard) = sync_channel(HEARD);
        let also_tx = heard_tx.clone();
        let threads = vec![
            std::thread::spawn(move || read_log(pipe, copy, &heard_tx)),
            std::thread::spawn(move || be_told(&told, &also_tx)),
        ];
        Ok(Self { heard, log, socket, threads })
    }

    /// Where the agent shall log to, in JSON.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// Forgets what was heard so far.
    pub(crate) fn forget(&self) {
        while self.heard.try_recv().is_ok() {}
    }

    /// The next that is heard before the time is over.
    pub(crate) fn next(&self, until: Instant) -> Option<Heard> {
        self.heard.recv_timeout(until.saturating_duration_since(Instant::now())).ok()
    }
}

impl Drop for Ears {
    fn drop(&mut self) {
        if let Ok(mut pipe) = OpenOptions::new().write(true).open(&self.log) {
            pipe.write_all(END.as_bytes()).unwrap_or_default();
        }
        let told = UnixDatagram::unbound().and_then(|socket| socket.send_to(NOTHING, &self.socket));
        told.map(drop).unwrap_or_default();
        for thread in self.threads.drain(..) {
            thread.join().unwrap_or_default();
        }
    }
}

fn read_log(pipe: File, mut copy: File, heard: &SyncSender<Heard>) {
    let mut pipe = BufReader::new(pipe);
    let mut line = String::new();
    while pipe.read_line(&mut line).is_ok_and(|n| n > 0) && line != END {
        let at = Instant::now();
        if let Some(what) = decided(&line) {
            // Nobody listens between two runs, and then nothing counts.
            heard.try_send(Heard { at, what }).unwrap_or_default();
        }
        copy.write_all(line.as_bytes()).unwrap_or_default();
        line.clear();
    }
}

fn decided(line: &str) -> Option<What> {
    if !line.contains("\"location decided\"") {
        return None;
    }
    let line: Value = serde_json::from_str(line).ok()?;
    let fields = line.get("fields").unwrap_or(&line);
    let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    Some(What::Decided {
        location: text("location"),
        basis: text("basis"),
        decided_in: duration(&text("decided_in")),
    })
}

/// A time as Rust shows it for debugging, such as `1.25ms`.
fn duration(text: &str) -> Option<Duration> {
    for (unit, seconds) in [("ns", 1e-9), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0)] {
        if let Some(number) = text.strip_suffix(unit) {
            return Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok();
        }
    }
    None
}

fn be_told(socket: &UnixDatagram, heard: &SyncSender<Heard>) {
    let mut buffer = [0; 4096];
    while let Ok(n) = socket.recv(&mut buffer) {
        let at = Instant::now();
        if n == 0 {
            return;
        }
        let document = serde_json::from_slice::<Value>(buffer.get(..n).unwrap_or_default());
        let policy = document.ok().and_then(|document| Some(document["policy"].as_str()?.to_owned()));
        let what = What::Told { policy: policy.unwrap_or_default() };
        heard.try_send(Heard { at, what }).unwrap_or_default();
    }
}

/// In the folder of the program.
const SOCKET: &str = "told.sock";

/// The operator's program: passes what it is told on to the [`Ears`] beside it, and ends.
///
/// # Errors
/// Nobody listens.
pub(crate) fn pass_on(program: &Path) -> Result<()> {
    let document = std::io::read_to_string(std::io::stdin())?;
    let socket = program.with_file_name(SOCKET);
    UnixDatagram::unbound()?.send_to(document.as_bytes(), socket)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_read_from_a_line_of_the_log() {
        let line = r#"{"level":"INFO","fields":{"message":"location decided","location":"external","basis":"x","decided_in":"2.62s"}}"#;
        let Some(What::Decided { location, decided_in, .. }) = decided(line) else { panic!("{line}") };
        assert_eq!((location.as_str(), decided_in), ("external", Some(Duration::from_millis(2620))));
        assert!(decided(r#"{"fields":{"message":"link lost"}}"#).is_none());
    }

    #[test]
    fn times_are_read_as_they_are_shown() {
        for time in [Duration::from_nanos(7), Duration::from_micros(1500), Duration::from_millis(12_345)] {
            assert_eq!(duration(&format!("{time:?}")), Some(time));
        }
    }
}
