//! Connects to one port again and again, so that it is seen from outside when it opens and when it closes.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use anyhow::{Result, anyhow};
use landmark_tests::place::Place;
use rustix::net::sockopt::set_socket_linger;

/// An open port answers in far less; a closed one is silent.
const PATIENCE: Duration = Duration::from_millis(3);
/// Between two attempts: how exactly is seen when it closes.
const PAUSE: Duration = Duration::from_micros(300);

/// One at work.
pub(crate) struct Prober {
    has_ended: Arc<AtomicBool>,
    thread: JoinHandle<Result<Vec<Attempt>>>,
}

/// By the clock of the machine, which the agent's log goes by too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    pub(crate) began: SystemTime,
    pub(crate) ended: SystemTime,
    pub(crate) was_answered: bool,
}

impl Prober {
    pub(crate) fn start(place: &Place, address: SocketAddr) -> Self {
        let (place, has_ended) = (place.clone(), Arc::new(AtomicBool::new(false)));
        let until = Arc::clone(&has_ended);
        let thread = std::thread::spawn(move || place.within(|| Ok(probe(address, &until))));
        Self { has_ended, thread }
    }

    /// What it saw.
    ///
    /// # Errors
    /// It could not work.
    pub(crate) fn stop(self) -> Result<Vec<Attempt>> {
        self.has_ended.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_else(|_| Err(anyhow!("the prober panicked")))
    }
}

fn probe(address: SocketAddr, has_ended: &AtomicBool) -> Vec<Attempt> {
    let mut attempts = Vec::new();
    while !has_ended.load(Ordering::Relaxed) {
        let began = SystemTime::now();
        let connected = TcpStream::connect_timeout(&address, PATIENCE);
        attempts.push(Attempt { began, ended: SystemTime::now(), was_answered: connected.is_ok() });
        if let Ok(stream) = connected {
            // Closed by a reset: what is left of it in connection tracking is soon gone.
            set_socket_linger(&stream, Some(Duration::ZERO)).unwrap_or_default();
        }
        std::thread::sleep(PAUSE);
    }
    attempts
}

/// When it was seen that the port had changed, if it was: a port that opens by the first answer, one that closes by the
/// beginning of the first attempt that stays without one.
pub(crate) fn seen(attempts: &[Attempt], opens: bool) -> Option<SystemTime> {
    let last_before = attempts.iter().rposition(|attempt| attempt.was_answered != opens)?;
    let first = attempts.get(last_before + 1)?;
    if opens {
        return Some(first.ended);
    }
    Some(first.began)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_seen_at_the_first_attempt_of_the_new_kind() {
        let at = |ms| SystemTime::UNIX_EPOCH + Duration::from_millis(ms);
        let attempt = |ms, was_answered| Attempt { began: at(ms), ended: at(ms + 1), was_answered };
        let closing = [attempt(0, true), attempt(2, true), attempt(4, false), attempt(8, false)];
        assert_eq!(seen(&closing, false), Some(at(4)));
        let opening = [attempt(0, false), attempt(4, true)];
        assert_eq!(seen(&opening, true), Some(at(5)));
        assert_eq!(seen(&opening, false), None);
    }
}
