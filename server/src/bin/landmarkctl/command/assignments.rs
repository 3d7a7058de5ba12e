//! `landmarkctl assignments`: what was assigned, when, by whom.

use serde::Serialize;

use super::{Run, assign, wait};
use crate::cli::assignments::{Assignments, Wait};
use crate::client::{CallError, Client};
use crate::errors::{Exit, Failure, Origins, refused, refused_change};
use crate::render::assignments::{assignment, assignments};
use crate::render::changes::{changes, unassigned};
use crate::view::assignment::Assignment;

/// The largest page that the server gives.
const PAGE: u32 = 1000;

#[derive(Serialize)]
struct ListDocument<'a> {
    assignments: &'a [Assignment],
}

pub(super) async fn run(run: &Run, command: Assignments) -> Result<Exit, Failure> {
    match command {
        Assignments::List { limit, all } => list(run, if all { u32::MAX } else { limit }).await,
        Assignments::Show { revision } => show(run, revision).await,
        Assignments::Diff { from, to } => diff(run, from, to).await,
        Assignments::AssignAgain { revision, note, wait } => {
            again(run, revision, note.as_deref(), &wait).await
        }
        Assignments::Watch { revision, timeout } => {
            let mut client = run.client().await?;
            let outcome =
                wait::for_agents(run, &mut client, revision, timeout, wait::Steps::Documents).await?;
            let known = outcome.progress.as_ref().map(|progress| progress.revision);
            wait::tell(run, &mut client, known.or(revision).unwrap_or_default(), &outcome).await
        }
    }
}

async fn list(run: &Run, limit: u32) -> Result<Exit, Failure> {
    let mut client = run.client().await?;
    let (rows, more) = read(&mut client, limit)
        .await
        .map_err(|error| refused("list the assignments", error, &Origins::none()))?;
    if rows.is_empty() && !run.out.is_json() {
        run.out.remark(
            "nothing was assigned yet: edit the draft (landmarkctl servers add …), then landmarkctl assign",
        );
        return Ok(Exit::Done);
    }
    run.out.result(&ListDocument { assignments: &rows }, || assignments(&rows, &run.out.paper()))?;
    if more {
        run.out.remark("there are older ones: --all");
    }
    Ok(Exit::Done)
}

/// At most so many, and whether there are more.
async fn read(client: &mut Client, limit: u32) -> Result<(Vec<Assignment>, bool), CallError> {
    let limit_rows = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut rows: Vec<Assignment> = Vec::new();
    let mut next = None;
    loop {
        let page = client.assignments(limit.clamp(1, PAGE), next).await?;
        rows.extend(page.rows);
        next = page.next;
        if next.is_none() || rows.len() >= limit_rows {
            let more = next.is_some() || rows.len() > limit_rows;
            rows.truncate(limit_rows);
            return Ok((rows, more));
        }
    }
}

async fn show(run: &Run, revision: Option<u64>) -> Result<Exit, Failure> {
    let mut client = run.client().await?;
    let detail = client.assignment(revision).await;
    let detail = detail.map_err(|error| refused("show the assignment", error, &named(revision)))?;
    run.out.result(&detail, || assignment(&detail, &run.out.paper()))?;
    Ok(Exit::Done)
}

async fn diff(run: &Run, from: u64, to: Option<u64>) -> Result<Exit, Failure> {
    let origins = Origins::none()
        .with("from_revision", from.to_string())
        .with("to_revision", to.map(|to| to.to_string()).unwrap_or_default());
    let mut client = run.client().await?;
    let diff = client.assignment_diff(from, to).await;
    let diff = diff.map_err(|error| refused("compare the assignments", error, &origins))?;
    run.out.result(&diff, || changes(&diff.changes))?;
    let to = diff.to_revision.or(to).map_or_else(|| "the one in force".to_owned(), |to| to.to_string());
    if diff.changes.is_empty() {
        run.out.remark(format!("assignments {from} and {to} have the same settings"));
    } else {
        run.out.remark(format!("from assignment {from} to {to}"));
    }
    Ok(Exit::Done)
}

async fn again(run: &Run, revision: u64, note: Option<&str>, wait: &Wait) -> Result<Exit, Failure> {
    let origins = named(Some(revision)).with("note", "--note");
    let mut client = run.client().await?;
    // Shown first; not a condition, since an assignment is chosen whole.
    let present = client.assignment(None).await;
    let present =
        present.map_err(|error| refused("read the assignment in force", error, &Origins::none()))?;
    let diff = client.assignment_diff(present.summary.revision, Some(revision)).await;
    let diff = diff.map_err(|error| refused("compare the assignments", error, &origins))?;
    run.out.remark_lines(&changes(&diff.changes));
    let assigned = client.assign_again(revision, note).await;
    let assigned = assigned.map_err(|error| refused_change("assign it again", error, &origins))?;
    if !run.out.is_json() {
        remark_rest(run, &mut client, revision).await;
    }
    assign::finish(run, &mut client, &assigned, wait).await
}

/// What else there is to know of it. It is assigned already, so an answer that does not come is no failure.
async fn remark_rest(run: &Run, client: &mut Client, revision: u64) {
    if let Ok(detail) = client.assignment(Some(revision)).await {
        assign::remark_effect(run, &detail.settings);
    }
    if let Ok(diff) = client.draft_diff().await
        && let Some(kept) = kept(diff.changes.len())
    {
        run.out.remark(kept);
    }
}

fn kept(n_changes: usize) -> Option<String> {
    let stay = if n_changes == 1 { "stays" } else { "stay" };
    (n_changes > 0).then(|| format!("{} {stay} in the draft: landmarkctl draft diff", unassigned(n_changes)))
}

fn named(revision: Option<u64>) -> Origins {
    let name = revision.map_or_else(|| "the assignment in force".to_owned(), |revision| revision.to_string());
    Origins::none().with("revision", name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_that_stay_in_the_draft_are_counted() {
        assert_eq!(kept(0), None);
        assert_eq!(
            kept(1).as_deref(),
            Some("1 unassigned change stays in the draft: landmarkctl draft diff")
        );
        assert_eq!(
            kept(3).as_deref(),
            Some("3 unassigned changes stay in the draft: landmarkctl draft diff")
        );
    }
}
