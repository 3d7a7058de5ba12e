//! What the kernel says of a process at one moment (proc(5)). It must not know what is good.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// One moment of one process.
#[derive(Debug)]
pub(crate) struct Reading {
    /// By their ids.
    pub(crate) threads: BTreeMap<u32, Thread>,
    pub(crate) memory: Memory,
    /// Parts of the address space in memory, in kB, the largest first.
    pub(crate) mapped: Vec<(String, u64)>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Thread {
    pub(crate) name: String,
    /// It had nothing to do until something woke it.
    pub(crate) voluntary: u64,
    /// Another thread got its core.
    pub(crate) involuntary: u64,
    pub(crate) ran: Duration,
}

/// In kB.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) resident: u64,
    pub(crate) anonymous: u64,
    pub(crate) file: u64,
    pub(crate) shared: u64,
    /// What other processes have mapped too is counted in part.
    pub(crate) proportional: u64,
}

impl Reading {
    pub(crate) fn take(pid: u32) -> Result<Self> {
        let process = format!("/proc/{pid}");
        let process = Path::new(&process);
        let mut threads = BTreeMap::new();
        for entry in fs::read_dir(process.join("task")).context("the agent has ended")? {
            let folder = entry?.path();
            let id = folder.file_name().and_then(|name| name.to_str()).and_then(|id| id.parse().ok());
            // One that ends meanwhile is none of an idle agent.
            if let (Some(id), Ok(thread)) = (id, Thread::read(&folder)) {
                threads.insert(id, thread);
            }
        }
        let status = fs::read_to_string(process.join("status"))?;
        let rollup = fs::read_to_string(process.join("smaps_rollup"))?;
        let memory = Memory {
            resident: number(&status, "VmRSS")?,
            anonymous: number(&status, "RssAnon")?,
            file: number(&status, "RssFile")?,
            shared: number(&status, "RssShmem")?,
            proportional: number(&rollup, "Pss")?,
        };
        let mapped = mapped(&fs::read_to_string(process.join("smaps"))?);
        Ok(Self { threads, memory, mapped })
    }

    /// What its threads did since an earlier reading.
    pub(crate) fn since(&self, earlier: &Self) -> Vec<Thread> {
        let done = |(id, thread): (&u32, &Thread)| {
            let before = earlier.threads.get(id).cloned().unwrap_or_default();
            Thread {
                name: thread.name.clone(),
                voluntary: thread.voluntary - before.voluntary,
                involuntary: thread.involuntary - before.involuntary,
                ran: thread.ran.saturating_sub(before.ran),
            }
        };
        self.threads.iter().map(done).collect()
    }
}

impl Thread {
    fn read(folder: &Path) -> Result<Self> {
        let status = fs::read_to_string(folder.join("status"))?;
        // Nanoseconds on a core, nanoseconds waiting for one, number of turns.
        let schedule = fs::read_to_string(folder.join("schedstat"))?;
        let ran = schedule.split_whitespace().next().context("an empty schedstat")?.parse()?;
        Ok(Self {
            name: text(&status, "Name")?.to_owned(),
            voluntary: number(&status, "voluntary_ctxt_switches")?,
            involuntary: number(&status, "nonvoluntary_ctxt_switches")?,
            ran: Duration::from_nanos(ran),
        })
    }
}

/// The text of a line `key: text`.
fn text<'a>(file: &'a str, key: &str) -> Result<&'a str> {
    let mut lines = file.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = lines.find(|(name, _)| *name == key).with_context(|| format!("no {key}"))?;
    Ok(value.trim())
}

/// The number of a line `key: number` or `key: number kB`.
fn number(file: &str, key: &str) -> Result<u64> {
    let value = text(file, key)?;
    let digits = value.split_whitespace().next().unwrap_or_default();
    digits.parse().with_context(|| format!("{key}: {value:?}"))
}

/// Sums up smaps by file, or by kind of memory.
fn mapped(smaps: &str) -> Vec<(String, u64)> {
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    let mut current = String::new();
    for line in smaps.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["Rss:", size, _] => *sums.entry(current.clone()).or_default() += size.parse().unwrap_or(0),
            // An address range, permissions, offset, device, inode, and what is mapped.
            [range, _, _, _, _, what @ ..] if range.contains('-') && !range.ends_with(':') => {
                let name = what.first().and_then(|path| path.rsplit('/').next());
                name.unwrap_or("[memory]").clone_into(&mut current);
            }
            _ => {}
        }
    }
    let mut sums: Vec<_> = sums.into_iter().filter(|(_, size)| *size > 0).collect();
    sums.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    sums
}
