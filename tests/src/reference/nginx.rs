//! nginx as a reference server: an intranet's web server.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::Result;
use rustix::process::Signal;

use super::{Kind, ReferenceServer, in_system_folders, installed};
use crate::place::Place;
use crate::ports::Port;
use crate::scratch::Scratch;

const HOST: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 11);

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
    let Some(program) = installed("nginx", "nginx", &in_system_folders("nginx"))? else { return Ok(None) };
    let port = Port::reserve()?;
    let folder = scratch.make_folder(&format!("nginx-{}", port.number()))?;
    let folder = folder.display();
    // One process: no worker is left to answer when it is killed.
    let configuration = format!(
        "daemon off;\n\
         master_process off;\n\
         pid {folder}/nginx.pid;\n\
         events {{ worker_connections 64; }}\n\
         http {{\n\
         \x20   access_log {folder}/access.log;\n\
         \x20   client_body_temp_path {folder}/body;\n\
         \x20   proxy_temp_path {folder}/proxy;\n\
         \x20   fastcgi_temp_path {folder}/fastcgi;\n\
         \x20   uwsgi_temp_path {folder}/uwsgi;\n\
         \x20   scgi_temp_path {folder}/scgi;\n\
         \x20   server {{ listen {address}; return 200 \"intranet\\n\"; }}\n\
         }}\n",
        address = SocketAddr::new(host, port.number())
    );
    let file = scratch.write(&format!("nginx-{}/nginx.conf", port.number()), configuration)?;
    let arguments = vec!["-e".into(), "stderr".into(), "-c".into(), file.display().to_string()];
    let kind = Kind { name: "nginx", place, host, program, arguments, user: None, stop_signal: Signal::TERM };
    let mut server = ReferenceServer::new(scratch, port, kind);
    server.start().await?;
    Ok(Some(server))
}
