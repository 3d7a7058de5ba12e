//! Believes a server by the key pin of its fleet's authority, where there is nothing else to go by yet.

use std::sync::{Arc, OnceLock};

use landmark_proto::pin::SpkiPin;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, PeerIncompatible, RootCertStore,
    SignatureScheme, version,
};

use super::certificate::PeerCertificate;

/// Believes the certificate of the chain whose key has the pin, and what that certificate vouches for: its names and
/// dates count.
#[derive(Debug)]
pub struct PinnedAuthority {
    pin: SpkiPin,
    provider: Arc<CryptoProvider>,
    /// Whether a server was met whose chain has no such certificate.
    met_another: OnceLock<()>,
}

impl PinnedAuthority {
    /// An authority with this key; the server must send its certificate.
    pub fn new(pin: SpkiPin) -> Self {
        Self { pin, provider: Arc::new(ring::default_provider()), met_another: OnceLock::new() }
    }

    /// Settings for one connection with HTTP/2: TLS 1.3 only, no client certificate, nothing resumed.
    ///
    /// # Errors
    /// Never with the cryptography this is built with.
    pub fn client_config(self: &Arc<Self>) -> Result<ClientConfig, Error> {
        let verifier: Arc<dyn ServerCertVerifier> = Arc::<Self>::clone(self);
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        config.resumption = Resumption::disabled();
        Ok(config)
    }

    fn is_its(&self, certificate: &CertificateDer<'_>) -> bool {
        PeerCertificate::read(certificate).is_ok_and(|certificate| certificate.pin == self.pin)
    }

    /// Whether the server had another authority.
    pub fn met_another(&self) -> bool {
        self.met_another.get().is_some()
    }
}

impl ServerCertVerifier for PinnedAuthority {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(authority) = intermediates.iter().find(|certificate| self.is_its(certificate)) else {
            self.met_another.set(()).ok();
            return Err(CertificateError::UnknownIssuer.into());
        };
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone().into_owned())?;
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider))
            .build()
            .map_err(|error| Error::General(error.to_string()))?
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::Tls13RequiredForQuic.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            certificate,
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
