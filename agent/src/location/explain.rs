//! Evidence in plain words.
