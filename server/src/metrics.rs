//! All metrics of the server.
