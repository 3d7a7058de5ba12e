//! `landmarkctl assign`: the draft becomes the next assignment.

use serde::Serialize;

use super::{Run, edits, lint, wait};
use crate::cli::assignments::{Assign, Wait};
use crate::client::Client;
use crate::errors::{Exit, Failure, Origins, refused};
use crate::render::advice;
use crate::render::changes::changes;
use crate::view::assignment::Assigned;
use crate::view::draft::Settings;
use crate::view::progress::Progress;

/// What was assigned, and with `--wait` what came of it.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    assigned: &'a Assigned,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<&'a Progress>,
}

pub(super) async fn run(run: &Run, arguments: Assign) -> Result<Exit, Failure> {
    let Assign { note, wait, etag } = arguments;
    let mut client = run.client().await?;
    // Read first: should the draft change after it, the etag is stale and nothing is assigned that was not shown.
    let draft = edits::read(&mut client).await?;
    let diff =
        client.draft_diff().await.map_err(|error| refused("compare the draft", error, &Origins::none()))?;
    run.out.remark_lines(&changes(&diff.changes));
    let findings = lint::warn(run, &mut client).await;
    let etag = etag.etag.unwrap_or_else(|| draft.etag.clone());
    let origins = Origins::none().with("note", "--note");
    let assigned = match client.assign(&etag, note.as_deref()).await {
        Ok(assigned) => assigned,
        Err(error) => {
            let read = Some(&draft).filter(|read| read.etag == etag);
            return Err(edits::explain(run, &mut client, "assign the draft", error, &origins, read).await);
        }
    };
    if findings.is_none() {
        remark_effect(run, &draft.settings);
    }
    finish(run, &mut client, &assigned, &wait).await
}

/// What these settings do to agents that may not be meant.
pub(super) fn remark_effect(run: &Run, settings: &Settings) {
    let remarks = [advice::nothing_to_try(settings), advice::own_machine(&settings.reference_servers)];
    for remark in remarks.into_iter().flatten() {
        run.out.remark(remark);
    }
}

/// Tells what was made; waits if that was asked for.
pub(super) async fn finish(
    run: &Run,
    client: &mut Client,
    assigned: &Assigned,
    wait: &Wait,
) -> Result<Exit, Failure> {
    let revision = assigned.assignment.revision;
    if assigned.created {
        run.out.remark(format!("assignment {revision} is in force and on its way to the agents"));
    } else {
        run.out
            .remark(format!("nothing to assign: assignment {revision} has these settings and is in force"));
    }
    if !wait.wait {
        if run.out.is_json() {
            run.out.document(&Document { assigned, progress: None })?;
        } else if assigned.created {
            run.out.remark(format!("how far it has come: landmarkctl assignments watch {revision}"));
        }
        return Ok(Exit::Done);
    }
    let outcome = wait::for_agents(run, client, Some(revision), wait.timeout, wait::Steps::Silent).await?;
    if run.out.is_json() {
        run.out.document(&Document { assigned, progress: outcome.progress.as_ref() })?;
    }
    wait::tell(run, client, revision, &outcome).await
}
