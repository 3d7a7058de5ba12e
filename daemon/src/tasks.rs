//! Supervised tasks: the end of any of them ends the process, with a name and a reason.
//!
//! A half-dead daemon is worse than a restart, so no task is fire-and-forget. This file knows nothing of what the tasks
//! do. Tasks that come and go, such as one a connection, belong to a `TaskTracker` that a supervised task owns and
//! drains.

use std::any::Any;
use std::convert::Infallible;
use std::error::Error;
use std::time::Duration;

use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error};

use crate::error::Chain;

/// Why a task ended, as it told itself.
type Cause = Box<dyn Error + Send + Sync>;

/// The supervised tasks of a process, and the token that asks all of them to stop.
///
/// ```
/// use std::time::Duration;
/// use landmark_daemon::tasks::{Tasks, TasksError};
///
/// # async fn start() -> Result<(), TasksError> {
/// let mut tasks = Tasks::new();
/// let stop = tasks.stop_token();
/// tasks.spawn("ticker", async move { stop.cancelled().await });
/// tasks.run(Duration::from_secs(10)).await
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Tasks {
    set: JoinSet<TaskEnd>,
    // In the order of spawning, which is the order in which people think of them.
    running: Vec<Running>,
    stop: CancellationToken,
}

/// Why [`Tasks::run`] did not end cleanly.
#[derive(Debug, thiserror::Error)]
pub enum TasksError {
    /// A task ended without an error, but nobody had asked for a stop.
    #[error("task {task} ended although nobody asked it to stop")]
    Ended {
        /// The name given to [`Tasks::spawn`].
        task: &'static str,
    },
    /// A task ended with an error.
    #[error("task {task} failed")]
    Failed {
        /// The name given to [`Tasks::spawn`].
        task: &'static str,
        /// The error it returned.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A task panicked.
    #[error("task {task} panicked: {message}")]
    Panicked {
        /// The name given to [`Tasks::spawn`].
        task: &'static str,
        /// The text of the panic.
        message: String,
    },
    /// Tasks did not end in time after a stop was asked for, and were aborted.
    #[error("still running {grace:?} after the stop: {}", names.join(", "))]
    StillRunning {
        /// Their names, in the order in which they were spawned.
        names: Vec<&'static str>,
        /// How long they were waited for.
        grace: Duration,
    },
}

/// How a task ended, as far as its output tells.
#[derive(Debug)]
pub enum TaskEnd {
    /// It has nothing left to do: in order once a stop was asked for.
    Finished,
    /// What fed it has gone: in order once a stop was asked for, since its neighbours end before it.
    Starved(Box<dyn Error + Send + Sync>),
    /// It could not do its job: an error at any time.
    Failed(Box<dyn Error + Send + Sync>),
}

/// An output with which a supervised task may end.
///
/// | Output | Before the stop | After it |
/// |---|---|---|
/// | `()`, `Ok(())` | error: ended | in order |
/// | `Err` of `Result<(), E>` | error: failed | error: failed |
/// | `Err` of `Result<Infallible, E>` | error: failed | in order: a closed channel ended its loop |
pub trait IntoTaskEnd {
    /// Converts the output.
    fn into_task_end(self) -> TaskEnd;
}

impl IntoTaskEnd for () {
    fn into_task_end(self) -> TaskEnd {
        TaskEnd::Finished
    }
}

impl IntoTaskEnd for Infallible {
    fn into_task_end(self) -> TaskEnd {
        match self {}
    }
}

impl<E: Into<Cause>> IntoTaskEnd for Result<(), E> {
    fn into_task_end(self) -> TaskEnd {
        match self {
            Ok(()) => TaskEnd::Finished,
            Err(error) => TaskEnd::Failed(error.into()),
        }
    }
}

impl<E: Into<Cause>> IntoTaskEnd for Result<Infallible, E> {
    fn into_task_end(self) -> TaskEnd {
        let Err(error) = self;
        TaskEnd::Starved(error.into())
    }
}

impl Tasks {
    /// No tasks yet, and nobody has asked for a stop.
    pub fn new() -> Self {
        Self::default()
    }

    /// The token that asks all tasks to stop; cancelling it makes [`Tasks::run`] drain them.
    pub fn stop_token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Starts a task under a name that operators will read in errors.
    ///
    /// The task must end soon after the stop token is cancelled, and not before.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn spawn<F>(&mut self, name: &'static str, future: F)
    where
        F: Future<Output: IntoTaskEnd> + Send + 'static,
    {
        self.start(name, Role::Worker, future);
    }

    /// Starts a task that attends the others until the very end: it keeps running while they drain, nobody waits for it,
    /// and it is aborted after them. It is for watching signals, which must work during a drain.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn spawn_attendant<F>(&mut self, name: &'static str, future: F)
    where
        F: Future<Output: IntoTaskEnd> + Send + 'static,
    {
        self.start(name, Role::Attendant, future);
    }

