//! The link to the server: one session at a time, over mutual TLS, and what to do between two of them.
//!
//! ```text
//! task ─► dial ─► tls ─► channel (HTTP/2) ─► session ─► conversation (pure)
//!  ▲                                            │ End
//!  └──── wait ◄── retry, backoff (pure) ◄───────┘
//! ```
//!
//! [`task`] owns the loop, [`session`] one life of a stream, [`conversation`] decides what is said next, [`retry`] what an
//! end means for the next dial, [`renewal`] asks for another certificate. These are the only files, beside enrolment,
//! that know the wire. None of them knows how a location is decided or a policy enforced.

pub mod backoff;
pub mod channel;
pub mod conversation;
pub mod dial;
pub mod renewal;
pub mod retry;
pub mod session;
pub mod task;
#[cfg(test)]
pub(crate) mod testing;
pub mod tls;
