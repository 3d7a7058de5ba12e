//! The present assignment, and who is told of it.
