//! Saving edits to the draft, and telling what came of it. Shared by all commands that edit.

use crate::client::{CallError, Client, Edit};
use crate::difference;
use crate::errors::{Failure, Origins, refused, stale};
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
    client
        .edit(etag.as_deref(), edits)
        .await
        .map_err(|error| explain(run, doing, error, &origins, etag.as_deref(), read))
}

/// A stale etag is explained by what changed, everything else by the arguments.
pub(super) fn explain(
    run: &Run,
    doing: &str,
    error: CallError,
    origins: &Origins,
    etag: Option<&str>,
    read: &Draft,
) -> Failure {
    match &error {
        CallError::Refused(refusal) => match &refusal.present {
            Some(present) => {
                // An etag that the user gave may be of a draft that was never seen here.
                let seen = etag.is_none_or(|etag| etag == read.etag);
                let changes = seen.then(|| difference::between(&read.settings, &present.settings));
                stale(doing, present, changes.as_deref(), &run.out.paper())
            }
            None => refused(doing, error, origins),
        },
        CallError::NoAnswer | CallError::Broken(_) => refused(doing, error, origins),
    }
}

/// Tells what was done, and what is left to do; with `--json` the draft.
pub(super) fn tell(run: &Run, draft: &Draft, done: &str) -> Result<(), Failure> {
    if run.out.is_json() {
        return run.out.document(draft);
    }
    run.out.remark(done);
    run.out.remark(if draft.differs {
        "saved to the draft, not yet assigned: landmarkctl draft diff, then landmarkctl assign"
    } else {
        "the draft is now the same as what is assigned"
    });
    Ok(())
}
