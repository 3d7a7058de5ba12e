//! What the agent is compared with, from the same machine: a strict sequential walk with a time-out of two seconds, the same
//! with `nc -z -w 2`, and one bare connection to the entry that answers, below which nobody can be.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use landmark_tests::place::Place;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

/// Of each step of a walk.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(2);
/// Of the bare connection, which may lose some SYNs.
const PATIENCE: Duration = Duration::from_secs(8);

/// How long one connection takes; a refusal is an answer too.
///
/// # Errors
/// Nobody answers.
pub(crate) fn connect(place: &Place, address: SocketAddr) -> Result<Duration> {
    place.within(|| {
        let began = Instant::now();
        let connected = TcpStream::connect_timeout(&address, PATIENCE);
        let took = began.elapsed();
        match connected {
            Ok(_) => Ok(took),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => Ok(took),
            Err(error) => Err(error).with_context(|| format!("connect to {address}")),
        }
    })
}

/// How long one connection and a TLS handshake take.
///
/// # Errors
/// Nobody answers, or with another certificate.
pub(crate) fn shake_hands(
    place: &Place,
    address: SocketAddr,
    (name, certificate): (&str, &CertificateDer<'static>),
) -> Result<Duration> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone())?;
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let config = builder.with_safe_default_protocol_versions()?.with_root_certificates(roots);
    let config = Arc::new(config.with_no_client_auth());
    let name = ServerName::try_from(name.to_owned())?;
    place.within(|| {
        let began = Instant::now();
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        let mut connection = ClientConnection::new(config, name)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut stream)?;
        }
        Ok(began.elapsed())
    })
}

/// Tries one after the other until one answers.
///
/// # Errors
/// The namespace cannot be entered.
pub(crate) fn strictly(place: &Place, entries: &[SocketAddr]) -> Result<Duration> {
    place.within(|| {
        let began = Instant::now();
        for entry in entries {
            if TcpStream::connect_timeout(entry, TIMEOUT).is_ok() {
                break;
            }
        }
        Ok(began.elapsed())
    })
}

/// Whether `nc` of OpenBSD is here, whose options are meant.
pub(crate) fn has_netcat() -> bool {
    std::path::Path::new(NETCAT).exists()
}

const NETCAT: &str = "/usr/bin/nc.openbsd";
/// What an administrator's script would do.
const SCRIPT: &str = r#"port=$1; shift; for host; do "$0" -z -w 2 "$host" "$port" && exit 0; done; exit 0"#;

/// The same by a shell and `nc -z -w 2`.
///
/// # Errors
/// It cannot be run.
pub(crate) fn by_netcat(place: &Place, hosts: &[Ipv4Addr], port: u16) -> Result<Duration> {
    place.within(|| {
        let mut shell = Command::new("sh");
        shell.args(["-c", SCRIPT, NETCAT, &port.to_string()]).args(hosts.iter().map(Ipv4Addr::to_string));
        shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let began = Instant::now();
        let status = shell.status().context("run sh")?;
        ensure!(status.success(), "the walk by nc ended with {status}");
        Ok(began.elapsed())
    })
}
