//! The real programs on a real network stack: a machine is carried between networks that misbehave. Needs root; without it
//! each test says that it was skipped.

mod world;

mod laboratory;
mod netfilter;

mod clocks;
mod faults;
mod firewall;
mod gateways;
mod pins;
mod resolver;
mod sites;
mod steadiness;
mod triggers;
