//! The location that stands, and what it takes to change it: the memory that hysteresis needs.
//!
//! Pure. It knows nothing of how a finding came about.

use std::time::Duration;

use landmark_proto::hysteresis::{Standing, confirmations, contradicts, tempered};
use landmark_proto::location::Verdict;
use landmark_proto::location_rules::Hysteresis;
use landmark_proto::revision::Held;

use crate::location::clock::Moment;

/// Between two findings of which one shall confirm the other: an interface that comes up, a lease or a flapping radio
/// settles within it.
const CONFIRM_AFTER: Duration = Duration::from_secs(1);

/// What was decided last, under which assignment.
#[derive(Debug, Default)]
pub(super) struct Ground {
    stood: Option<Stood>,
    /// When another finding may change what stands.
    confirm_at: Option<Moment>,
}

#[derive(Debug)]
struct Stood {
    under: Option<Held>,
    verdict: Verdict,
    changed_at: Moment,
    n_contradictions: u32,
}

impl Ground {
    /// What a finding under this assignment has behind it; `None` where it stands at once.
    pub(super) fn standing(
        &self,
        now: Moment,
        rules: Hysteresis,
        under: Option<Held>,
        finding: &Verdict,
    ) -> Option<Standing> {
        if rules == Hysteresis::default() {
            return None;
        }
        let stood = self.stood.as_ref().filter(|stood| stood.under == under)?;
        let n_contradictions = match contradicts(&stood.verdict, finding) {
            true => stood.n_contradictions.saturating_add(1),
            false => 0,
        };
        let dwelt = now.since(stood.changed_at);
        Some(Standing { verdict: stood.verdict.clone(), n_contradictions, dwelt })
    }

    /// Takes a finding and what it had behind it. Returns the verdict that follows.
    pub(super) fn take(
        &mut self,
        now: Moment,
        rules: Hysteresis,
        under: Option<Held>,
        (standing, finding): (Option<&Standing>, &Verdict),
    ) -> Verdict {
        let verdict = tempered(rules, standing, finding.clone());
        let same = |stood: &&Stood| stood.under == under && stood.verdict.location == verdict.location;
        let changed_at = self.stood.as_ref().filter(same).map_or(now, |stood| stood.changed_at);
        let is_held_back = contradicts(&verdict, finding);
        let n_contradictions = standing.filter(|_| is_held_back).map_or(0, |it| it.n_contradictions);
        self.confirm_at =
            is_held_back.then(|| confirm_at(now, rules, finding, (n_contradictions, changed_at)));
        self.stood = Some(Stood { under, verdict: verdict.clone(), changed_at, n_contradictions });
        verdict
    }

    /// Why it is so changed, while the location stays.
    pub(super) fn settle(&mut self, verdict: &Verdict) {
        if let Some(stood) = &mut self.stood {
            stood.verdict.clone_from(verdict);
        }
    }

    /// The machine slept: it may be anywhere, and what is found next stands at once.
    pub(super) fn forget(&mut self) {
        self.stood = None;
        self.confirm_at = None;
    }

    /// When to look again, because a finding is held back.
    pub(super) fn confirm_at(&self) -> Option<Moment> {
        self.confirm_at
    }
}

fn confirm_at(
    now: Moment,
    rules: Hysteresis,
    finding: &Verdict,
    (n_contradictions, changed_at): (u32, Moment),
) -> Moment {
    if n_contradictions < confirmations(rules, finding) {
        now + CONFIRM_AFTER
    } else {
        changed_at + rules.minimum_dwell.get()
    }
}
