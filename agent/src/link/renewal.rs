//! Asks for another certificate. It is used from the next dial on; until then the present one goes on.

use std::path::PathBuf;
use std::time::Duration;

use landmark_proto::wire::RenewCertificateRequest;
use landmark_proto::wire::fleet_client::FleetClient;
use rustls::pki_types::CertificateDer;
use thiserror::Error;
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::{sleep, timeout};

use super::channel::{Channel, end_of};
use super::retry::End;
use crate::identity::{Identity, IdentityError, Issued, PendingKey};

/// Of one call. Signing takes the server a millisecond.
const LIMIT: Duration = Duration::from_secs(30);

/// No new certificate came about; the server will ask for it again.
#[derive(Debug, Error)]
pub enum RenewalError {
    /// The key or the certificate.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// This agent has no identity (any more).
    #[error("there is no identity to renew")]
    NotEnrolled,
    /// The server.
    #[error("{0}")]
    Refused(End),
    /// The server, by saying nothing.
    #[error("no answer within {} s", LIMIT.as_secs())]
    Silent,
    /// Reading or writing panicked.
    #[error("storing the certificate failed")]
    Store(#[from] JoinError),
}

/// Waits, then renews the certificate in this state folder.
///
/// # Errors
/// The certificate is the old one, and still good.
pub async fn renew(
    mut client: FleetClient<Channel>,
    folder: PathBuf,
    after: Duration,
) -> Result<(), RenewalError> {
    sleep(after).await;
    let state = folder.clone();
    let (identity, pending) = spawn_blocking(move || {
        let identity = Identity::load(&state)?.ok_or(RenewalError::NotEnrolled)?;
        Ok::<_, RenewalError>((identity, PendingKey::ensure(&state)?))
    })
    .await??;
    let request = RenewCertificateRequest { certificate_request: pending.request()?.into() };
    let answer = timeout(LIMIT, client.renew_certificate(request)).await.map_err(|_| RenewalError::Silent)?;
    let response = answer.map_err(|status| RenewalError::Refused(end_of(&status)))?.into_inner();
    let certificate = CertificateDer::from(response.certificate.to_vec());
    let issued = Issued { certificate, authority: identity.authority().clone() };
    spawn_blocking(move || pending.install(&folder, &issued, None)).await??;
    Ok(())
}
