//! Why a dial or a session ended, and when the next dial is due. Decided by codes, never by texts; the whole table is
//! here, and so is its test.

use std::fmt;
use std::time::Duration;

use landmark_proto::message::Tuning;

use super::backoff::{Backoff, STEADY_AFTER, Share, floored};

/// Why there is no session (any more).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// No connection came about.
    Unreachable(String),
    /// The TLS handshake failed: not the server of this fleet, or it does not take our certificate.
    Handshake(String),
    /// The server let us connect and ended the stream with a status.
    Status {
        /// The gRPC code.
        code: tonic::Code,
        /// For people.
        message: String,
        /// The server asked for at least this wait.
        push_back: Option<Duration>,
    },
    /// The connection broke or the stream ended, without a reason.
    Closed(String),
    /// The server did not do what the protocol says.
    Protocol(String),
    /// Something of the agent's own was in the way.
    Local(String),
    /// The server is stopping, and said when to come back.
    Drained {
        /// For people.
        reason: String,
        /// Exactly.
        reconnect_after: Duration,
    },
    /// The server removed this agent, and said so in these words.
    Revoked(String),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => write!(f, "cannot connect: {why}"),
            Self::Handshake(why) => write!(f, "the TLS handshake failed: {why}"),
            Self::Status { code, message, .. } if message.is_empty() => {
                write!(f, "refused by the server: {code}")
            }
            Self::Status { message, .. } => write!(f, "refused by the server: {message}"),
            Self::Closed(why) => write!(f, "connection lost: {why}"),
            Self::Protocol(why) => write!(f, "the server broke the protocol: {why}"),
            Self::Local(why) => f.write_str(why),
            Self::Drained { reason, .. } => write!(f, "asked to come back later: {reason}"),
            // What the server says in the name of all agents is no advice for this one.
            Self::Revoked(_) => f.write_str(
                "this agent was removed from its fleet; to make this machine an agent again, stop it and run: \
                 landmark-agent enroll --force JOIN_STRING",
            ),
        }
    }
}

impl End {
    /// Whether no retry will help before an administrator acts: enrol again, or undo the removal.
    pub fn is_hopeless(&self) -> bool {
        self.class() == Class::Denied
    }

    /// Whether a sign that the network is back may cut the wait short. A wait that the server asked for is kept.
    pub fn may_be_hurried(&self) -> bool {
        self.class() == Class::Transient && self.push_back().is_zero()
    }

    fn class(&self) -> Class {
        match self {
            Self::Drained { reconnect_after, .. } => Class::Told(*reconnect_after),
            Self::Revoked(_) => Class::Denied,
            Self::Unreachable(_)
            | Self::Handshake(_)
            | Self::Closed(_)
            | Self::Protocol(_)
            | Self::Local(_) => Class::Transient,
            Self::Status { code, .. } => match code {
                tonic::Code::Unauthenticated | tonic::Code::PermissionDenied => Class::Denied,
                // Everything else is worth a retry: proxies and broken connections show as any of these.
                tonic::Code::Ok
                | tonic::Code::Cancelled
                | tonic::Code::Unknown
                | tonic::Code::InvalidArgument
                | tonic::Code::DeadlineExceeded
                | tonic::Code::NotFound
                | tonic::Code::AlreadyExists
                | tonic::Code::ResourceExhausted
                | tonic::Code::FailedPrecondition
                | tonic::Code::Aborted
                | tonic::Code::OutOfRange
                | tonic::Code::Unimplemented
                | tonic::Code::Internal
                | tonic::Code::Unavailable
                | tonic::Code::DataLoss => Class::Transient,
            },
        }
    }

