//! Which servers are believed: those whose certificate comes from the fleet's own authority and carries the name that
//! all servers of Landmark have, whatever address was dialled.

use std::sync::Arc;

use landmark_proto::pin::SpkiPin;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme, version,
};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// How the fleet's authority is known.
#[derive(Clone, Debug)]
pub(crate) enum Trust {
    /// By its certificate.
    Authority(CertificateDer<'static>),
    /// By the digest of its key; the server must send the certificate.
    Pin(SpkiPin),
}

/// Not an authority.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TrustError {
    /// Another kind of file.
    #[error("there is no certificate in it (PEM, \"-----BEGIN CERTIFICATE-----\")")]
    NoCertificate,
    /// Damaged, or of a kind that cannot vouch for others.
    #[error("its certificate cannot be used: {0}")]
    Unusable(String),
}

impl Trust {
    /// Reads the first certificate of a PEM file's content.
    pub(crate) fn from_pem(pem: &[u8]) -> Result<Self, TrustError> {
        let authority =
            CertificateDer::pem_slice_iter(pem).find_map(Result::ok).ok_or(TrustError::NoCertificate)?;
        roots(&authority).map_err(|error| TrustError::Unusable(error.to_string()))?;
        Ok(Self::Authority(authority.into_owned()))
    }

    pub(super) fn tls(&self) -> Result<ClientConfig, Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&version::TLS13])?;
        let mut config = match self {
            Self::Authority(authority) => builder.with_root_certificates(roots(authority)?),
            Self::Pin(pin) => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(PinnedAuthority { pin: *pin, provider })),
        }
        .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        config.resumption = rustls::client::Resumption::disabled();
        Ok(config)
    }
}

fn roots(authority: &CertificateDer<'_>) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.clone().into_owned())?;
    Ok(roots)
}

/// Believes the one certificate of the chain whose key has the pin, and what that certificate vouches for.
#[derive(Debug)]
struct PinnedAuthority {
    pin: SpkiPin,
    provider: Arc<CryptoProvider>,
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
        let authority = intermediates
            .iter()
            .find(|certificate| pin_of(certificate) == Some(self.pin))
            .ok_or(CertificateError::UnknownIssuer)?;
        let verifier = WebPkiServerVerifier::builder_with_provider(
            Arc::new(roots(authority)?),
            Arc::clone(&self.provider),
        )
        .build()
        .map_err(|error| Error::General(error.to_string()))?;
        verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.2 is not spoken here".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(
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

fn pin_of(certificate: &CertificateDer<'_>) -> Option<SpkiPin> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    Some(SpkiPin::of(certificate.public_key().raw))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fleet {
        authority: rcgen::Certificate,
        server: CertificateDer<'static>,
    }

    fn fleet(name: &str) -> Fleet {
        let mut parameters = rcgen::CertificateParams::default();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        let authority = parameters.self_signed(&key).unwrap();
        let issuer = rcgen::Issuer::new(parameters, key);
        let server_key = rcgen::KeyPair::generate().unwrap();
        let server = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        let server = server.signed_by(&server_key, &issuer).unwrap().der().clone();
        Fleet { authority, server }
    }

    fn verify(
        pin: SpkiPin,
        fleet: &Fleet,
        chain: &[CertificateDer<'_>],
    ) -> Result<ServerCertVerified, Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let name = ServerName::try_from("server.landmark.internal").unwrap();
        PinnedAuthority { pin, provider }.verify_server_cert(
            &fleet.server,
            chain,
            &name,
            &[],
            UnixTime::now(),
        )
    }

    #[test]
    fn a_pin_believes_the_authority_that_has_it_and_no_other() {
        let fleet = fleet("server.landmark.internal");
        let chain = [fleet.authority.der().clone()];
        let pin = pin_of(fleet.authority.der()).unwrap();
        assert!(verify(pin, &fleet, &chain).is_ok());
        assert!(verify(pin, &fleet, &[]).is_err());
        assert!(verify(SpkiPin::of(b"another"), &fleet, &chain).is_err());
    }

    #[test]
    fn a_certificate_with_another_name_is_refused_though_the_pin_is_right() {
        let fleet = fleet("agent.landmark.internal");
        let chain = [fleet.authority.der().clone()];
        let pin = pin_of(fleet.authority.der()).unwrap();
        assert!(verify(pin, &fleet, &chain).is_err());
    }

    #[test]
    fn a_pinned_certificate_that_did_not_sign_the_servers_is_no_help() {
        let ours = fleet("server.landmark.internal");
        let theirs = fleet("server.landmark.internal");
        let pin = pin_of(ours.authority.der()).unwrap();
        assert!(verify(pin, &theirs, &[ours.authority.der().clone()]).is_err());
    }

    #[test]
    fn a_file_without_a_certificate_is_told_apart() {
        assert_eq!(Trust::from_pem(b"hello").unwrap_err(), TrustError::NoCertificate);
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
        assert_eq!(Trust::from_pem(key.as_bytes()).unwrap_err(), TrustError::NoCertificate);
        assert!(Trust::from_pem(fleet("a").authority.pem().as_bytes()).is_ok());
    }
}
