//! Who is who in a fleet: its own certificate authority, the server's certificate, the agents' certificates, and the
//! tokens that make a machine an agent.
//!
//! ```text
//! authority.key ─► Authority ─┬─► ServerCertificate ─► TlsSettings ─► edge
//!                             └─► agent certificate  ◄─ CertificateRequest ◄─ enrolment, renewal
//! peer certificate ─► PeerIdentity ─► fleet
//! ```
//!
//! Nothing here knows a listener, a session or a list.

pub mod authority;
pub mod peer;
pub mod request;
pub mod server_certificate;
pub mod tls;
pub mod tokens;

mod authority_files;
mod pem;

#[cfg(test)]
pub(crate) mod testing;

pub use authority::{AGENT_LIFE, Authority, IssuedCertificate};
pub use authority_files::{AuthorityError, KnownFleet};
pub use peer::{InvalidPeer, PeerIdentity};
pub use request::{CertificateRequest, InvalidRequest};
pub use server_certificate::{ServerCertificate, ServerCertificateError, ServerNames};
pub use tls::{TlsError, TlsSettings};
