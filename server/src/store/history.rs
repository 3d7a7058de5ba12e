//! Location history in the store.
