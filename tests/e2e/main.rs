//! The real programs with real reference servers: everything is said by command lines and sockets, nothing by internals.

mod main_job;

mod accounts;
mod assigning;
mod editing;
mod enforcement;
mod evidence;
mod firewall;
mod first_start;
mod gateways;
mod joining;
mod large_fleet;
mod lint;
mod lists_as_files;
mod pins;
mod quiet_probes;
mod reference_servers;
mod removal;
mod restored_server;
mod server_health;
mod silent_servers;
mod steadiness;

mod damaged_ledger;
mod full_disk;
mod killed_agent;
mod killed_server;
mod strangers;
