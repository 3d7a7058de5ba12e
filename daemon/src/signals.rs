//! Turns the signals of the process into a stop or a reload.
//!
//! SIGTERM or SIGINT asks for a stop; the second of them exits at once. SIGHUP asks for a reload.

use std::convert::Infallible;
use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::tasks::Tasks;

/// A signal could not be watched.
#[derive(Debug, thiserror::Error)]
#[error("cannot watch for {signal}")]
pub struct SignalsError {
    /// Its name, such as `SIGTERM`.
    pub signal: &'static str,
    source: io::Error,
}

/// Watches for signals from here on, in an attendant of `tasks`, so that a second signal works while they drain.
///
/// SIGTERM and SIGINT cancel the stop token; the second of them, of either kind, exits the process at once with 128 plus
/// the number of the signal, as a shell would show it. SIGHUP calls `reload`, which must not block: it sends into a
/// channel.
///
/// # Errors
///
/// If the system refuses to deliver a signal to us.
///
/// # Panics
///
/// Outside of a tokio runtime.
pub fn supervise(tasks: &mut Tasks, reload: impl Fn() + Send + 'static) -> Result<(), SignalsError> {
    let signals = Signals::watch()?;
    let stop = tasks.stop_token();
    tasks.spawn_attendant("signals", attend(signals, stop, reload));
    Ok(())
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

enum Event {
    Stop { signal: &'static str, number: i32 },
    Reload,
}

#[derive(Debug, thiserror::Error)]
#[error("the runtime no longer delivers signals")]
struct Closed;

impl Signals {
    fn watch() -> Result<Self, SignalsError> {
        let watch = |name, kind| signal(kind).map_err(|source| SignalsError { signal: name, source });
        Ok(Self {
            terminate: watch("SIGTERM", SignalKind::terminate())?,
            interrupt: watch("SIGINT", SignalKind::interrupt())?,
            hangup: watch("SIGHUP", SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Result<Event, Closed> {
        let stop = |signal, kind: SignalKind| Event::Stop { signal, number: kind.as_raw_value() };
        let (received, event) = tokio::select! {
            biased;
            received = self.terminate.recv() => (received, stop("SIGTERM", SignalKind::terminate())),
            received = self.interrupt.recv() => (received, stop("SIGINT", SignalKind::interrupt())),
            received = self.hangup.recv() => (received, Event::Reload),
        };
        received.map(|()| event).ok_or(Closed)
    }
}

async fn attend(
    mut signals: Signals,
    stop: CancellationToken,
    reload: impl Fn() + Send,
) -> Result<Infallible, Closed> {
    let mut asked_to_stop = false;
    loop {
        match signals.next().await? {
            Event::Reload if stop.is_cancelled() => {}
            Event::Reload => {
                info!(signal = "SIGHUP", "reload asked for");
                reload();
            }
            Event::Stop { signal, number } if asked_to_stop => {
                warn!(signal, "second signal, exiting at once");
                exit_at_once(number);
            }
            Event::Stop { signal, .. } => {
                info!(signal, "stopping");
                asked_to_stop = true;
                stop.cancel();
            }
        }
    }
}

#[expect(
    clippy::exit,
    reason = "a second signal asks to leave now: returning to main would wait for the very tasks that hang"
)]
fn exit_at_once(signal_number: i32) -> ! {
    std::process::exit(128 + signal_number)
}

#[cfg(test)]
mod tests;
