use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use super::*;

const NAME: &str = "server.example";

struct Fleet(CertifiedIssuer<'static, KeyPair>);

impl Fleet {
    fn new() -> Self {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap())
    }

    fn authority(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    fn pin(&self) -> SpkiPin {
        PeerCertificate::read(&self.authority()).unwrap().pin
    }

    /// The certificate of a server with this name.
    fn server(&self, name: &str) -> CertificateDer<'static> {
        let parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
        parameters.signed_by(&KeyPair::generate().unwrap(), &self.0).unwrap().der().clone()
    }
}

fn verify(
    pinned: &PinnedAuthority,
    server: &CertificateDer<'static>,
    rest: &[CertificateDer<'static>],
) -> Result<ServerCertVerified, Error> {
    let name = ServerName::try_from(NAME).unwrap();
    pinned.verify_server_cert(server, rest, &name, &[], UnixTime::now())
}

#[test]
fn the_pinned_authority_and_what_it_vouches_for_are_believed() {
    let fleet = Fleet::new();
    let pinned = PinnedAuthority::new(fleet.pin());
    assert!(verify(&pinned, &fleet.server(NAME), &[fleet.authority()]).is_ok());
    // Wherever in the chain it stands.
    let chain = [Fleet::new().authority(), fleet.authority()];
    assert!(verify(&pinned, &fleet.server(NAME), &chain).is_ok());
    assert!(!pinned.met_another());
}

#[test]
fn a_certificate_with_another_name_is_refused_though_the_pin_is_right() {
    let fleet = Fleet::new();
    let pinned = PinnedAuthority::new(fleet.pin());
    assert!(verify(&pinned, &fleet.server("agent.example"), &[fleet.authority()]).is_err());
    assert!(!pinned.met_another());
}

#[test]
fn another_authority_is_noticed_and_so_is_none() {
    let (ours, theirs) = (Fleet::new(), Fleet::new());
    for chain in [vec![theirs.authority()], Vec::new(), vec![b"no certificate".to_vec().into()]] {
        let pinned = PinnedAuthority::new(ours.pin());
        assert!(verify(&pinned, &theirs.server(NAME), &chain).is_err());
        assert!(pinned.met_another());
    }
}

#[test]
fn a_pinned_authority_that_did_not_sign_the_servers_certificate_proves_nothing() {
    let (ours, theirs) = (Fleet::new(), Fleet::new());
    let pinned = PinnedAuthority::new(ours.pin());
    assert!(verify(&pinned, &theirs.server(NAME), &[ours.authority()]).is_err());
    assert!(!pinned.met_another(), "it did show it");
}
