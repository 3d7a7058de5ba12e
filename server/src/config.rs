//! The server's configuration.
