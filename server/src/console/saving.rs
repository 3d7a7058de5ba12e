//! Saving an edit to the draft, and what is shown when someone else was faster: what is saved now, what was typed, and the
//! choice between the two.

use landmark_proto::wire;
use landmark_proto::wire::edit::Kind;

use super::fields::Fields;
use super::format::{Moment, encoded};
use super::problem::Problem;
use super::visit::Visit;
use super::{Console, gate, wired};
use crate::admin::AdminError;

/// The field of a form that says which state of the draft it was made from.
const ETAG: &str = "etag";

/// One value in both versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) what: String,
    pub(super) saved: String,
    pub(super) typed: String,
}

impl Version {
    pub(super) fn new(what: impl Into<String>, saved: impl Into<String>, typed: impl Into<String>) -> Self {
        Self { what: what.into(), saved: saved.into(), typed: typed.into() }
    }
}

/// An edit of a draft that someone else changed in between.
#[derive(Clone, Debug)]
pub(super) struct Conflict {
    /// Who was faster.
    pub(super) by: String,
    pub(super) at: Option<Moment>,
    pub(super) versions: Vec<Version>,
    /// The same form again, for the draft as it is now.
    pub(super) action: String,
    pub(super) fields: Vec<(String, String)>,
    pub(super) etag: String,
    /// Where theirs is.
    pub(super) theirs: String,
}

impl Conflict {
    /// Of the form that came second.
    pub(super) fn new(visit: &Visit, fields: &Fields, present: &wire::Draft, theirs: String) -> Self {
        let sent = fields.pairs().filter(|(name, _)| ![ETAG, gate::PROOF].contains(name));
        Self {
            by: present.changed_by.clone(),
            at: wired::time_if_any(present.changed_at).map(|at| Moment::new(at, visit.now)),
            versions: Vec::new(),
            action: visit.path.clone(),
            fields: sent.map(|(name, text)| (name.to_owned(), text.to_owned())).collect(),
            etag: present.etag.clone(),
            theirs,
        }
    }
}

/// What a saved edit made of the draft.
#[derive(Clone, Debug)]
pub(super) struct Saved {
    /// False: the draft was so already.
    pub(super) is_new: bool,
}

impl Saved {
    /// What the next page says.
    pub(super) fn words(&self, text: impl Into<String>) -> String {
        if self.is_new {
            format!("Saved to the draft: {}", text.into())
        } else {
            "Nothing to save: the draft has it so already.".to_owned()
        }
    }
}

impl Console {
    /// The draft as it is.
    pub(super) async fn draft(&self) -> Result<wire::Draft, Problem> {
        Ok(self.admin().drafts.get().await?)
    }

    /// Saves one edit of the draft that the form was made from.
    pub(super) async fn save(&self, visit: &Visit, fields: &Fields, kind: Kind) -> Result<Saved, AdminError> {
        let etag = fields.text(ETAG).to_owned();
        let before = if etag.is_empty() { self.admin().drafts.get().await?.etag } else { etag };
        let edits = vec![wire::Edit { kind: Some(kind) }];
        let request = wire::EditDraftRequest { etag: before.clone(), edits };
        let draft = self.admin().drafts.edit(request, visit.author()).await?;
        Ok(Saved { is_new: draft.etag != before })
    }
}

/// Where the focus goes after a row was moved, as part of a query: to what was pressed, as far as that is still there.
pub(super) fn focus_after_move(fields: &Fields, row: &str) -> String {
    let pressed = fields.text("focus");
    let is_button = |prefix: &str| pressed.strip_prefix(prefix) == Some(row);
    encoded(if is_button("up-") || is_button("down-") { pressed } else { row })
}
