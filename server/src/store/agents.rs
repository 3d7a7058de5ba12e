//! Agents in the store.
