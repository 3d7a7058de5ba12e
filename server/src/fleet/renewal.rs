//! When an agent is told to renew its certificate.
//!
//! Decides in plain functions; `now` is a parameter.

use std::time::{Duration, SystemTime};

use crate::identity::PeerIdentity;

/// Renewals of a fleet that was enrolled in one minute shall not come in one minute.
const SPREAD: Duration = Duration::from_secs(60 * 60);
/// An agent that did not renew is told again after this time, or sooner where little is left.
const REMINDER: Duration = Duration::from_secs(24 * 60 * 60);
const SOONEST_REMINDER: Duration = Duration::from_secs(10 * 60);

/// The renewals of one session, which may outlive many certificates.
#[derive(Clone, Copy, Debug)]
pub(super) struct Renewals {
    due_at: SystemTime,
    /// When the certificate ends that the agent has, for all that this session knows.
    ends_at: SystemTime,
    /// When the newest one ends that was ever signed for it. Not the same: an answer can be lost.
    noted_end: SystemTime,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing is due before then.
    Look(Duration),
    /// Tell the agent to renew within a random share of `spread`, and look again.
    Remind { spread: Duration, look_again: Duration },
}

impl Renewals {
    /// Of a session that begins, with when the newest certificate ends that was signed for its agent.
    pub(super) fn new(peer: &PeerIdentity, noted_end: SystemTime) -> Self {
        Self { due_at: peer.due_at(), ends_at: peer.not_after, noted_end }
    }

    /// Looks at the present state; a certificate that was signed since the last look counts as the agent's. `life` is that
    /// of a new certificate.
    pub(super) fn look(&mut self, noted_end: SystemTime, life: Duration, now: SystemTime) -> Next {
        if self.noted_end != noted_end {
            // As of the first: after two thirds of its life.
            *self = Self { due_at: noted_end - life / 3, ends_at: noted_end, noted_end };
        }
        match self.due_at.duration_since(now) {
            Ok(wait) if !wait.is_zero() => Next::Look(wait),
            Ok(_) | Err(_) => {
                let half = self.ends_at.duration_since(now).unwrap_or_default() / 2;
                Next::Remind { spread: half.min(SPREAD), look_again: half.clamp(SOONEST_REMINDER, REMINDER) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use landmark_proto::ids::{AgentId, FleetId};
    use landmark_proto::pin::SpkiPin;
    use uuid::Uuid;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const HOUR: Duration = Duration::from_secs(60 * 60);
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn start() -> SystemTime {
        SystemTime::UNIX_EPOCH + DAY * 20_000
    }

    /// Whose certificate was signed at the start, for so long.
    fn peer(life: Duration) -> PeerIdentity {
        PeerIdentity {
            agent_id: AgentId::from_uuid(Uuid::nil()),
            fleet_id: FleetId::from_uuid(Uuid::nil()),
            pin: SpkiPin::of(b""),
            not_before: start() - HOUR,
            not_after: start() + life,
        }
    }

    #[test]
    fn a_session_that_outlives_its_certificates_is_reminded_of_each() {
        let life = DAY * 30;
        let mut renewals = Renewals::new(&peer(life), start() + life);
        let mut noted_end = start() + life;
        for round in 0..5 {
            let issued_at = start() + DAY * 20 * round;
            let looked = renewals.look(noted_end, life, issued_at);
            assert_eq!(looked, Next::Look(DAY * 20), "round {round}");
            let due_at = issued_at + DAY * 20;
            let reminded = renewals.look(noted_end, life, due_at);
            assert_eq!(reminded, Next::Remind { spread: HOUR, look_again: DAY }, "round {round}");
            noted_end = due_at + life;
        }
    }

    #[test]
    fn an_agent_that_lost_its_new_certificate_is_reminded_of_the_old_one() {
        let life = DAY * 30;
        // Signed for it yesterday, in another session, and never received.
        let noted_end = start() + DAY * 21 + life;
        let mut renewals = Renewals::new(&peer(life), noted_end);
        let reminded = renewals.look(noted_end, life, start() + DAY * 22);
        assert!(matches!(reminded, Next::Remind { .. }), "{reminded:?}");
    }

    #[test]
    fn a_short_life_leaves_time_for_more_than_one_attempt() {
        let mut renewals = Renewals::new(&peer(HOUR), start() + HOUR);
        let mut now = start();
        let mut n_reminders = 0;
        while now < start() + HOUR {
            now += match renewals.look(start() + HOUR, HOUR, now) {
                Next::Look(wait) => wait,
                Next::Remind { spread, look_again } => {
                    assert!(now + spread < start() + HOUR && spread <= look_again);
                    n_reminders += 1;
                    look_again
                }
            };
        }
        assert_eq!(n_reminders, 2);
        let expired = renewals.look(start() + HOUR, HOUR, start() + HOUR * 2);
        assert_eq!(expired, Next::Remind { spread: Duration::ZERO, look_again: MINUTE * 10 });
    }

    #[test]
    fn a_certificate_of_a_shorter_life_is_a_new_one_too() {
        let mut renewals = Renewals::new(&peer(DAY * 365), start() + DAY * 365);
        let now = start() + DAY * 300;
        assert!(matches!(renewals.look(start() + DAY * 365, DAY * 30, now), Next::Remind { .. }));
        assert_eq!(renewals.look(now + DAY * 30, DAY * 30, now), Next::Look(DAY * 20));
    }
}
