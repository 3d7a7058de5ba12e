//! Peers that are recognised by their key, whoever signed their certificate. No sockets here.

mod certificate;
mod pinned;

pub use self::certificate::{InvalidCertificate, PeerCertificate};
pub use self::pinned::PinnedPeer;
