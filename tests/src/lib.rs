//! The harness of the tests that cross crates: real processes, real reference servers, and what a user would see of them.
//!
//! ```text
//! scratch ─► ports, place ─► process ─┬─► reference (nginx, vsftpd, PostgreSQL, a recorder, a silent port)
//!                                     ├─► fleet (server, agents, landmarkctl)
//!                                     ├─► lab (a company, a home and a café of network namespaces)
//!                                     └─► browser (people at the web console)
//! wait: until it is as expected     replay: evidence gives its verdict again     skip, tmpfs: what not every machine allows
//! grpc, peer: without our programs
//! ```
//!
//! Everything is owned by a value that ends it when it is dropped: processes by their id, tasks in a `JoinSet`, mounts.
//! Nothing here knows any internals of the server or the agent: it speaks command lines and sockets.

pub mod scratch;

pub mod binaries;
pub mod place;
pub mod ports;
pub mod process;

pub mod fleet;
pub mod lab;
pub mod reference;

pub mod browser;

pub mod grpc;
pub mod peer;
pub mod replay;

pub mod skip;
pub mod tmpfs;
pub mod wait;