    /// Runs until a stop is asked for or the first task ends, then stops the rest.
    ///
    /// The stop token is cancelled, and all tasks are waited for at most `grace`, which shall be shorter than the stop
    /// timeout of the service manager. Those still running then are aborted.
    ///
    /// # Errors
    ///
    /// The first of: a task ended or panicked before a stop was asked for; a task failed or panicked while stopping;
    /// tasks were still running after `grace`. Whatever else went wrong while stopping is logged.
    pub async fn run(mut self, grace: Duration) -> Result<(), TasksError> {
        let stop = self.stop.clone();
        let mut outcome = Outcome::default();
        tokio::select! {
            biased;
            () = stop.cancelled() => debug!("stop asked for"),
            Some(ended) = self.set.join_next_with_id() => {
                if let Some((running, end)) = self.settle(ended) {
                    outcome.add(early_end(running.name, end));
                }
            }
        }
        stop.cancel();
        self.drain(grace, &mut outcome).await;
        let names = self.awaited();
        if !names.is_empty() {
            outcome.add(Err(TasksError::StillRunning { names, grace }));
        }
        self.set.abort_all();
        outcome.first.map_or(Ok(()), Err)
    }

    fn start<F>(&mut self, name: &'static str, role: Role, future: F)
    where
        F: Future<Output: IntoTaskEnd> + Send + 'static,
    {
        let handle = self.set.spawn(async move { future.await.into_task_end() });
        self.running.push(Running { id: handle.id(), name, role });
    }

    async fn drain(&mut self, grace: Duration, outcome: &mut Outcome) {
        let timer = tokio::time::sleep(grace);
        tokio::pin!(timer);
        while !self.awaited().is_empty() {
            tokio::select! {
                biased;
                Some(ended) = self.set.join_next_with_id() => {
                    if let Some((running, end)) = self.settle(ended) {
                        debug!(task = running.name, n_left = self.awaited().len(), "task ended");
                        outcome.add(late_end(running.name, end));
                    }
                }
                () = &mut timer => return,
            }
        }
    }

    /// Strikes a task off the list, and tells which it was and how it ended.
    fn settle(&mut self, ended: Result<(Id, TaskEnd), JoinError>) -> Option<(Running, End)> {
        let (id, end) = match ended {
            Ok((id, end)) => (id, End::Returned(end)),
            Err(error) => (error.id(), End::from_join_error(error)),
        };
        let position = self.running.iter().position(|running| running.id == id)?;
        Some((self.running.remove(position), end))
    }

    fn awaited(&self) -> Vec<&'static str> {
        self.running
            .iter()
            .filter(|running| running.role == Role::Worker)
            .map(|running| running.name)
            .collect()
    }
}

#[derive(Debug)]
struct Running {
    id: Id,
    name: &'static str,
    role: Role,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Worker,
    Attendant,
}

#[derive(Debug)]
enum End {
    Returned(TaskEnd),
    Panicked(String),
}

impl End {
    fn from_join_error(error: JoinError) -> Self {
        match error.try_into_panic() {
            Ok(payload) => Self::Panicked(panic_text(payload.as_ref())),
            // Only the set could abort a task, and it does so after the last join.
            Err(_aborted) => Self::Returned(TaskEnd::Finished),
        }
    }
}

/// The first error is the one to report, for the others mostly follow from it; they are logged.
#[derive(Debug, Default)]
struct Outcome {
    first: Option<TasksError>,
}

impl Outcome {
    fn add(&mut self, result: Result<(), TasksError>) {
        let Err(error) = result else { return };
        if self.first.is_none() {
            self.first = Some(error);
        } else {
            error!(error = %Chain(&error), "more went wrong while stopping");
        }
    }
}

fn early_end(task: &'static str, end: End) -> Result<(), TasksError> {
    Err(match end {
        End::Returned(TaskEnd::Finished) => TasksError::Ended { task },
        End::Returned(TaskEnd::Starved(source) | TaskEnd::Failed(source)) => {
            TasksError::Failed { task, source }
        }
        End::Panicked(message) => TasksError::Panicked { task, message },
    })
}

fn late_end(task: &'static str, end: End) -> Result<(), TasksError> {
    match end {
        End::Returned(TaskEnd::Finished | TaskEnd::Starved(_)) => Ok(()),
        End::Returned(TaskEnd::Failed(source)) => Err(TasksError::Failed { task, source }),
        End::Panicked(message) => Err(TasksError::Panicked { task, message }),
    }
}

/// `panic!` carries a `&str` or a `String`; `panic_any` may carry anything.
fn panic_text(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "(no text)".to_owned()
    }
}

#[cfg(test)]
mod tests;
