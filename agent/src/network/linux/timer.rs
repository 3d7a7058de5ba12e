//! Wakes this process when the wall clock was set, which a machine does when it wakes from sleep, and at no other time: a
//! timer that never ends and is cancelled then (`TFD_TIMER_CANCEL_ON_SET`, timerfd_create(2)). It must not know what a
//! sleep is.

use std::io;
use std::os::fd::OwnedFd;

use rustix::io::{Errno, read};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

use crate::netlink::readable::Readable;

/// Tells when the wall clock was set.
pub(super) struct ClockSet {
    timer: Readable,
}

impl ClockSet {
    /// Must be called within a runtime.
    ///
    /// # Errors
    /// No timer is to be had.
    pub(super) fn open() -> io::Result<Self> {
        let timer = timerfd_create(TimerfdClockId::Realtime, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        arm(&timer)?;
        Ok(Self { timer: Readable::new(timer)? })
    }

    /// Waits until the wall clock was set. May be cancelled.
    ///
    /// # Errors
    /// The timer is of no use any more.
    pub(super) async fn wait(&mut self) -> io::Result<()> {
        self.timer.read(was_set).await
    }
}

/// That it was not set is an error of its own: the read would block.
fn was_set(timer: &OwnedFd) -> io::Result<()> {
    match read(timer, &mut [0; 8]) {
        // The end of time: armed anew like a cancelled one.
        Ok(_) | Err(Errno::CANCELED) => arm(timer),
        Err(error) => Err(error.into()),
    }
}

fn arm(timer: &OwnedFd) -> io::Result<()> {
    let never = Itimerspec {
        it_interval: Timespec { tv_sec: 0, tv_nsec: 0 },
        it_value: Timespec { tv_sec: i64::MAX, tv_nsec: 0 },
    };
    let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
    loop {
        match timerfd_settime(timer, flags, &never) {
            Ok(_) => return Ok(()),
            // Set in this moment; whoever arms is about to look anyway.
            Err(Errno::CANCELED) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Poll;

    use super::*;

    #[tokio::test]
    async fn a_clock_that_nobody_sets_wakes_nobody() {
        let mut clock = ClockSet::open().unwrap();
        let mut wait = pin!(clock.wait());
        let is_pending = poll_fn(|context| Poll::Ready(wait.as_mut().poll(context).is_pending())).await;
        assert!(is_pending);
        // Not even if it is looked at again.
        tokio::task::yield_now().await;
        assert!(poll_fn(|context| Poll::Ready(wait.as_mut().poll(context).is_pending())).await);
    }
}
