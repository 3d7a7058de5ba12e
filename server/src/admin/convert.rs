//! Wire to model and back, for drafts and assignments: what comes in is checked whole, every violation with its path.

mod edits;

use landmark_proto::convert::settings::to_wire;
use landmark_proto::convert::time::timestamp_to_wire;
use landmark_proto::revision::Revision;
use landmark_proto::violation::{Path, Violations};
use landmark_proto::wire;

use crate::settings::lint::Finding;
use crate::settings::{Change, ChangeKind};
use crate::store::assignments::{InvalidNote, Note, Stored, Summary};
use crate::store::drafts::Draft;

pub(super) use self::edits::edits_from_wire;

/// Of an edit that came second: the draft as it is instead.
pub(crate) fn conflict_to_wire(present: Draft) -> wire::DraftConflict {
    wire::DraftConflict { present: Some(draft_to_wire(present)) }
}

pub(super) fn draft_to_wire(draft: Draft) -> wire::Draft {
    let Draft { etag, settings, assigned, differs, changed } = draft;
    wire::Draft {
        etag: etag.as_str().to_owned(),
        settings: Some(to_wire(&settings)),
        assigned_revision: assigned.map_or(0, |held| held.revision.get()),
        differs,
        changed_at: changed.as_ref().map(|changed| timestamp_to_wire(changed.at)),
        changed_by: changed.map(|changed| changed.by.as_str().to_owned()).unwrap_or_default(),
    }
}

pub(super) fn summary_to_wire(summary: &Summary) -> wire::AssignmentSummary {
    let Summary { held, assigned_at, assigned_by, note, again_of, n_reference_servers, list_enabled } =
        summary;
    wire::AssignmentSummary {
        revision: held.revision.get(),
        digest: held.digest.as_bytes().to_vec().into(),
        assigned_at: Some(timestamp_to_wire(*assigned_at)),
        assigned_by: assigned_by.as_str().to_owned(),
        note: note.as_str().to_owned(),
        again_of: again_of.map_or(0, Revision::get),
        n_reference_servers: u32::try_from(*n_reference_servers).unwrap_or(u32::MAX),
        list_enabled: *list_enabled,
    }
}

pub(super) fn detail_to_wire(stored: &Stored) -> wire::AssignmentDetail {
    wire::AssignmentDetail {
        summary: Some(summary_to_wire(stored.summary())),
        settings: Some(to_wire(stored.settings())),
    }
}

pub(super) fn diff_to_wire(
    from: Option<Revision>,
    to: Option<Revision>,
    changes: Vec<Change>,
) -> wire::SettingsDiff {
    wire::SettingsDiff {
        from_revision: from.map_or(0, Revision::get),
        to_revision: to.map_or(0, Revision::get),
        changes: changes.into_iter().map(change_to_wire).collect(),
    }
}

fn change_to_wire(change: Change) -> wire::Change {
    let Change { kind, path, before, after } = change;
    let kind = match kind {
        ChangeKind::Added => wire::ChangeKind::Added,
        ChangeKind::Removed => wire::ChangeKind::Removed,
        ChangeKind::Changed => wire::ChangeKind::Changed,
        ChangeKind::Moved => wire::ChangeKind::Moved,
    };
    wire::Change { kind: kind.into(), path, before, after }
}

pub(super) fn note_from_wire(note: &str) -> Result<Note, Violations> {
    Note::new(note).map_err(|error: InvalidNote| Violations::one(&Path::root().field("note"), error))
}

pub(super) fn findings_to_wire(findings: Vec<Finding>) -> wire::LintDraftResponse {
    let findings = findings.into_iter().map(|finding| {
        let Finding { code, path, message, remedy } = finding;
        wire::LintFinding { code: code.to_owned(), path, message, remedy }
    });
    wire::LintDraftResponse { findings: findings.collect() }
}
