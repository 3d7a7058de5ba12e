//! Landmark's agent: decides where this machine is and makes the policy of that place real.
//!
//! ```text
//! link ─► Offer ─► ledger ─► Accepted ─► location ─► Decided ─► policy ─► enforce ─► EnforcementStatus
//!   ▲                                       │ evidence                                  │
//!   │                                       ▼                                           │
//!   └──────────────── report ◄─────────── outbox ◄──────────────────────────────────────┘
//! ```
//!
//! Data goes one way: what the server offers is believed only once the ledger has checked it and has it on the disk;
//! what is held and what the link is like decide the location; what was decided gives the desired policy; what was
//! enforced is reported. State travels in `watch` channels, commands in bounded `mpsc` channels.

pub mod config;

pub mod address;
pub mod identity;
pub mod machine;
pub mod own;
mod platform;

pub mod ledger;

#[cfg(target_os = "linux")]
mod netlink;

pub mod network;

#[cfg(target_os = "linux")]
pub mod netfilter;

pub mod location;

pub mod policy;

pub mod enforce;

pub mod outbox;

pub mod report;

pub mod sweep;

pub mod link;

// Beside the flow: what people see of it, what wires it, and what makes a machine an agent in the first place.
pub mod control;

pub mod app;

pub mod enroll;
