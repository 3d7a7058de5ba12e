//! Edits and differences of settings.
