//! The operations endpoint.
