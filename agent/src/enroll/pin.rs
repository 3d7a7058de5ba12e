//! Believes a server by the key pin of its authority, before there is anything else to go by.

use std::sync::{Arc, OnceLock};

use landmark_proto::pin::SpkiPin;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, PeerIncompatible, RootCertStore,
    SignatureScheme, version,
};

use crate::identity::pin_of;
use crate::link::tls::finish;

/// Believes the certificate of the chain whose key has the pin, and what that certificate vouches for.
#[derive(Debug)]
pub(super) struct PinnedAuthority {
    pin: SpkiPin,
    provider: Arc<CryptoProvider>,
    /// Whether a server was met whose chain has no such certificate.
    met_another: OnceLock<()>,
}

impl PinnedAuthority {
    pub(super) fn new(pin: SpkiPin) -> Self {
        Self { pin, provider: Arc::new(ring::default_provider()), met_another: OnceLock::new() }
    }

    /// Settings for one connection, which has no client certificate.
    pub(super) fn client_config(self: &Arc<Self>) -> Result<ClientConfig, Error> {
        let verifier: Arc<dyn ServerCertVerifier> = Arc::<Self>::clone(self);
        let config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        Ok(finish(config))
    }

    /// Whether the server had another authority.
    pub(super) fn met_another(&self) -> bool {
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
        let Some(authority) = intermediates.iter().find(|certificate| pin_of(certificate) == Ok(self.pin))
        else {
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
mod tests {
    use super::*;
    use crate::identity::testing::Fleet;
    use crate::link::tls::SERVER_NAME;

    fn verify(
        pinned: &PinnedAuthority,
        chain: &[CertificateDer<'static>],
    ) -> Result<ServerCertVerified, Error> {
        let name = ServerName::try_from(SERVER_NAME).unwrap();
        let (end_entity, intermediates) = chain.split_first().unwrap();
        pinned.verify_server_cert(end_entity, intermediates, &name, &[], UnixTime::now())
    }

    #[test]
    fn the_pinned_authority_and_what_it_vouches_for_are_believed() {
        let fleet = Fleet::new();
        let pinned = PinnedAuthority::new(pin_of(fleet.authority()).unwrap());
        assert!(verify(&pinned, &fleet.server(SERVER_NAME).0).is_ok());
        assert!(verify(&pinned, &fleet.server("localhost").0).is_err());
        assert!(!pinned.met_another());
    }

    #[test]
    fn another_authority_is_noticed_and_so_is_one_that_did_not_sign() {
        let (ours, theirs) = (Fleet::new(), Fleet::new());
        let pinned = PinnedAuthority::new(pin_of(ours.authority()).unwrap());
        // A chain that only shows our authority proves nothing.
        let mut chain = theirs.server(SERVER_NAME).0;
        chain[1] = ours.authority().clone();
        assert!(verify(&pinned, &chain).is_err());
        assert!(!pinned.met_another());
        assert!(verify(&pinned, &theirs.server(SERVER_NAME).0).is_err());
        assert!(pinned.met_another());
    }
}
