//! Where this machine is.

mod clock;
mod engine;
mod race;
mod record;
mod tried;
