//! The administration service.
