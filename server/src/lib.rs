//! Landmark's management server.
//!
//! Data flows one way, and the modules stand in its order:
//!
//! ```text
//! admin ─► settings ─► store ─► assignments ─► fleet ─► edge ─► agents
//!             edit      draft,    Stored ─►     session,   TLS, limits
//!                       assign    Published     registry
//!                         ▲                        │
//!                         └──── status, history ◄──┘
//! ```
//!
//! Saving touches only the draft; only an assign makes something that can be pushed; only what was stored can be
//! published. `identity` says who an agent is, `ops` and `metrics` how the server is doing, `config` how it shall be, and
//! `app` wires all of it.

pub mod access;
pub mod admin;
pub mod console;
pub mod settings;
pub mod store;

pub mod assignments;
pub mod edge;
pub mod enrollment;
pub mod fleet;
pub mod identity;
mod status;

pub mod metrics;
pub mod ops;

pub mod app;
pub mod config;
