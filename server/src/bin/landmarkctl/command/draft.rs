//! `landmarkctl draft`: the settings as saved.

use super::Run;
use super::edits;
use crate::cli::draft::Draft as Command;
use crate::cli::edits::Etag;
use crate::errors::{Exit, Failure, Origins, refused};
use crate::render::changes::{changes, unassigned};
use crate::render::settings::settings;
use crate::render::table::facts;

pub(super) async fn run(run: &Run, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Show => show(run).await,
        Command::Diff => diff(run).await,
        Command::Discard { yes, etag } => discard(run, yes, etag).await,
    }
}

async fn show(run: &Run) -> Result<Exit, Failure> {
    let mut client = run.client().await?;
    let draft = edits::read(&mut client).await?;
    let changes = if draft.differs && !run.out.is_json() {
        let diff = client.draft_diff().await;
        diff.map_err(|error| refused("compare the draft", error, &Origins::none()))?.changes
    } else {
        Vec::new()
    };
    run.out.result(&draft, || {
        let paper = run.out.paper();
        let state = match (draft.differs, draft.assigned_revision) {
            (true, None) if changes.is_empty() => "as it was made; nothing was assigned yet".to_owned(),
            (true, Some(revision)) => {
                format!("{}, compared with assignment {revision}", unassigned(changes.len()))
            }
            (true, None) => format!("{}; nothing was assigned yet", unassigned(changes.len())),
            (false, Some(revision)) => format!("the same as assignment {revision}"),
            (false, None) => "nothing was assigned yet".to_owned(),
        };
        let changed_by =
            draft.changed_by.as_deref().map(|who| format!("{} by {who}", paper.moment(draft.changed_at)));
        let mut text =
            facts(&[("draft", Some(state)), ("changed", changed_by), ("etag", Some(draft.etag.clone()))]);
        text.push('\n');
        text.push_str(&settings(&draft.settings, &changes, &paper));
        text
    })?;
    Ok(Exit::Done)
}

async fn diff(run: &Run) -> Result<Exit, Failure> {
    let mut client = run.client().await?;
    let diff =
        client.draft_diff().await.map_err(|error| refused("compare the draft", error, &Origins::none()))?;
    run.out.result(&diff, || changes(&diff.changes))?;
    run.out.remark(match (diff.changes.len(), diff.from_revision) {
        (0, Some(revision)) => format!("the draft is the same as assignment {revision}"),
        (0, None) => "nothing was assigned yet, and the draft is as it was made".to_owned(),
        (n, Some(revision)) => {
            format!("{}, compared with assignment {revision}; to push: landmarkctl assign", unassigned(n))
        }
        (n, None) => format!("{}; nothing was assigned yet; to push: landmarkctl assign", unassigned(n)),
    });
    Ok(Exit::Done)
}

async fn discard(run: &Run, yes: bool, etag: Etag) -> Result<Exit, Failure> {
    let mut client = run.client().await?;
    let before = edits::read(&mut client).await?;
    let diff =
        client.draft_diff().await.map_err(|error| refused("compare the draft", error, &Origins::none()))?;
    if diff.changes.is_empty() {
        run.out.remark(match before.assigned_revision {
            Some(revision) => format!("nothing to discard: the draft is the same as assignment {revision}"),
            None => "nothing to discard: the draft is as it was made".to_owned(),
        });
        if run.out.is_json() {
            run.out.document(&before)?;
        }
        return Ok(Exit::Done);
    }
    run.out.remark_lines(&changes(&diff.changes));
    if !yes {
        let deed = format!("throw {} away", unassigned(diff.changes.len()));
        super::confirm(run, &deed, "discarding loses these changes").await?;
    }
    // What was shown is what is thrown away.
    let given = etag.etag.unwrap_or_else(|| before.etag.clone());
    let after = match client.discard(&given).await {
        Ok(draft) => draft,
        Err(error) => {
            let read = Some(&before).filter(|read| read.etag == given);
            let origins = Origins::none();
            return Err(edits::explain(run, &mut client, "discard the draft", error, &origins, read).await);
        }
    };
    if run.out.is_json() {
        run.out.document(&after)?;
    }
    run.out.remark(match after.assigned_revision {
        Some(revision) => format!("discarded; the draft is the same as assignment {revision} again"),
        None => "discarded; the draft is as it was made".to_owned(),
    });
    Ok(Exit::Done)
}
