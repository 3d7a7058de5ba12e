//! Someone else changed the draft first: both versions side by side.

use super::Drafted;
use crate::console::format::Moment;
use crate::console::visit::Visit;

/// What a page says about it.
pub(super) struct Conflict {
    /// Who changed it, and when.
    pub(super) changed: Option<(String, Moment)>,
    /// What was not done because of it.
    pub(super) undone: String,
    /// Both versions, where something was typed.
    pub(super) rows: Vec<Versus>,
    /// Where the saved version is seen.
    pub(super) theirs: String,
    /// Of the form whose text the link to it forgets.
    pub(super) keep: &'static str,
}

/// One thing in both versions.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Versus {
    pub(super) what: &'static str,
    /// `None`: it is not there.
    pub(super) theirs: Option<String>,
    pub(super) yours: String,
}

/// What a form says, for people, each with what it is called.
pub(super) type Told = Vec<(&'static str, String)>;

impl Versus {
    pub(super) fn differs(&self) -> bool {
        self.theirs.as_ref() != Some(&self.yours)
    }

    /// Of the same things in the same order.
    pub(super) fn rows(theirs: Option<Told>, yours: Told) -> Vec<Self> {
        let mut theirs = theirs.map(IntoIterator::into_iter);
        let row = |(what, yours)| {
            let theirs = theirs.as_mut().and_then(Iterator::next).map(|(_, text)| text);
            Self { what, theirs, yours }
        };
        yours.into_iter().map(row).collect()
    }
}

impl Conflict {
    /// Without anything typed: only that nothing was done.
    pub(super) fn about(present: &Drafted, visit: &Visit, undone: impl Into<String>) -> Self {
        let changed = present.changed.clone().map(|(by, at)| (by, Moment::new(at, visit.now)));
        Self { changed, undone: undone.into(), rows: Vec::new(), theirs: String::new(), keep: "" }
    }

    /// With both versions of what the form `keep` says.
    pub(super) fn with(self, rows: Vec<Versus>, theirs: impl Into<String>, keep: &'static str) -> Self {
        Self { rows, theirs: theirs.into(), keep, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_differs_and_what_is_alike_does_not() {
        let text = |a: &str, b: &str| vec![("Name", a.to_owned()), ("Level", b.to_owned())];
        let rows = Versus::rows(Some(text("Road", "low")), text("Road", "high"));
        assert_eq!(rows.iter().map(Versus::differs).collect::<Vec<_>>(), [false, true]);
        let rows = Versus::rows(None, text("Road", "high"));
        assert!(rows.iter().all(|row| row.theirs.is_none() && row.differs()));
    }
}
