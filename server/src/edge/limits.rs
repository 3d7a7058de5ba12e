//! What a peer may cost, for each plane.

use std::time::Duration;

/// Limits of one plane. Every one of them bounds memory, time or both that a peer can take without being wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections of the whole plane.
    pub connections: usize,
    /// Connections from one IPv4 address, or one IPv6 /64.
    pub connections_per_address: usize,
    /// TLS handshakes in flight: the only work that is done for a peer nobody knows.
    pub handshakes: usize,
    /// Of these, from one address: one silent peer shall not delay the others by a handshake's time limit.
    pub handshakes_per_address: usize,
    /// For a whole TLS handshake.
    pub handshake_timeout: Duration,
    /// From the end of the handshake to the first request.
    pub first_request_timeout: Duration,
    /// How long a connection may live at all, from the end of its handshake; `None` where streams stay open for days.
    pub lifetime: Option<Duration>,
    /// Requests at once on one connection.
    pub streams: u32,
    /// How long streams may take to end once a stop was asked for.
    pub drain: Duration,
}

impl Limits {
    /// Agents: 100,000 and some that are just being replaced. A large site stands behind one address; where a balancer
    /// stands in front of the server, all agents do, and the limit by address must be raised. A peer without a
    /// certificate of this fleet does not get past the handshake.
    pub fn agents() -> Self {
        Self {
            connections: 120_000,
            connections_per_address: 20_000,
            handshakes: 256,
            handshakes_per_address: 192,
            handshake_timeout: Duration::from_secs(5),
            first_request_timeout: Duration::from_secs(10),
            lifetime: None,
            // A session, a renewal, a health check, and room for what comes.
            streams: 8,
            drain: Duration::from_secs(5),
        }
    }

    /// Enrolment: anyone may connect, each for one small request.
    pub fn enrollment() -> Self {
        Self {
            connections: 512,
            connections_per_address: 64,
            handshakes: 64,
            handshakes_per_address: 32,
            handshake_timeout: Duration::from_secs(5),
            first_request_timeout: Duration::from_secs(5),
            lifetime: Some(Duration::from_secs(30)),
            streams: 2,
            drain: Duration::from_secs(2),
        }
    }

    /// Administration: a few people and scripts, who watch for hours.
    pub fn administration() -> Self {
        Self {
            connections: 1_024,
            connections_per_address: 256,
            handshakes: 64,
            handshakes_per_address: 32,
            handshake_timeout: Duration::from_secs(5),
            first_request_timeout: Duration::from_secs(10),
            lifetime: None,
            // A browser opens many at once.
            streams: 64,
            drain: Duration::from_secs(2),
        }
    }
}
