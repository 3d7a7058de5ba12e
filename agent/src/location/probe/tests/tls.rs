//! Handshakes with real TLS servers, on loopback.

use std::io::{Read as _, Write as _};
use std::net::TcpStream as Stream;
use std::sync::Arc;
use std::thread::JoinHandle;

use landmark_proto::pin::{Pins, SpkiPin};
use rcgen::{CertificateParams, KeyPair, PublicKeyData as _};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection};

use super::*;

/// A key, and settings of a server that has it.
fn identity() -> (SpkiPin, Arc<ServerConfig>) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["intranet.example".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2031, 2, 3);
    let certificate = params.self_signed(&key).unwrap();
    let pin = SpkiPin::of(&key.subject_public_key_info());
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(rustls::ALL_VERSIONS)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    (pin, Arc::new(config))
}

/// The server name that was asked for, and the application bytes that came.
type Served = (Option<String>, Vec<u8>);

/// Serves one connection; gives the server name that was asked for and the application bytes that came.
fn serve(config: Arc<ServerConfig>) -> (u16, JoinHandle<Served>) {
    let (listener, port) = listener(V4);
    let served = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut connection = ServerConnection::new(config).unwrap();
        let mut bytes = Vec::new();
        let mut stream = rustls::Stream::new(&mut connection, &mut socket);
        // A handshake that the peer broke off is an error here, and leaves no byte.
        let _ended = stream.read_to_end(&mut bytes);
        (connection.server_name().map(str::to_owned), bytes)
    });
    (port, served)
}

/// Does this with one raw connection.
fn raw(act: impl FnOnce(Stream) + Send + 'static) -> (u16, JoinHandle<()>) {
    let (listener, port) = listener(V4);
    let served = thread::spawn(move || act(listener.accept().unwrap().0));
    (port, served)
}

fn pinned(pins: &[SpkiPin]) -> Probe {
    Probe::Tls(Pins::new(pins.to_vec()).unwrap())
}

async fn shake(port: u16, pins: &[SpkiPin]) -> Ended {
    attempt_as(&prober(LOOPBACK), "127.0.0.1", port, pinned(pins)).await
}

#[tokio::test]
async fn a_pinned_key_answers_and_no_application_byte_is_sent() {
    let (pin, config) = identity();
    let (port, served) = serve(config);
    // The second of two pins: a key that is being rotated.
    let ended = shake(port, &[SpkiPin::of(b"the next one"), pin]).await;
    assert_eq!(ended.outcome, Outcome::Answered, "{ended:?}");
    let certificate = ended.certificate.unwrap();
    assert_eq!(certificate.pin, pin);
    let until = certificate.not_after.unwrap().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(until.as_secs(), 1_927_843_200, "2031-02-03");
    assert_eq!(ended.interface, Some(loopback()));
    assert_eq!(served.join().unwrap(), (None, Vec::new()), "no server name for an address, no byte");
}

#[tokio::test]
async fn a_name_is_sent_as_the_server_name() {
    let (pin, config) = identity();
    let (port, served) = serve(config);
    let prober = names(LOOPBACK, |_| Ok(vec![SocketAddr::from(([127, 0, 0, 1], 0))]));
    let ended = attempt_as(&prober, "intranet.example", port, pinned(&[pin])).await;
    assert_eq!(ended.outcome, Outcome::Answered);
    assert_eq!(served.join().unwrap().0.as_deref(), Some("intranet.example"));
}

#[tokio::test]
async fn another_key_is_a_mismatch_and_is_shown() {
    let (pin, config) = identity();
    let (port, served) = serve(config);
    let ended = shake(port, &[SpkiPin::of(b"ours")]).await;
    assert_eq!(ended.outcome, Outcome::PinMismatch);
    assert_eq!(ended.certificate.unwrap().pin, pin, "what the spoof showed");
    assert_eq!(ended.interface, None);
    served.join().unwrap();
}