    fn push_back(&self) -> Duration {
        match self {
            Self::Status { push_back, .. } => push_back.unwrap_or_default(),
            Self::Unreachable(_)
            | Self::Handshake(_)
            | Self::Closed(_)
            | Self::Protocol(_)
            | Self::Local(_)
            | Self::Drained { .. }
            | Self::Revoked(_) => Duration::ZERO,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// Back off.
    Transient,
    /// Back off as far as it goes: only an administrator can change it.
    Denied,
    /// The server said when.
    Told(Duration),
}

/// The wait before the next dial.
///
/// `lived` is how long the session stood since its welcome; `None` if it never did.
pub fn wait_after(
    end: &End,
    lived: Option<Duration>,
    backoff: &mut Backoff,
    tuning: &Tuning,
    share: Share,
) -> Duration {
    let was_steady = lived.is_some_and(|lived| lived >= STEADY_AFTER);
    if was_steady {
        backoff.reset();
    }
    match end.class() {
        Class::Told(reconnect_after) => {
            backoff.reset();
            floored(reconnect_after)
        }
        // The upper half of the cap: far apart, and not in step.
        Class::Denied => tuning.max_backoff / 2 + share.of(tuning.max_backoff / 2),
        // A server that goes away takes its whole fleet with it: everyone comes back at another time.
        Class::Transient if was_steady => floored(share.of(tuning.reconnect_spread)).max(end.push_back()),
        Class::Transient => {
            let spread = if lived.is_some() { share.of(tuning.reconnect_spread) } else { Duration::ZERO };
            backoff.next(tuning.max_backoff, share).max(spread).max(end.push_back())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn tuning() -> Tuning {
        Tuning { reconnect_spread: 20 * SECOND, max_backoff: 300 * SECOND, ..Tuning::default() }
    }

    fn status(code: tonic::Code, push_back: Option<Duration>) -> End {
        End::Status { code, message: String::new(), push_back }
    }

    fn fail(backoff: &mut Backoff, n_times: u32) {
        for _ in 0..n_times {
            backoff.next(SECOND, Share::new(0.0));
        }
    }

    #[test]
    fn the_whole_table_of_retries() {
        let drained = End::Drained { reason: String::new(), reconnect_after: 7 * SECOND };
        let closed = || End::Closed(String::new());
        let push_back = Some(9 * SECOND);
        let half = Duration::from_millis(500);
        // (why, how long the session lived, failures before) → wait with a share of one half
        let table = [
            (End::Unreachable(String::new()), None, 0, half),
            (End::Handshake(String::new()), None, 0, half),
            (End::Protocol(String::new()), None, 0, half),
            (End::Local(String::new()), None, 0, half),
            (closed(), None, 0, half),
            (closed(), None, 40, 150 * SECOND),
            (closed(), Some(SECOND), 0, 10 * SECOND),
            (closed(), Some(SECOND), 40, 150 * SECOND),
            (closed(), Some(60 * SECOND), 40, 10 * SECOND),
            (status(tonic::Code::Unavailable, None), None, 0, half),
            (status(tonic::Code::Unavailable, push_back), None, 0, 9 * SECOND),
            (status(tonic::Code::Unknown, None), None, 0, half),
            (status(tonic::Code::Internal, None), None, 0, half),
            (status(tonic::Code::Aborted, None), Some(SECOND), 0, 10 * SECOND),
            (status(tonic::Code::Unauthenticated, None), None, 0, 225 * SECOND),
            (status(tonic::Code::PermissionDenied, None), Some(600 * SECOND), 0, 225 * SECOND),
            (End::Revoked(String::new()), Some(600 * SECOND), 0, 225 * SECOND),
            (drained.clone(), Some(SECOND), 40, 7 * SECOND),
            (drained, None, 0, 7 * SECOND),
        ];
        for (end, lived, n_failures, expected) in table {
            let mut backoff = Backoff::default();
            fail(&mut backoff, n_failures);
            let wait = wait_after(&end, lived, &mut backoff, &tuning(), Share::new(0.5));
            assert_eq!(wait, expected, "{end:?} {lived:?} {n_failures}");
        }
    }

    #[test]
    fn only_a_steady_session_forgives_earlier_failures() {
        for (lived, expected) in [(59, 7), (60, 0)] {
            let mut backoff = Backoff::default();
            fail(&mut backoff, 6);
            let lived = Some(Duration::from_secs(lived));
            wait_after(&End::Closed(String::new()), lived, &mut backoff, &tuning(), Share::new(0.5));
            assert_eq!(backoff.n_failures(), expected);
        }
    }

    #[test]
    fn what_the_server_asked_for_is_not_cut_short() {
        assert!(End::Unreachable(String::new()).may_be_hurried());
        assert!(status(tonic::Code::Unavailable, None).may_be_hurried());
        assert!(!status(tonic::Code::Unavailable, Some(SECOND)).may_be_hurried());
        assert!(!End::Drained { reason: String::new(), reconnect_after: SECOND }.may_be_hurried());
        assert!(!End::Revoked(String::new()).may_be_hurried());
    }

    #[test]
    fn only_what_an_administrator_must_mend_is_hopeless() {
        assert!(End::Revoked(String::new()).is_hopeless());
        assert!(status(tonic::Code::PermissionDenied, None).is_hopeless());
        assert!(!status(tonic::Code::Unavailable, None).is_hopeless());
        assert!(!End::Handshake(String::new()).is_hopeless());
    }
}
