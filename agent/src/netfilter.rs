//! The kernel's packet filter and connection tracking, over netlink (nfnetlink): writes a table whole, reads it back, follows
//! changes of it, lists flows and marks them. It must not know policies.
//!
//! ```text
//! Ruleset ─► table::commit (one transaction) ─► kernel ─► table::read ─► Ruleset and counters
//!                                                      ├► events (somebody else changed our table)
//!                                                      └► flows (list, mark)
//! ```
//!
//! The layouts are the kernel's interface to user space and do not change. The part of them that is needed is written here:
//! the program `nft` takes 2.3 s for a thousand exceptions with unnamed sets and need not be there, and the crates that speak
//! to nf_tables bind C libraries or run that program.

pub mod events;
pub mod flows;
pub mod table;

mod attribute;
mod message;
mod socket;
