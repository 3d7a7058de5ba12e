//! nginx as a reference server: an intranet's web server.

use std::fs::File;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::Result;
use landmark_proto::pin::SpkiPin;
use rcgen::PublicKeyData as _;
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
    key: PathBuf,
}

impl TlsServer {
    /// Restarts it with another key than the one that it has.
    ///
    /// # Errors
    /// It does not run, or does not come up again.
    pub async fn become_known_as(&mut self, identity: &Identity) -> Result<()> {
        self.server.stop().await?;
        identity.write(&self.certificate, &self.key)?;
        self.pin = identity.pin;
        self.server.start().await
    }
}

/// A new key, and a certificate for it.
pub struct Identity {
    /// What the key is recognised by.
    pub pin: SpkiPin,
    certificate: String,
    key: String,
}

impl Identity {
    /// Until when its certificate is valid.
    pub const NOT_AFTER: &str = "2099-01-01T00:00:00Z";

    /// Makes one for a server at this address.
    ///
    /// # Errors
    /// No key can be made.
    pub fn new(host: IpAddr) -> Result<Self> {
        let key = rcgen::KeyPair::generate()?;
        let names = vec![host.to_string(), "intranet.example".to_owned()];
        let mut certificate = rcgen::CertificateParams::new(names)?;
        certificate.not_after = rcgen::date_time_ymd(2099, 1, 1);
        let certificate = certificate.self_signed(&key)?;
        Ok(Self {
            pin: SpkiPin::of(&key.subject_public_key_info()),
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        })
    }

    fn write(&self, certificate: &Path, key: &Path) -> Result<()> {
        for (file, content) in [(certificate, &self.certificate), (key, &self.key)] {
            File::create(file)?.write_all(content.as_bytes())?;
        }
        Ok(())
    }
}

/// Starts it with a new key, and these versions of TLS (as `ssl_protocols` takes them).
///
/// # Errors
/// It does not come up, or nothing may be skipped here.
pub async fn start_tls(scratch: &Scratch, versions: &str) -> Result<Option<TlsServer>> {
    start_tls_at(scratch, Place::here(), TLS_HOST.into(), versions).await
}

/// As [`start_tls`], on an address of another place.
///
/// # Errors
/// As there.
pub async fn start_tls_at(
    scratch: &Scratch,
    place: Place,
    host: IpAddr,
    versions: &str,
) -> Result<Option<TlsServer>> {
    let identity = Identity::new(host)?;
    let (mut certificate, mut key) = (PathBuf::new(), PathBuf::new());
    let server = started(scratch, place, host, |folder| {
        certificate = scratch.path().join(folder).join("server.crt");
        key = scratch.path().join(folder).join("server.key");
        identity.write(&certificate, &key)?;
        let (certificate, key) = (certificate.display(), key.display());
        Ok(format!("ssl_protocols {versions}; ssl_certificate {certificate}; ssl_certificate_key {key};"))
    });
    let server = server.await?;
    Ok(server.map(|server| TlsServer { server, certificate, pin: identity.pin, key }))
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
