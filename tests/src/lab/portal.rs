//! A captive portal: who is not signed in gets its page, whatever name or address was asked for.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, version};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::dns::{Dns, Manner};
use super::namespace::Namespace;
use super::site::Site;

/// The name in its certificate, which no reference server has.
const NAME: &str = "portal.cafe.example";
/// Who connects and says nothing is not kept longer.
const PATIENCE: Duration = Duration::from_secs(10);
const PAGE: &str = "HTTP/1.1 302 Found\r\nLocation: http://portal.cafe.example/\r\nContent-Length: 0\r\n\
                    Connection: close\r\n\r\n";

/// The portal of the café. Dropping it closes it; its rules stay.
#[derive(Debug)]
pub struct Portal {
    router: Namespace,
    dns: Dns,
    _tasks: JoinSet<()>,
}

impl Portal {
    pub(super) fn open(router: &Namespace) -> Result<Self> {
        let bridge = Site::Cafe.plan().bridge;
        let here = Ipv4Addr::UNSPECIFIED;
        let dns = Dns::start(router.place(), &[here.into()])?;
        let mut tasks = JoinSet::new();
        tasks.spawn(plain(router.place().listen(SocketAddr::from((here, 80)))?));
        tasks.spawn(secured(router.place().listen(SocketAddr::from((here, 443)))?, acceptor()?));
        // Guests who have signed in are known by their address; from the others nothing leaves.
        router.nft(&format!(
            "table inet portal {{\n\
             set guests {{ type ipv4_addr; }}\n\
             chain asking {{ type nat hook prerouting priority -100; policy accept;\n\
             \x20 iifname {bridge} ip saddr @guests accept\n\
             \x20 iifname {bridge} tcp dport {{ 80, 443 }} redirect\n\
             \x20 iifname {bridge} udp dport 53 redirect\n\
             }}\n\
             chain passing {{ type filter hook forward priority 1; policy accept;\n\
             \x20 iifname {bridge} ip saddr @guests accept\n\
             \x20 iifname {bridge} drop\n\
             }}\n\
             }}\n"
        ))?;
        let portal = Self { router: router.clone(), dns, _tasks: tasks };
        portal.dns.behave(Manner::Everything(IpAddr::V4(Self::address())));
        Ok(portal)
    }

    /// Its own address.
    pub fn address() -> Ipv4Addr {
        Site::Cafe.plan().v4.map_or(Ipv4Addr::UNSPECIFIED, |network| network.gateway)
    }

    /// Lets a guest out from now on.
    ///
    /// # Errors
    /// `nft` cannot be run.
    pub fn sign_in(&self, guest: Ipv4Addr) -> Result<()> {
        self.router.nft(&format!("add element inet portal guests {{ {guest} }}\n"))
    }

    /// Its resolver.
    pub fn dns(&self) -> &Dns {
        &self.dns
    }
}

fn acceptor() -> Result<TlsAcceptor> {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed([NAME.to_owned()])?;
    let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .context("use the portal's certificate")?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn plain(listener: TcpListener) {
    let mut visitors = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((connection, _)) = accepted else { continue };
                visitors.spawn(async move { timeout(PATIENCE, show(connection)).await.unwrap_or_default() });
            }
            Some(_) = visitors.join_next() => {}
        }
    }
}

async fn secured(listener: TcpListener, acceptor: TlsAcceptor) {
    let mut visitors = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((connection, _)) = accepted else { continue };
                let acceptor = acceptor.clone();
                visitors.spawn(async move {
                    let shown = timeout(PATIENCE, async {
                        // Who breaks off, such as at the sight of the certificate, sees no page.
                        if let Ok(connection) = acceptor.accept(connection).await {
                            show(connection).await;
                        }
                    });
                    shown.await.unwrap_or_default();
                });
            }
            Some(_) = visitors.join_next() => {}
        }
    }
}

/// Shows the page to whoever asks for anything.
async fn show(mut connection: impl AsyncRead + AsyncWrite + Unpin) {
    let mut request = [0; 2048];
    if connection.read(&mut request).await.is_ok_and(|n| n > 0) {
        connection.write_all(PAGE.as_bytes()).await.unwrap_or_default();
        connection.shutdown().await.unwrap_or_default();
    }
}
