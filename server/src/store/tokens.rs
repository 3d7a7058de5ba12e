//! Join tokens in the store.
