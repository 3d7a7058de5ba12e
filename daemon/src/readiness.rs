//! Whether the daemon is ready to serve, and why not.
//!
//! Each part of the daemon declares a condition when it is wired, and owns it. The report is a pure function of them.

pub mod service_manager;

use std::fmt;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::service_manager::{Notification, ServiceManager};

/// All conditions of a daemon. Cheap to clone: clones share the conditions.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    report: watch::Sender<ReadinessReport>,
}

/// One condition of readiness, held by the part of the daemon that knows it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Condition {
    name: &'static str,
    report: watch::Sender<ReadinessReport>,
}

/// What one condition says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConditionState {
    /// It holds.
    Ready,
    /// It does not hold, and why; a short text for people.
    NotReady(String),
}

/// The state of all conditions at one time, in the order of their declaration.
///
/// Displays one condition a line, as the body of `/readyz`:
///
/// ```text
/// store: ready
/// agents: not ready: the certificate has expired
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadinessReport {
    conditions: Vec<(&'static str, ConditionState)>,
}

impl Readiness {
    /// No condition is declared yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Declares a condition, which does not hold before its owner says so. Declaring it again gives the same one.
    ///
    /// Conditions are declared while the daemon is wired, before anyone can ask: one that is not declared cannot hold
    /// readiness back.
    pub fn declare(&self, name: &'static str) -> Condition {
        self.report.send_if_modified(|report| {
            let is_new = report.state(name).is_none();
            if is_new {
                report.conditions.push((name, ConditionState::NotReady("starting".to_owned())));
            }
            is_new
        });
        Condition { name, report: self.report.clone() }
    }

    /// The state of all conditions now.
    pub fn report(&self) -> ReadinessReport {
        self.report.borrow().clone()
    }

    /// Follows the report.
    pub fn subscribe(&self) -> watch::Receiver<ReadinessReport> {
        self.report.subscribe()
    }
}

impl Condition {
    /// The condition holds.
    pub fn ready(&self) {
        self.set(ConditionState::Ready);
    }

    /// The condition does not hold; `reason` is a short text for people.
    pub fn not_ready(&self, reason: impl Into<String>) {
        self.set(ConditionState::NotReady(reason.into()));
    }

    fn set(&self, state: ConditionState) {
        self.report.send_if_modified(|report| {
            let Some((_, held)) = report.conditions.iter_mut().find(|(name, _)| *name == self.name) else {
                return false;
            };
            let is_new = *held != state;
            *held = state;
            is_new
        });
    }
}

impl ReadinessReport {
    /// Whether every condition holds.
    pub fn is_ready(&self) -> bool {
        self.conditions.iter().all(|(_, state)| *state == ConditionState::Ready)
    }

    /// The name and the state of each condition, in the order of declaration.
    pub fn conditions(&self) -> &[(&'static str, ConditionState)] {
        &self.conditions
    }

    /// The state of one condition; `None` if nobody declared it.
    pub fn state(&self, name: &str) -> Option<&ConditionState> {
        self.conditions.iter().find(|(declared, _)| *declared == name).map(|(_, state)| state)
    }

    /// One line for people: `ready`, or `not ready: store: starting, agents: starting`.
    pub fn summary(&self) -> String {
        let missing: Vec<String> = self
            .conditions
            .iter()
            .filter_map(|(name, state)| match state {
                ConditionState::Ready => None,
                ConditionState::NotReady(reason) => Some(format!("{name}: {reason}")),
            })
            .collect();
        if missing.is_empty() { "ready".to_owned() } else { format!("not ready: {}", missing.join(", ")) }
    }
}

impl fmt::Display for ReadinessReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, state) in &self.conditions {
            match state {
                ConditionState::Ready => writeln!(f, "{name}: ready")?,
                ConditionState::NotReady(reason) => writeln!(f, "{name}: not ready: {reason}")?,
            }
        }
        Ok(())
    }
}

