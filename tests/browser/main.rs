//! People at the web console: the real server, a real browser, and what is to be seen in it.

mod assigning;
mod harness;
mod reference_servers;
mod signing_in;
mod two_people;
