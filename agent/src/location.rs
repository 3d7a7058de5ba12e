//! Where this machine is.

mod clock;
mod race;
mod tried;
