//! Saving edits to the draft, and telling what came of it. Shared by all commands that edit.

use crate::client::{CallError, Client, Edit};
use crate::difference;
use crate::errors::{Failure, Known, Origins, refused, refused_change, stale};
use crate::render::advice;
use crate::view::draft::Draft;

use super::Run;

/// Edits for one call, and where each of their values came from.
#[derive(Debug)]
pub(super) struct Save<'a> {
    /// As in "cannot …".
    pub(super) doing: &'a str,
    pub(super) edits: Vec<Edit>,
    pub(super) origins: Origins,
    /// What the edits insist on; without one they are made to whatever is there.
    pub(super) etag: Option<String>,
}

/// Reads the draft.
pub(super) async fn read(client: &mut Client) -> Result<Draft, Failure> {
    client.draft().await.map_err(|error| refused("read the draft", error, &Origins::none()))
}

/// Makes the edits; `read` is the draft that they were made for.
pub(super) async fn save(
    run: &Run,
    client: &mut Client,
    read: &Draft,
    save: Save<'_>,
) -> Result<Draft, Failure> {
    let Save { doing, edits, origins, etag } = save;
    match client.edit(etag.as_deref(), edits).await {
        Ok(draft) => Ok(draft),
        Err(error) => {
            let read = Some(read).filter(|read| etag.is_none_or(|etag| etag == read.etag));
            Err(explain(run, client, doing, error, &origins, read).await)
        }
    }
}

/// A stale etag is explained by what changed, everything else by the arguments. `read` is the draft that the etag names,
/// if it was read here.
pub(super) async fn explain(
    run: &Run,
    client: &mut Client,
    doing: &str,
    error: CallError,
    origins: &Origins,
    read: Option<&Draft>,
) -> Failure {
    let present = match &error {
        CallError::Refused(refusal) => refusal.present.as_deref(),
        CallError::NoAnswer | CallError::NeverSpoke(_) | CallError::Broken(_) => None,
    };
    let Some(present) = present else { return refused_change(doing, error, origins) };
    let known = match read {
        Some(read) => Known::SinceRead(difference::between(&read.settings, &present.settings)),
        // What the user saw was never seen here; what the draft would change now is the next best.
        None => match client.draft_diff().await {
            Ok(diff) => Known::Unassigned(diff.changes),
            Err(_) => Known::Nothing,
        },
    };
    stale(doing, present, &known, &run.out.paper())
}

/// Whether what was read is in force.
pub(super) fn remark_state(run: &Run, draft: &Draft) {
    match draft.assigned_revision {
        None => run.out.remark("of the draft; nothing was assigned yet"),
        Some(_) if draft.differs => {
            run.out.remark("of the draft, which differs from what is assigned: landmarkctl draft diff");
        }
        Some(revision) => run.out.remark(format!("in force as assignment {revision}")),
    }
}

/// Of the list as saved: what agents will refuse.
pub(super) fn remark_own_machine(run: &Run, draft: &Draft) {
    if let Some(remark) = advice::own_machine(&draft.settings.reference_servers) {
        run.out.remark(remark);
    }
}

/// Tells what was done, and what is left to do; with `--json` the draft.
pub(super) fn tell(run: &Run, draft: &Draft, done: &[String]) -> Result<(), Failure> {
    if run.out.is_json() {
        return run.out.document(draft);
    }
    for line in done {
        run.out.remark(line);
    }
    run.out.remark(if draft.differs {
        "saved to the draft, not yet assigned: landmarkctl draft diff, then landmarkctl assign"
    } else {
        "the draft is now the same as what is assigned"
    });
    Ok(())
}
