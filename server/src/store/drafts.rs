//! The draft in the store.
