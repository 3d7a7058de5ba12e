//! Server and agents in one process, over loopback.
