//! A fleet for tests: an authority that certifies whatever it is asked for.

use std::path::Path;

use landmark_proto::ids::{AgentId, FleetId};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, CertifiedIssuer,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, SanType,
};
use rustls::pki_types::{CertificateDer, CertificateSigningRequestDer, PrivateKeyDer};
use uuid::Uuid;

use super::{Identity, Issued, PendingKey};
use crate::address::ServerAddress;

/// An authority.
pub(crate) struct Fleet {
    pub(crate) id: FleetId,
    only_agent: AgentId,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Fleet {
    pub(crate) fn new() -> Self {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap();
        Self {
            id: FleetId::from_uuid(Uuid::new_v4()),
            only_agent: AgentId::from_uuid(Uuid::now_v7()),
            authority,
        }
    }

    pub(crate) fn authority(&self) -> &CertificateDer<'static> {
        self.authority.der()
    }

    pub(crate) fn new_agent(&self) -> AgentId {
        AgentId::from_uuid(Uuid::now_v7())
    }

    /// An enrolled agent in this folder, whose sessions are held there.
    pub(crate) fn enroll(&self, folder: &Path, address: &ServerAddress) -> Identity {
        let pending = PendingKey::ensure(folder).unwrap();
        let issued = self.issue(&pending.request().unwrap(), self.only_agent);
        pending.install(folder, &issued, Some(std::slice::from_ref(address))).unwrap()
    }

    /// Whose certificate is renewed.
    pub(crate) fn renewed(&self) -> AgentId {
        self.only_agent
    }

    pub(crate) fn issue(&self, request: &[u8], agent_id: AgentId) -> Issued {
        let request = CertificateSigningRequestDer::from(request.to_vec());
        let mut request = CertificateSigningRequestParams::from_der(&request).unwrap();
        let uri = format!("spiffe://{}/agent/{agent_id}", self.id);
        request.params.subject_alt_names = vec![SanType::URI(uri.try_into().unwrap())];
        request.params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = request.signed_by(&self.authority).unwrap().der().clone();
        Issued { certificate, authority: self.authority().clone() }
    }

    /// A server's certificate chain and key.
    pub(crate) fn server(&self, name: &str) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let key = KeyPair::generate().unwrap();
        let parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = parameters.signed_by(&key, &self.authority).unwrap().der().clone();
        (vec![certificate, self.authority().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
    }
}

/// Of a certificate request.
pub(crate) fn public_key(request: &[u8]) -> Vec<u8> {
    use rcgen::PublicKeyData as _;
    let request = CertificateSigningRequestDer::from(request.to_vec());
    CertificateSigningRequestParams::from_der(&request).unwrap().public_key.der_bytes().to_vec()
}
