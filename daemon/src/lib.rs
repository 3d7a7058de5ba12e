//! What any good daemon needs, and nothing else: it knows nothing of lists, agents or gRPC.
//!
//! The life of a daemon, which is also the order of the modules:
//!
//! ```text
//! config ─► telemetry ─► limits ─► state_dir ─► tasks ◄─ signals
//!                                      │          │
//!                                   durable   readiness        error, exit: how it ends
//! ```
//!
//! Configuration is read from all its layers and every problem in it is reported at once; logging starts; the limit on
//! open files is raised; the state folder is locked, and files in it are replaced atomically and durably; supervised
//! tasks run until a signal asks them to stop or the first of them ends; the service manager and balancers learn
//! whether the daemon is ready. Beside that life stands `tls`: how a peer is recognised by its key.

pub mod config;
pub mod telemetry;

pub mod limits;

pub mod durable;
pub mod state_dir;

pub mod readiness;
pub mod signals;
pub mod tasks;

pub mod error;
pub mod exit;

#[cfg(feature = "tls")]
pub mod tls;

#[cfg(test)]
mod test_process;
