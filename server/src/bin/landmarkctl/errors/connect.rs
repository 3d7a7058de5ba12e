//! Words for: the server cannot be reached, or is not the one that was meant.

use std::io;

use landmark_daemon::error::Chain;
use rustls::{CertificateError, Error as TlsError};

use super::{Exit, Failure};
use crate::client::{ConnectError, Step};
use crate::context::{Authority, Origin, Target};

pub(super) const PORTS: &str =
    "administration listens on port 7445; agents use 7443, enrolment 7444, health and metrics 7446";

/// Says how far dialling came, and what to check there.
pub(crate) fn connect(error: &ConnectError, target: &Target) -> Failure {
    let ConnectError { address, step, source } = error;
    match step {
        Step::Resolve => Failure::new(Exit::Unreachable, Chain(error).to_string())
            .hint("check the spelling of the host, and whether this machine has a working resolver"),
        Step::Dial => dial(error, target),
        Step::Secure => match source.get_ref().and_then(|cause| cause.downcast_ref::<TlsError>()) {
            Some(TlsError::InvalidCertificate(certificate)) => wrong_server(error, certificate, target),
            _ => Failure::new(
                Exit::Unreachable,
                format!("{address} does not answer as the administration of a Landmark server"),
            )
            .detail(Chain(error).to_string())
            .hint(PORTS),
        },
        Step::Speak => Failure::new(Exit::Unreachable, Chain(error).to_string()).hint(PORTS),
    }
}

fn dial(error: &ConnectError, target: &Target) -> Failure {
    let ConnectError { address, source, .. } = error;
    let failure = Failure::new(Exit::Unreachable, format!("the server at {address} cannot be reached"))
        .detail(source.to_string());
    let failure = if source.kind() == io::ErrorKind::ConnectionRefused {
        if address.is_loopback() {
            failure
                .hint("nothing listens there: is landmark-server running? (systemctl status landmark-server)")
        } else {
            failure.hint(
                "nothing listens there: is the server running, and does its administration listen on more than \
                 127.0.0.1 (its default)?",
            )
        }
    } else {
        failure.hint("check the address, and whether a firewall lies between")
    };
    match &target.origin {
        Origin::Context(name) => {
            failure.hint(format!("the address comes from context {name:?}: landmarkctl context show {name}"))
        }
        Origin::StateDir(_) => {
            failure.hint("if its administration listens elsewhere: --server HOST:PORT (or LANDMARK_SERVER)")
        }
    }
}

fn wrong_server(error: &ConnectError, certificate: &CertificateError, target: &Target) -> Failure {
    let address = &error.address;
    let authority = match &target.authority {
        Authority::File(path) => format!("the authority in {}", path.display()),
        Authority::Pin(pin) => format!("the authority with the pin {pin}"),
    };
    let failure = |message: String| Failure::new(Exit::Unreachable, message);
    if is_of_another_authority(certificate) {
        return failure(format!(
            "{address} is not a server of your fleet: {authority} did not issue its certificate"
        ))
        .hint(
            "is the address right? Was the server set up anew? Then fetch its present authority.pem (or pin)",
        )
        .hint("the API token was not sent");
    }
    let failure = if is_of_another_time(certificate) {
        failure(format!("the certificate of {address} is not valid at this time"))
            .hint("compare the clocks of this machine and of the server's")
    } else if is_of_another_name(certificate) {
        failure(format!("{address} shows a certificate that is not a Landmark server's"))
    } else {
        failure(format!("the certificate of {address} cannot be verified"))
    };
    failure.detail(Chain(error).to_string())
}

fn is_of_another_authority(error: &CertificateError) -> bool {
    matches!(error, CertificateError::UnknownIssuer | CertificateError::BadSignature)
}

fn is_of_another_time(error: &CertificateError) -> bool {
    matches!(
        error,
        CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. }
    )
}

fn is_of_another_name(error: &CertificateError) -> bool {
    matches!(error, CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::{Contexts, Wanted, resolve};

    fn told(step: Step, source: io::Error, server: &str) -> Failure {
        let wanted =
            Wanted { server: Some(server.parse().unwrap()), ca: Some("ca.pem".into()), ..Wanted::default() };
        let target = resolve(&wanted, &Contexts::default(), || "/state".into()).unwrap();
        connect(&ConnectError { address: target.address.clone(), step, source }, &target)
    }

    #[test]
    fn a_server_that_does_not_run_is_suspected_first() {
        let failure = told(Step::Dial, io::ErrorKind::ConnectionRefused.into(), "127.0.0.1");
        insta::assert_snapshot!(failure, @r"
        landmarkctl: the server at 127.0.0.1:7445 cannot be reached
          connection refused
        hint: nothing listens there: is landmark-server running? (systemctl status landmark-server)
        hint: if its administration listens elsewhere: --server HOST:PORT (or LANDMARK_SERVER)
        ");
    }

    #[test]
    fn another_fleets_server_is_told_apart_from_a_broken_one() {
        let source = io::Error::other(TlsError::InvalidCertificate(CertificateError::UnknownIssuer));
        insta::assert_snapshot!(told(Step::Secure, source, "10.0.0.1"), @r"
        landmarkctl: 10.0.0.1:7445 is not a server of your fleet: the authority in ca.pem did not issue its certificate
        hint: is the address right? Was the server set up anew? Then fetch its present authority.pem (or pin)
        hint: the API token was not sent
        ");
    }

    #[test]
    fn another_port_of_the_server_is_explained() {
        let source = io::Error::from(io::ErrorKind::UnexpectedEof);
        insta::assert_snapshot!(told(Step::Secure, source, "10.0.0.1:7446"), @r"
        landmarkctl: 10.0.0.1:7446 does not answer as the administration of a Landmark server
          cannot agree on TLS with 10.0.0.1:7446: unexpected end of file
        hint: administration listens on port 7445; agents use 7443, enrolment 7444, health and metrics 7446
        ");
    }
}
