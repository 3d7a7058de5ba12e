//! nginx as a reference server: an intranet's web server.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::Result;
use landmark_proto::pin::SpkiPin;
use rustix::process::Signal;

use super::{Kind, ReferenceServer, in_system_folders, installed};
use crate::place::Place;
use crate::ports::Port;
use crate::scratch::Scratch;

const HOST: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 11);
/// Where it speaks TLS: on a host of its own, for a reference server has one probe kind.
const TLS_HOST: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 14);

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
    started(scratch, place, host, |_| Ok(String::new())).await
}

/// nginx that speaks TLS, with a self-signed certificate.
#[derive(Debug)]
pub struct TlsServer {
    /// The process.
    pub server: ReferenceServer,
    /// The certificate, PEM.
    pub certificate: PathBuf,
    /// What its key is recognised by.
    pub pin: SpkiPin,
}

/// Starts it with a new key, and these versions of TLS (as `ssl_protocols` takes them).
///
/// # Errors
/// It does not come up, or nothing may be skipped here.
pub async fn start_tls(scratch: &Scratch, versions: &str) -> Result<Option<TlsServer>> {
    let key = rcgen::KeyPair::generate()?;
    let pin = SpkiPin::of(&key.subject_public_key_info());
    let names = vec![TLS_HOST.to_string(), "intranet.example".to_owned()];
    let certificate = rcgen::CertificateParams::new(names)?.self_signed(&key)?;
    let mut certificate_file = PathBuf::new();
    let server = started(scratch, Place::here(), TLS_HOST.into(), |folder| {
        certificate_file = scratch.write(&format!("{folder}/server.crt"), certificate.pem())?;
        let key_file = scratch.write(&format!("{folder}/server.key"), key.serialize_pem())?;
        let (certificate, key) = (certificate_file.display(), key_file.display());
        Ok(format!("ssl_protocols {versions}; ssl_certificate {certificate}; ssl_certificate_key {key};"))
    });
    let server = server.await?;
    Ok(server.map(|server| TlsServer { server, certificate: certificate_file, pin }))
}

/// `tls`: the directives for TLS, if it shall speak that; it is told the folder for its files.
async fn started(
    scratch: &Scratch,
    place: Place,
    host: IpAddr,
    tls: impl FnOnce(&str) -> Result<String>,
) -> Result<Option<ReferenceServer>> {
    let Some(program) = installed("nginx", "nginx", &in_system_folders("nginx"))? else { return Ok(None) };
    let port = Port::reserve()?;
    let name = format!("nginx-{}", port.number());
    let folder = scratch.make_folder(&name)?;
    let folder = folder.display();
    let tls = tls(&name)?;
    let ssl = if tls.is_empty() { "" } else { " ssl" };
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
         \x20   server {{ listen {address}{ssl}; {tls} return 200 \"intranet\\n\"; }}\n\
         }}\n",
        address = SocketAddr::new(host, port.number())
    );
    let file = scratch.write(&format!("{name}/nginx.conf"), configuration)?;
    let arguments = vec!["-e".into(), "stderr".into(), "-c".into(), file.display().to_string()];
    let kind = Kind { name: "nginx", place, host, program, arguments, user: None, stop_signal: Signal::TERM };
    let mut server = ReferenceServer::new(scratch, port, kind);
    server.start().await?;
    Ok(Some(server))
}
