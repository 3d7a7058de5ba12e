//! Recognises a TLS server by the key of its certificate, and by nothing else: chain, names and dates do not count.
//!
//! That the peer holds the key is proved by the signature of the handshake, which is checked as always. What the peer
//! showed is kept, whether it was recognised or not.

use std::sync::{Arc, OnceLock};

use landmark_proto::pin::SpkiPin;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, PeerMisbehaved, SignatureScheme, version,
};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::certificate::PeerCertificate;

/// The peer of one connection.
#[derive(Debug)]
pub struct PinnedPeer {
    /// None: any key is taken.
    pins: Option<Vec<SpkiPin>>,
    provider: Arc<CryptoProvider>,
    seen: OnceLock<PeerCertificate>,
}

impl PinnedPeer {
    /// A peer with one of these keys; without a pin no peer is recognised.
    pub fn new(pins: &[SpkiPin]) -> Self {
        Self { pins: Some(pins.to_vec()), provider: provider(), seen: OnceLock::new() }
    }

    /// A peer with any key: to learn which one it has.
    pub fn any() -> Self {
        Self { pins: None, provider: provider(), seen: OnceLock::new() }
    }

    /// Settings for one connection: TLS 1.3 and 1.2, no client certificate, no application protocol, nothing resumed.
    /// A server name that is an address is not sent, one that is a name is.
    ///
    /// # Errors
    /// Never with the cryptography this is built with.
    pub fn client_config(self: &Arc<Self>) -> Result<ClientConfig, Error> {
        let verifier: Arc<dyn ServerCertVerifier> = Arc::<Self>::clone(self);
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        // A resumed session would show no certificate.
        config.resumption = Resumption::disabled();
        Ok(config)
    }

    /// What the peer showed, after a handshake that came so far, successful or not.
    pub fn certificate(&self) -> Option<&PeerCertificate> {
        self.seen.get()
    }

    /// Whether the peer showed a key, and none of the pinned ones: possibly a spoof.
    pub fn is_another(&self) -> bool {
        self.seen.get().is_some_and(|certificate| !self.recognises(certificate.pin))
    }

    fn recognises(&self, pin: SpkiPin) -> bool {
        self.pins.as_ref().is_none_or(|pins| pins.contains(&pin))
    }
}

/// Made once: it is the same for all peers.
fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(ring::default_provider())))
}

/// Of any version of X.509.
fn parse<'a>(certificate: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, CertificateError> {
    let (_, certificate) =
        X509Certificate::from_der(certificate).map_err(|_| CertificateError::BadEncoding)?;
    Ok(certificate)
}

impl ServerCertVerifier for PinnedPeer {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let certificate = PeerCertificate::read(end_entity).map_err(|_| CertificateError::BadEncoding)?;
        let pin = certificate.pin;
        self.seen.set(certificate).ok();
        if self.recognises(pin) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    /// As `rustls::crypto::verify_tls12_signature`, which takes certificates of X.509 version 3 only.
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let certificate = parse(certificate)?;
        let key = &certificate.public_key().subject_public_key.data;
        let schemes = self.provider.signature_verification_algorithms.mapping;
        let (_, algorithms) = schemes
            .iter()
            .find(|(scheme, _)| *scheme == signature.scheme)
            .ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
        // TLS 1.2 names the hash and not the curve; a key of another kind verifies nothing.
        if algorithms.iter().any(|it| it.verify_signature(key, message, signature.signature()).is_ok()) {
            Ok(HandshakeSignatureValid::assertion())
        } else {
            Err(CertificateError::BadSignature.into())
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let certificate = parse(certificate)?;
        verify_tls13_signature_with_raw_key(
            message,
            &SubjectPublicKeyInfoDer::from(certificate.public_key().raw),
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests;
