//! Connections: accept loop, TLS, limits.