/// Task: tells the service manager when the daemon first is ready, each change of the report after it, and the stop.
///
/// Ends when `stop` is cancelled. A service manager that cannot be told is logged and otherwise ignored: it will act by
/// its own time-out.
pub async fn announce(readiness: Readiness, manager: ServiceManager, stop: CancellationToken) {
    let mut reports = readiness.subscribe();
    let mut was_ready = false;
    loop {
        let report = reports.borrow_and_update().clone();
        if report.is_ready() && !was_ready {
            info!("ready");
            was_ready = true;
            tell(&manager, &[Notification::Ready, Notification::Status(report.summary())]);
        } else {
            tell(&manager, &[Notification::Status(report.summary())]);
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            // `readiness` holds a sender, so that the channel cannot close.
            _changed = reports.changed() => {}
        }
    }
    tell(&manager, &[Notification::Stopping, Notification::Status("stopping".to_owned())]);
}

fn tell(manager: &ServiceManager, notifications: &[Notification]) {
    if let Err(error) = manager.notify(notifications) {
        warn!(%error, "service manager not told");
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;
    use std::time::Duration;

    use super::*;

    #[test]
    fn is_not_ready_before_every_condition_holds() {
        let readiness = Readiness::new();
        let store = readiness.declare("store");
        let agents = readiness.declare("agents");
        assert_eq!(readiness.report().summary(), "not ready: store: starting, agents: starting");
        store.ready();
        assert!(!readiness.report().is_ready());
        agents.ready();
        assert!(readiness.report().is_ready());
        assert_eq!(readiness.report().summary(), "ready");
    }

    #[test]
    fn tells_every_condition_with_its_reason() {
        let readiness = Readiness::new();
        readiness.declare("store").ready();
        readiness.declare("agents").not_ready("the certificate has expired");
        assert_eq!(
            readiness.report().to_string(),
            "store: ready\nagents: not ready: the certificate has expired\n"
        );
    }

    #[test]
    fn declaring_a_condition_again_keeps_its_state() {
        let readiness = Readiness::new();
        readiness.declare("store").ready();
        let again = readiness.declare("store");
        assert!(readiness.report().is_ready());
        again.not_ready("disk full");
        assert_eq!(readiness.report().conditions().len(), 1);
        assert_eq!(readiness.report().summary(), "not ready: store: disk full");
    }

    #[test]
    fn wakes_followers_only_when_something_changed() {
        let readiness = Readiness::new();
        let store = readiness.declare("store");
        let mut reports = readiness.subscribe();
        reports.mark_unchanged();
        store.not_ready("starting");
        assert!(!reports.has_changed().unwrap());
        store.ready();
        assert!(reports.has_changed().unwrap());
    }

    #[tokio::test]
    async fn announces_readiness_once_then_changes_then_the_stop() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let next = move || {
            let mut buffer = [0; 256];
            let n_bytes = socket.recv(&mut buffer).unwrap();
            String::from_utf8(buffer[..n_bytes].to_vec()).unwrap()
        };
        let readiness = Readiness::new();
        let store = readiness.declare("store");
        let manager = ServiceManager::at(Some(path.as_os_str())).unwrap();
        let stop = CancellationToken::new();
        let asked = async {
            let mut told = Vec::new();
            for step in 0..4 {
                told.push(next());
                match step {
                    0 => store.ready(),
                    1 => store.not_ready("disk full"),
                    2 => stop.cancel(),
                    _ => {}
                }
                tokio::task::yield_now().await;
            }
            told
        };
        // The announcer is polled first, so that each answer is there before it is awaited.
        let ((), told) = tokio::join!(biased; announce(readiness.clone(), manager, stop.clone()), asked);
        assert_eq!(
            told,
            [
                "STATUS=not ready: store: starting",
                "READY=1\nSTATUS=ready",
                "STATUS=not ready: store: disk full",
                "STOPPING=1\nSTATUS=stopping",
            ]
        );
    }
}
