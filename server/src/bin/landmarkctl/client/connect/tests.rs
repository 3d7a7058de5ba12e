use std::net::SocketAddr;

use landmark_proto::pin::SpkiPin;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{CertificateError, ServerConfig};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::*;

/// A server's certificate chain and key, from an authority of its own.
struct Fleet {
    authority: CertificateDer<'static>,
    config: Arc<ServerConfig>,
}

impl Fleet {
    fn new() -> Self {
        let mut parameters = rcgen::CertificateParams::default();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        let authority = parameters.self_signed(&key).unwrap().der().clone();
        let issuer = rcgen::Issuer::new(parameters, key);
        let server_key = rcgen::KeyPair::generate().unwrap();
        let server = rcgen::CertificateParams::new(vec![SERVER_NAME.to_owned()]).unwrap();
        let server = server.signed_by(&server_key, &issuer).unwrap().der().clone();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![server, authority.clone()],
                PrivateKeyDer::try_from(server_key.serialize_der()).unwrap(),
            )
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        Self { authority, config: Arc::new(config) }
    }

    fn by_authority(&self) -> Trust {
        Trust::Authority(self.authority.clone())
    }

    fn by_pin(&self) -> Trust {
        let (_, certificate) = X509Certificate::from_der(&self.authority).unwrap();
        Trust::Pin(SpkiPin::of(certificate.public_key().raw))
    }

    /// Takes one connection.
    async fn served(&self, tasks: &mut JoinSet<()>) -> Address {
        let (listener, address) = listener().await;
        let acceptor = TlsAcceptor::from(Arc::clone(&self.config));
        tasks.spawn(async move {
            let (socket, _) = listener.accept().await.unwrap();
            // A client that does not believe us hangs up.
            if let Ok(mut stream) = acceptor.accept(socket).await {
                // An empty SETTINGS frame: all that HTTP/2 needs to begin.
                stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
                stream.flush().await.unwrap();
                std::future::pending::<()>().await;
            }
        });
        address
    }
}

async fn listener() -> (TcpListener, Address) {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let address = listener.local_addr().unwrap().to_string().parse().unwrap();
    (listener, address)
}

fn certificate_error(error: &ConnectError) -> Option<&CertificateError> {
    let error = error.source.get_ref()?.downcast_ref::<rustls::Error>()?;
    if let rustls::Error::InvalidCertificate(error) = error { Some(error) } else { None }
}

#[tokio::test]
async fn a_server_of_the_fleet_is_believed_by_its_authority_and_by_its_pin() {
    let fleet = Fleet::new();
    for trust in [fleet.by_authority(), fleet.by_pin()] {
        let mut tasks = JoinSet::new();
        let address = fleet.served(&mut tasks).await;
        assert!(connect(&address, &trust).await.is_ok(), "{trust:?}");
    }
}

#[tokio::test]
async fn a_server_of_another_fleet_is_not_believed() {
    let (ours, theirs) = (Fleet::new(), Fleet::new());
    for trust in [ours.by_authority(), ours.by_pin()] {
        let mut tasks = JoinSet::new();
        let address = theirs.served(&mut tasks).await;
        let error = connect(&address, &trust).await.unwrap_err();
        assert_eq!(error.step, Step::Secure);
        assert!(certificate_error(&error).is_some(), "{error:?}");
    }
}

#[tokio::test]
async fn a_port_that_is_closed_is_told_from_one_that_speaks_something_else() {
    let trust = Fleet::new().by_authority();
    let (listener, address) = listener().await;
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    });
    let error = connect(&address, &trust).await.unwrap_err();
    assert_eq!(error.step, Step::Secure);
    assert!(certificate_error(&error).is_none(), "{error:?}");
    // The listener is gone with its task.
    while tasks.join_next().await.is_some() {}
    let error = connect(&address, &trust).await.unwrap_err();
    assert_eq!((error.step, error.source.kind()), (Step::Dial, io::ErrorKind::ConnectionRefused));
}
