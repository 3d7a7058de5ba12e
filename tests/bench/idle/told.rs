//! Each figure beside its limit, in words. The only file that knows the limits.

use std::time::Duration;

use crate::binary::Binary;
use crate::reading::{Memory, Reading, Thread};
use crate::trace::Trace;

const MIB: f64 = 1024.0 * 1024.0;
/// Bytes of the program without symbols.
const MAX_BINARY: u64 = 8 * 1024 * 1024;
/// Of memory, in kB.
const MAX_RESIDENT: u64 = 8 * 1024;
/// An agent pings this often, and says that it is there every 240 s, a tenth more or less.
const PING_INTERVAL: u64 = 120;
const HEARTBEAT_INTERVAL: u64 = 216;
/// What a PING or a heartbeat costs: the timer, which the runtime finds in three steps (of 4 s, 64 ms and 1 ms), the
/// answer, and that it is written down.
const SWITCHES_EACH: u64 = 8;
/// A trace of at most so many lines is shown as it is.
const SHORT_TRACE: usize = 40;

/// Whether it is within its limit.
pub(crate) fn binary(binary: &Binary) -> bool {
    let fits = binary.size <= MAX_BINARY;
    let (has, may) = (binary.size as f64 / MIB, MAX_BINARY as f64 / MIB);
    println!("Binary, as shipped     {has:8.2} MiB of {may:.0} MiB ({} bytes): {}", binary.size, word(fits));
    for (name, size) in &binary.sections {
        println!("  {name:<20} {:8.0} KiB", *size as f64 / 1024.0);
    }
    match binary.crates.is_empty() {
        true => println!("  by crate: with --crates"),
        false => println!("  code by crate, as far as names tell:"),
    }
    for (name, size) in &binary.crates {
        println!("    {name:<18} {:8.0} KiB", *size as f64 / 1024.0);
    }
    println!();
    fits
}

/// Whether it is within its limit.
pub(crate) fn memory(reading: &Reading) -> bool {
    let Memory { resident, anonymous, file, shared, proportional } = reading.memory;
    let fits = resident <= MAX_RESIDENT;
    let (has, may) = (resident as f64 / 1024.0, MAX_RESIDENT as f64 / 1024.0);
    println!("Memory, VmRSS          {has:8.2} MiB of {may:.0} MiB: {}", word(fits));
    for (name, size) in
        [("RssAnon", anonymous), ("RssFile", file), ("RssShmem", shared), ("Pss", proportional)]
    {
        println!("  {name:<20} {size:8} KiB");
    }
    println!("  by what is mapped:");
    for (name, size) in &reading.mapped {
        println!("    {name:<18} {size:8} KiB");
    }
    println!();
    fits
}

/// Whether they are within their limit.
pub(crate) fn wake_ups(before: &Reading, after: &Reading, period: Duration) -> bool {
    let threads = after.since(before);
    let n_switches: u64 = threads.iter().map(|thread| thread.voluntary).sum();
    let seconds = period.as_secs();
    let n_events = 2 + seconds / PING_INTERVAL + seconds / HEARTBEAT_INTERVAL;
    let limit = n_events * SWITCHES_EACH;
    let fits = n_switches <= limit;
    println!(
        "Wake-ups in {seconds} s  {n_switches:14} of {limit} ({n_events} PINGs and heartbeats at most): {}",
        word(fits)
    );
    println!("  {:<20} {:>9} {:>11} {:>9}", "thread", "voluntary", "involuntary", "ran, ms");
    for Thread { name, voluntary, involuntary, ran } in &threads {
        println!("  {name:<20} {voluntary:9} {involuntary:11} {:9.3}", ran.as_secs_f64() * 1000.0);
    }
    println!();
    fits
}

/// What the other agent asked of the kernel in the same time.
pub(crate) fn calls(trace: &Option<Trace>) {
    let Some(Trace { counts, lines }) = trace else {
        println!("System calls: no strace on this machine, or it may not look.");
        return;
    };
    println!("System calls of the other agent in the same time, by strace:");
    for (name, n) in counts {
        println!("  {name:<20} {n:8}");
    }
    if lines.len() <= SHORT_TRACE {
        println!("  one by one:");
        for line in lines {
            println!("    {line}");
        }
    }
}

fn word(fits: bool) -> &'static str {
    if fits { "pass" } else { "FAIL" }
}
