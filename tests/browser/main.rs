//! People at the web console: the real server, a real browser, and what is to be seen in it.

mod everyone;

mod firewall;
mod harness;
mod kept_input;
mod large_table;
mod live;
mod roles;
mod signing_in;
