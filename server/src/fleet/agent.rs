//! What is known of an agent, and how it stands to the present assignment.
//!
//! Decides in plain functions; must not know the store, sessions or a clock.

use std::net::IpAddr;
use std::time::SystemTime;

use landmark_proto::ids::{AgentId, BootId, Epoch};
use landmark_proto::location::{Location, LocationReport};
use landmark_proto::message::{AssignmentOutcome, AssignmentResult, EnforcementStatus, HostFacts, Rejection};
use landmark_proto::pin::SpkiPin;
use landmark_proto::revision::Held;

/// An enrolled agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// Its name for ever.
    pub agent_id: AgentId,
    /// When it was enrolled.
    pub enrolled_at: SystemTime,
    /// Of the key in its certificate.
    pub key_pin: SpkiPin,
    /// When its newest certificate ends.
    pub certificate_expires_at: SystemTime,
    /// About its machine, as it says.
    pub facts: HostFacts,
    /// Whether a session is open.
    pub online: bool,
    /// When the last session began (online) or ended (offline); `None` when there never was one.
    pub connection_since: Option<SystemTime>,
    /// Of its last session.
    pub epoch: Epoch,
    /// The boots of its last sessions.
    pub boots: Boots,
    /// Where its last session came from.
    pub peer_address: Option<IpAddr>,
    /// What is on its disk.
    pub held: Option<Held>,
    /// The last push that it refused; `None` once it applied a later one.
    pub refused: Option<Refused>,
    /// Whether its policy is in force.
    pub enforcement: Option<EnforcementStatus>,
    /// Where it is.
    pub location: Option<Reported>,
    /// Records that it had to drop before we took them.
    pub n_history_lost: u64,
}

/// A push that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What was offered.
    pub offered: Held,
    /// Why it was refused.
    pub rejection: Rejection,
}

/// A record, and when we stored it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// As the agent recorded it.
    pub report: LocationReport,
    /// By our wall clock.
    pub received_at: SystemTime,
}

/// How an agent stands to the present assignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AssignmentState {
    /// Holds it.
    Current,
    /// Holds an older one, or none.
    Behind,
    /// Refused it.
    Rejected,
    /// There is no assignment.
    None,
}

impl Agent {
    /// A new agent, which has never been connected.
    pub fn enrolled(
        agent_id: AgentId,
        key_pin: SpkiPin,
        facts: HostFacts,
        enrolled_at: SystemTime,
        certificate_expires_at: SystemTime,
    ) -> Self {
        Self {
            agent_id,
            enrolled_at,
            key_pin,
            certificate_expires_at,
            facts,
            online: false,
            connection_since: None,
            epoch: Epoch::default(),
            boots: Boots::default(),
            peer_address: None,
            held: None,
            refused: None,
            enforcement: None,
            location: None,
            n_history_lost: 0,
        }
    }

    /// How it stands to the present assignment.
    pub fn assignment_state(&self, present: Option<Held>) -> AssignmentState {
        match present {
            None => AssignmentState::None,
            Some(present) if self.held == Some(present) => AssignmentState::Current,
            Some(present) if self.refused.as_ref().is_some_and(|refused| refused.offered == present) => {
                AssignmentState::Rejected
            }
            Some(_) => AssignmentState::Behind,
        }
    }

    /// Where it said it is last; one that never did is in an unknown place.
    pub fn present_location(&self) -> Location {
        self.location.as_ref().map_or(Location::Unknown, |reported| reported.report.verdict.location)
    }

    /// Takes an answer over; returns whether it says anything new.
    pub(super) fn answer(&mut self, result: &AssignmentResult) -> bool {
        let (held, refused) = match &result.outcome {
            AssignmentOutcome::Applying => return false,
            AssignmentOutcome::Applied => (Some(result.offered), None),
            AssignmentOutcome::Rejected(rejection) => (
                rejection.still_held,
                Some(Refused { offered: result.offered, rejection: rejection.clone() }),
            ),
        };
        let is_news = self.held != held || self.refused != refused;
        (self.held, self.refused) = (held, refused);
        is_news
    }

    /// Takes over that an agent holds now what it had refused. Returns whether that is news; what is held never falls.
    pub(super) fn caught_up(&mut self, offered: Held) -> bool {
        let is_news = self.held.is_none_or(|held| held.revision < offered.revision);
        if is_news {
            self.held = Some(offered);
            self.refused.take_if(|refused| refused.offered.revision <= offered.revision);
        }
        is_news
    }
}

/// The boots in which an agent was seen, newest first.
///
/// A machine never returns to an earlier boot. Two machines with one identity, such as a cloned disk image, do all the
/// time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Boots {
    newest_first: Vec<BootId>,
    cloned: bool,
}

