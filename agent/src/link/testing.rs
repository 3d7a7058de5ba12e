//! A server for tests: the generated services over real TLS and HTTP/2 on loopback, with the limits of nobody.

pub(crate) mod enrollment;
pub(crate) mod fleet;

use std::convert::Infallible;
use std::sync::Arc;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use rustls::crypto::ring;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, version};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tonic::body::Body;
use tower::Service;

use crate::address::ServerAddress;
use crate::identity::testing::Fleet;
use crate::link::tls::SERVER_NAME;

/// A listener with its connections. Dropping it closes them all at once.
pub(crate) struct TestServer {
    pub(crate) address: ServerAddress,
    _tasks: JoinSet<()>,
}

/// Whom a [`TestServer`] lets in.
#[derive(Clone, Copy)]
pub(crate) enum Clients {
    OfTheFleet,
    Anyone,
}

impl TestServer {
    /// Serves `service` with a certificate of the fleet for `name`.
    pub(crate) async fn start<S>(fleet: &Fleet, name: &str, clients: Clients, service: S) -> Self
    where
        S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
        S::Future: Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string().parse().unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config(fleet, name, clients)));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, service) = (acceptor.clone(), service.clone());
                connections.spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
                    connection.await.ok();
                });
            }
        });
        Self { address, _tasks: tasks }
    }

    /// With the name that agents look for.
    pub(crate) async fn of_fleet<S>(fleet: &Fleet, clients: Clients, service: S) -> Self
    where
        S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
        S::Future: Send + 'static,
    {
        Self::start(fleet, SERVER_NAME, clients, service).await
    }
}

fn config(fleet: &Fleet, name: &str, clients: Clients) -> ServerConfig {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&version::TLS13])
        .unwrap();
    let builder = match clients {
        Clients::Anyone => builder.with_no_client_auth(),
        Clients::OfTheFleet => {
            let mut roots = RootCertStore::empty();
            roots.add(fleet.authority().clone()).unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        }
    };
    let (chain, key) = fleet.server(name);
    let mut config = builder.with_single_cert(chain, key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}
