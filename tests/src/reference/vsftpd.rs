//! vsftpd as a reference server: a file server inside the company.

use std::net::{IpAddr, Ipv4Addr};

use anyhow::Result;
use rustix::process::Signal;

use super::{Kind, ReferenceServer, in_system_folders, installed};
use crate::place::Place;
use crate::ports::Port;
use crate::scratch::Scratch;

const HOST: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 12);

/// Starts it. `None`: it is not installed, and that has been said.
///
/// # Errors
/// It does not come up, or nothing may be skipped here.
pub async fn start(scratch: &Scratch) -> Result<Option<ReferenceServer>> {
    start_at(scratch, Place::here(), HOST.into()).await
}

/// As [`start`], on an address of another place.
///
/// # Errors
/// As there.
pub async fn start_at(scratch: &Scratch, place: Place, host: IpAddr) -> Result<Option<ReferenceServer>> {
    let Some(program) = installed("vsftpd", "vsftpd", &in_system_folders("vsftpd"))? else { return Ok(None) };
    let port = Port::reserve()?;
    let name = format!("vsftpd-{}", port.number());
    let root = scratch.make_folder(&format!("{name}/root"))?;
    let root = root.display();
    let configuration = format!(
        "listen=YES\n\
         listen_ipv6=NO\n\
         listen_address={host}\n\
         listen_port={port}\n\
         background=NO\n\
         run_as_launching_user=YES\n\
         anonymous_enable=YES\n\
         local_enable=NO\n\
         anon_root={root}\n\
         secure_chroot_dir={root}\n\
         xferlog_enable=NO\n\
         seccomp_sandbox=NO\n\
         isolate=NO\n\
         isolate_network=NO\n",
        port = port.number()
    );
    let file = scratch.write(&format!("{name}/vsftpd.conf"), configuration)?;
    let arguments = vec![file.display().to_string()];
    let kind =
        Kind { name: "vsftpd", place, host, program, arguments, user: None, stop_signal: Signal::TERM };
    let mut server = ReferenceServer::new(scratch, port, kind);
    server.start().await?;
    Ok(Some(server))
}