impl Boots {
    /// How many are remembered: enough for a few machines that take turns.
    pub const KEPT: usize = 4;

    /// As stored.
    pub fn restored(mut newest_first: Vec<BootId>, cloned: bool) -> Self {
        newest_first.truncate(Self::KEPT);
        Self { newest_first, cloned }
    }

    /// Notes the boot of a new session.
    pub(super) fn note(&mut self, boot_id: BootId) {
        match self.newest_first.iter().position(|known| *known == boot_id) {
            Some(0) => {}
            Some(earlier) => {
                self.cloned = true;
                self.newest_first.remove(earlier);
                self.newest_first.insert(0, boot_id);
            }
            None => {
                self.newest_first.insert(0, boot_id);
                self.newest_first.truncate(Self::KEPT);
            }
        }
    }

    /// Whether two machines share this identity. Stays so until one of them is enrolled anew and the other removed.
    pub fn is_cloned(&self) -> bool {
        self.cloned
    }

    /// Newest first.
    pub fn as_slice(&self) -> &[BootId] {
        &self.newest_first
    }
}

#[cfg(test)]
mod tests {
    use landmark_proto::ids::PushId;
    use landmark_proto::message::RejectionCode;
    use landmark_proto::revision::{Digest, Revision};
    use uuid::Uuid;

    use super::*;

    fn held(number: u64) -> Held {
        Held { revision: Revision::new(number).unwrap(), digest: Digest::of(&number.to_be_bytes()) }
    }

    fn agent() -> Agent {
        let agent_id = AgentId::from_uuid(Uuid::from_u128(1));
        let epoch = SystemTime::UNIX_EPOCH;
        Agent::enrolled(agent_id, SpkiPin::of(b"key"), HostFacts::default(), epoch, epoch)
    }

    fn answer(number: u64, outcome: AssignmentOutcome) -> AssignmentResult {
        AssignmentResult { push_id: PushId::new(1), offered: held(number), outcome }
    }

    fn rejected(still_held: Option<Held>) -> AssignmentOutcome {
        AssignmentOutcome::Rejected(Rejection { code: RejectionCode::Invalid, violations: None, still_held })
    }

    #[test]
    fn an_agent_that_had_no_space_catches_up() {
        let mut agent = agent();
        agent.answer(&answer(1, AssignmentOutcome::Applied));
        agent.answer(&answer(2, rejected(Some(held(1)))));
        assert!(agent.caught_up(held(2)));
        assert_eq!(agent.assignment_state(Some(held(2))), AssignmentState::Current);
        assert!(!agent.caught_up(held(1)));
        assert_eq!(agent.held, Some(held(2)));
    }

    #[test]
    fn an_answer_says_how_the_agent_stands() {
        let mut agent = agent();
        assert_eq!(agent.assignment_state(None), AssignmentState::None);
        assert_eq!(agent.assignment_state(Some(held(1))), AssignmentState::Behind);
        assert!(!agent.answer(&answer(1, AssignmentOutcome::Applying)));
        assert!(agent.answer(&answer(1, AssignmentOutcome::Applied)));
        assert_eq!(agent.assignment_state(Some(held(1))), AssignmentState::Current);
        assert!(agent.answer(&answer(2, rejected(Some(held(1))))));
        assert!(!agent.answer(&answer(2, rejected(Some(held(1))))));
        assert_eq!(agent.assignment_state(Some(held(2))), AssignmentState::Rejected);
        assert_eq!(agent.assignment_state(Some(held(3))), AssignmentState::Behind);
        assert_eq!(agent.held, Some(held(1)));
        assert!(agent.answer(&answer(3, AssignmentOutcome::Applied)));
        assert_eq!(agent.refused, None);
    }

    #[test]
    fn the_same_revision_with_other_content_is_not_current() {
        let mut agent = agent();
        agent.held = Some(Held { digest: Digest::of(b"other"), ..held(1) });
        assert_eq!(agent.assignment_state(Some(held(1))), AssignmentState::Behind);
    }

    #[test]
    fn reboots_are_no_clones_and_a_returning_boot_is() {
        let boot = |number| BootId::from_uuid(Uuid::from_u128(number));
        let mut boots = Boots::default();
        for number in [1, 1, 2, 3, 3, 4, 5, 6] {
            boots.note(boot(number));
            assert!(!boots.is_cloned());
        }
        assert_eq!(boots.as_slice().len(), Boots::KEPT);
        boots.note(boot(5));
        assert!(boots.is_cloned());
        assert_eq!(boots.as_slice().first(), Some(&boot(5)));
        boots.note(boot(7));
        assert!(boots.is_cloned(), "it does not go away by itself");
    }
}
