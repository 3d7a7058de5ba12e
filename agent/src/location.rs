//! Where this machine is.

mod clock;
mod engine;
mod probe;
mod race;
mod record;
mod resolve;
mod tried;
