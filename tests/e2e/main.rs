//! The real programs with real reference servers: everything is said by command lines and sockets, nothing by internals.

mod reference_servers;
