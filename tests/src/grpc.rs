//! gRPC to a server of the fleet over TLS, verified by the fleet's authority: what the generated clients need below them.

use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use anyhow::{Context as _, Result};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use landmark_proto::wire::admin_client::AdminClient;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, version};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tonic::body::Body;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::{Request, Status};
use tower::Service;

use crate::peer::ClientIdentity;

/// The name that every server's certificate carries.
const SERVER_NAME: &str = "server.landmark.internal";

/// An HTTP/2 connection, which ends when the last clone and its [`Driver`] are gone.
#[derive(Clone, Debug)]
pub struct Link(SendRequest<Body>);

/// Keeps a connection going as long as it lives.
#[derive(Debug)]
pub struct Driver {
    _tasks: JoinSet<()>,
}

/// Connects; what is at the address must show a certificate of the authority.
///
/// # Errors
/// It cannot be reached, or is not of that fleet, or refuses the identity.
pub async fn connect(
    address: SocketAddr,
    authority: &Path,
    identity: Option<&ClientIdentity>,
) -> Result<(Link, Driver)> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority).context("read the authority's certificate")?)?;
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&version::TLS13])?
        .with_root_certificates(roots);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => identity.authenticate(builder)?,
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    let socket = TcpStream::connect(address).await.with_context(|| format!("connect to {address}"))?;
    // As agents and browsers do: else a request that follows a window update waits for the acknowledgement of that.
    socket.set_nodelay(true)?;
    let name = ServerName::try_from(SERVER_NAME)?;
    let secured = TlsConnector::from(Arc::new(config)).connect(name, socket).await.context("agree on TLS")?;
    let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(secured)).await;
    let (sender, connection) = handshake.context("speak HTTP/2")?;
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        // Its end is seen by the calls on it, with the same error.
        drop(connection.await);
    });
    Ok((Link(sender), Driver { _tasks: tasks }))
}

/// The admin API, with an API token.
pub type Admin = AdminClient<InterceptedService<Link, Bearer>>;

/// Puts the API token into each request.
#[derive(Clone, Debug)]
pub struct Bearer(MetadataValue<Ascii>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// Connects to the admin API of the server with this state folder, as its administrator.
///
/// # Errors
/// It cannot be reached, or its files cannot be read.
pub async fn admin(address: SocketAddr, state_folder: &Path) -> Result<(Admin, Driver)> {
    let token = std::fs::read_to_string(state_folder.join("admin-token")).context("read the API token")?;
    let bearer = Bearer(format!("Bearer {}", token.trim()).parse()?);
    let (link, driver) = connect(address, &state_folder.join("authority.pem"), None).await?;
    Ok((AdminClient::with_origin(InterceptedService::new(link, bearer), origin()), driver))
}

/// What requests over a [`Link`] are addressed to.
pub fn origin() -> http::Uri {
    http::Uri::from_static("https://server.landmark.internal")
}

impl Service<http::Request<Body>> for Link {
    type Response = http::Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, hyper::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}
