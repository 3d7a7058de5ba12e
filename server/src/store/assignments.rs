//! Assignments in the store.
