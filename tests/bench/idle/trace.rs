//! The system calls of a process, by strace, where there is one and it may look.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use landmark_tests::process::Process;
use landmark_tests::scratch::Scratch;
use landmark_tests::wait::LIMIT;
use rustix::process::Signal;

/// A strace at work.
pub(crate) struct Tracer {
    process: Process,
    file: PathBuf,
}

/// What it saw.
pub(crate) struct Trace {
    /// How often which was called.
    pub(crate) counts: BTreeMap<String, usize>,
    /// Every line, in order.
    pub(crate) lines: Vec<String>,
}

impl Tracer {
    /// `None`: not on this machine.
    pub(crate) async fn attach(scratch: &Scratch, pid: u32) -> Option<Self> {
        let file = scratch.path().join("strace");
        let mut command = Command::new("strace");
        command.args(["-f", "-ttt", "-s", "0", "-o"]).arg(&file).args(["-p", &pid.to_string()]);
        let mut process = Process::start("strace", command, &scratch.log("strace")).ok()?;
        let attached = |output: &str| output.contains("attached");
        let up = process.wait_until_up("looks on", async || {
            let said = std::fs::read_to_string(scratch.log("strace"))?;
            anyhow::ensure!(attached(&said), "{said}");
            Ok(())
        });
        up.await.ok()?;
        Some(Self { process, file })
    }

    pub(crate) async fn detach(self) -> Result<Trace> {
        let Self { mut process, file } = self;
        process.signal(Signal::INT)?;
        process.wait(LIMIT).await?;
        let text = std::fs::read_to_string(file)?;
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let mut counts = BTreeMap::new();
        for call in lines.iter().filter_map(|line| call(line)) {
            *counts.entry(call.to_owned()).or_default() += 1;
        }
        Ok(Trace { counts, lines })
    }
}

/// The call that a line such as `4711 1700000000.123456 epoll_wait(3, …) = 1` begins.
fn call(line: &str) -> Option<&str> {
    let name = line.split_whitespace().nth(2)?.split_once('(')?.0;
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    is_name(name).then_some(name)
}
