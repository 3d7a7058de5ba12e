//! Server and agents in one process, over loopback.

mod fleet;

mod assigning;
mod history;
mod location;
mod restart;
mod sessions;
