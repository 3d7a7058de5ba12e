//! The kernel's packet filter and connection tracking, over netlink (nfnetlink): writes a table whole, reads it back, follows
//! changes of it, lists flows and marks them. It must not know policies.
//!
//! ```text
//! Ruleset ─► table::replace (one transaction) ─► kernel ─► table::read ─► Ruleset and counters
//!                                                       ├► events (somebody else changed our table)
//!                                                       └► flows (list, mark)
//! ```