#[tokio::test]
async fn what_does_not_speak_tls_fails_with_a_reason() {
    let (port, served) = raw(|mut stream| {
        let mut hello = [0; 64];
        let _read = stream.read(&mut hello);
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
    });
    let ended = shake(port, &[SpkiPin::of(b"ours")]).await;
    assert_eq!(ended.outcome, Outcome::TlsFailed);
    assert!(ended.tls_error.unwrap().contains("corrupt message"));
    served.join().unwrap();

    let (port, served) = raw(drop);
    let ended = shake(port, &[SpkiPin::of(b"ours")]).await;
    assert_eq!(ended.outcome, Outcome::TlsFailed);
    assert!(ended.tls_error.is_some());
    served.join().unwrap();
}

#[tokio::test]
async fn a_server_that_accepts_and_says_nothing_is_a_timeout_that_says_so() {
    let (_listener, port) = listener(V4);
    let ended = shake(port, &[SpkiPin::of(b"ours")]).await;
    assert_eq!(ended.outcome, Outcome::Timeout);
    assert_eq!(ended.tls_error.as_deref(), Some("connected, but no handshake in time"));
}

#[tokio::test]
async fn of_several_addresses_one_with_the_right_key_is_enough() {
    let ((_, wrong), (pin, right)) = (identity(), identity());
    let (spoof, port) = listener(V4);
    let real = TcpListener::bind(("127.0.0.2", port)).unwrap();
    let serve = |listener: TcpListener, config: Arc<ServerConfig>| {
        thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let mut connection = ServerConnection::new(config).unwrap();
            let _ended = rustls::Stream::new(&mut connection, &mut socket).read_to_end(&mut Vec::new());
        })
    };
    let served = [serve(spoof, wrong), serve(real, right)];
    let both =
        |_: &str| Ok(vec![SocketAddr::from(([127, 0, 0, 1], 0)), SocketAddr::from(([127, 0, 0, 2], 0))]);
    let ended = attempt_as(&names(LOOPBACK, both), "intranet", port, pinned(&[pin])).await;
    assert_eq!((ended.outcome, ended.address), (Outcome::Answered, Some([127, 0, 0, 2].into())));
    served.into_iter().for_each(|served| served.join().unwrap());
}

#[tokio::test]
async fn a_silent_address_hides_neither_that_another_has_the_wrong_key_nor_which_key() {
    let other = Ipv4Addr::new(127, 0, 0, 2);
    let silent = silent(other.into());
    let (pin, config) = identity();
    let spoof = TcpListener::bind((V4, silent.port)).unwrap();
    let served = thread::spawn(move || {
        let (mut socket, _) = spoof.accept().unwrap();
        let mut connection = ServerConnection::new(config).unwrap();
        let _ended = rustls::Stream::new(&mut connection, &mut socket).read_to_end(&mut Vec::new());
    });
    let found = vec![SocketAddr::from((V4, 0)), SocketAddr::from((other, 0))];
    let prober = names(LOOPBACK, move |_| Ok(found.clone()));
    let ended = attempt_as(&prober, "intranet", silent.port, pinned(&[SpkiPin::of(b"ours")])).await;
    assert_eq!((ended.outcome, ended.address), (Outcome::PinMismatch, Some(V4)));
    assert_eq!(ended.certificate.unwrap().pin, pin, "what the spoof showed");
    served.join().unwrap();
}

#[tokio::test]
async fn of_silent_addresses_the_one_that_was_connected_to_is_named() {
    let other = Ipv4Addr::new(127, 0, 0, 2);
    let silent = silent(other.into());
    let _listener = TcpListener::bind((V4, silent.port)).unwrap();
    let found = vec![SocketAddr::from((V4, 0)), SocketAddr::from((other, 0))];
    let prober = names(LOOPBACK, move |_| Ok(found.clone()));
    let ended = attempt_as(&prober, "intranet", silent.port, pinned(&[SpkiPin::of(b"ours")])).await;
    assert_eq!((ended.outcome, ended.address), (Outcome::Timeout, Some(V4)));
    assert_eq!(ended.tls_error.as_deref(), Some("connected, but no handshake in time"));
}
