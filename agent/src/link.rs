//! The link to the server.
pub mod backoff;
pub mod retry;
