//! What became of one try of one port of one reference server.

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use crate::host::Host;
use crate::network::Interface;
use crate::pin::SpkiPin;
use crate::port::Port;

/// One try of one port of one reference server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Place of the server in the list, from 0.
    pub position: usize,
    /// As on the list.
    pub host: Host,
    /// As on the list.
    pub port: Port,
    /// The address that answered or was tried last.
    pub address: Option<IpAddr>,
    /// The local address the kernel chose.
    pub local_address: Option<IpAddr>,
    /// After the evaluation's start.
    pub started_after: Duration,
    /// From its start to its outcome.
    pub took: Duration,
    /// How it ended.
    pub outcome: Outcome,
    /// The operating system's error number.
    pub os_error: Option<i32>,
    /// How many addresses the name resolved to; 0 for hosts given as addresses.
    pub n_addresses: usize,
    /// The way out, of an attempt that was answered, where it could be told.
    pub interface: Option<Interface>,
    /// What a TLS peer showed.
    pub certificate: Option<PeerCertificate>,
    /// The alert or what else ended a handshake; at most [`Attempt::MAX_TLS_ERROR`] characters.
    pub tls_error: Option<String>,
}

impl Attempt {
    /// Characters of the reason why a handshake failed, at most.
    pub const MAX_TLS_ERROR: usize = 200;
}

/// What a TLS peer showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerCertificate {
    /// Of its key.
    pub pin: SpkiPin,
    /// Until when it is valid, where that is a date. It decides nothing: a key is pinned, not a certificate.
    pub not_after: Option<SystemTime>,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// A connection was established (and closed without a byte), or a handshake with a pinned key.
    Answered,
    /// Actively refused.
    Refused,
    /// Nothing came back in time.
    Timeout,
    /// No route, or the network said so.
    Unreachable,
    /// The name does not exist, or has no address.
    NameNotFound,
    /// No answer from a resolver.
    ResolverFailed,
    /// Not needed any more: an earlier entry had answered, or the link came back.
    NotNeeded,
    /// The agent itself could not try (no descriptor, no permission, an address that is never tried).
    LocalError,
    /// A TLS server that showed another key than the pinned ones: possibly a spoof.
    PinMismatch,
    /// Connected, but no handshake came about.
    TlsFailed,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::Timeout => "no answer in time",
            Self::Unreachable => "unreachable",
            Self::NameNotFound => "name not found",
            Self::ResolverFailed => "resolver failed",
            Self::NotNeeded => "not needed",
            Self::LocalError => "could not be tried",
            Self::PinMismatch => "wrong key (a spoof?)",
            Self::TlsFailed => "TLS failed",
        })
    }
}
