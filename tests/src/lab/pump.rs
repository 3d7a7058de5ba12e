//! Moves frames from one device or socket to another, each after the same delay.
//!
//! It must not know what is in them. On threads of its own: a runtime's timers are a millisecond coarse, and the delay of a
//! link is measured.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tun_rs::{DeviceBuilder, Layer, SyncDevice};

use crate::place::Place;

/// How long a thread waits before it looks whether it shall end.
const PATIENCE: Duration = Duration::from_millis(20);
/// How late a sleep may end (0.6 ms measured); the rest is waited for awake.
const MAX_LATE: Duration = Duration::from_millis(1);
/// Frames under way: 150 ms of a busy link of tests; more are lost, as in a router.
const MAX_UNDER_WAY: usize = 8192;
/// An Ethernet frame of the usual size, with room.
const FRAME: usize = 2048;

/// Something that frames come out of and go into.
pub(super) trait Frames: Send + Sync + 'static {
    /// Takes one. An error loses it, as a network may.
    fn receive(&self, buffer: &mut [u8]) -> io::Result<usize>;
    /// Gives one. An error loses it, as a network may.
    fn send(&self, frame: &[u8]) -> io::Result<usize>;
    /// What becomes readable.
    fn descriptor(&self) -> BorrowedFd<'_>;
}

impl Frames for SyncDevice {
    fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.recv(buffer)
    }

    fn send(&self, frame: &[u8]) -> io::Result<usize> {
        Self::send(self, frame)
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        self.as_fd()
    }
}

/// Makes a device: its other side is a network interface with this name. It is gone when the value is dropped.
pub(super) fn device(place: &Place, name: &str, layer: Layer) -> Result<Arc<SyncDevice>> {
    let make = || {
        let device = DeviceBuilder::new().name(name).layer(layer).build_sync()?;
        // Somebody may be faster after `poll`, such as a link that went down.
        device.set_nonblocking(true)?;
        Ok(device)
    };
    Ok(Arc::new(place.within(make).with_context(|| format!("make the device {name}"))?))
}

/// Frames going one way. Dropping it stops them.
#[derive(Debug)]
pub(super) struct Pump {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Pump {
    /// Begins.
    pub(super) fn start(from: &Arc<impl Frames>, to: &Arc<impl Frames>, delay: Duration) -> Self {
        let (from, to) = (Arc::clone(from), Arc::clone(to));
        let stop = Arc::new(AtomicBool::new(false));
        let (under_way_tx, under_way_rx) = sync_channel(MAX_UNDER_WAY);
        let taking = Arc::clone(&stop);
        let threads = vec![
            std::thread::spawn(move || take(&*from, &under_way_tx, delay, &taking)),
            std::thread::spawn(move || give(&*to, &under_way_rx)),
        ];
        Self { stop, threads }
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // One that panicked has said so.
            thread.join().unwrap_or_default();
        }
    }
}

/// A frame and when it arrives.
type UnderWay = (Instant, Vec<u8>);

fn take(from: &dyn Frames, under_way: &SyncSender<UnderWay>, delay: Duration, stop: &AtomicBool) {
    let mut buffer = [0; FRAME];
    while !stop.load(Ordering::Relaxed) {
        if !is_readable(from.descriptor()) {
            continue;
        }
        let Ok(n) = from.receive(&mut buffer) else { continue };
        let frame = buffer.iter().take(n).copied().collect();
        // Full: lost.
        under_way.try_send((Instant::now() + delay, frame)).unwrap_or_default();
    }
}

/// Ends when nobody takes frames any more.
fn give(to: &dyn Frames, under_way: &Receiver<UnderWay>) {
    loop {
        match under_way.recv_timeout(PATIENCE) {
            Ok((due, frame)) => {
                sleep_until(due);
                to.send(&frame).map(drop).unwrap_or_default();
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// To some microseconds, where a processor is free: a sleep ends up to a millisecond late on a virtual machine.
fn sleep_until(due: Instant) {
    std::thread::sleep(due.saturating_duration_since(Instant::now()).saturating_sub(MAX_LATE));
    while Instant::now() < due {
        std::thread::yield_now();
    }
}

fn is_readable(descriptor: BorrowedFd<'_>) -> bool {
    let mut descriptors = [PollFd::from_borrowed_fd(descriptor, PollFlags::IN)];
    let patience = Timespec::try_from(PATIENCE).unwrap_or(Timespec { tv_sec: 0, tv_nsec: 0 });
    poll(&mut descriptors, Some(&patience)).is_ok_and(|n| n > 0)
}
