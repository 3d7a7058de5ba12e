//! Peers that are recognised by a key: their own, whoever signed their certificate, or that of the authority which did.
//! No sockets here.

mod authority;
mod certificate;
mod pinned;

pub use self::authority::PinnedAuthority;
pub use self::certificate::{InvalidCertificate, PeerCertificate};
pub use self::pinned::PinnedPeer;
