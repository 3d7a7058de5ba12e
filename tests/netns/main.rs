//! The real programs on a real network stack: a machine is carried between networks that misbehave. Needs root; without it
//! each test says that it was skipped.

mod world;

mod laboratory;

mod faults;
mod resolver;
mod sites;
