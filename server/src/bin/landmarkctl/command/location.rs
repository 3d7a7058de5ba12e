//! `landmarkctl location`: the rules of the location decision.

use super::Run;
use super::edits::{self, Save};
use crate::cli::location::{Location, Set};
use crate::client::Edit;
use crate::errors::{Exit, Failure, Origins};
use crate::render::settings::rules;

pub(super) async fn run(run: &Run, command: Location) -> Result<Exit, Failure> {
    match command {
        Location::Show => show(run).await,
        Location::Set(arguments) => set(run, arguments).await,
    }
}

async fn show(run: &Run) -> Result<Exit, Failure> {
    let mut client = run.client().await?;
    let draft = edits::read(&mut client).await?;
    run.out.result(&draft.settings.location, || rules(&draft.settings.location))?;
    match draft.assigned_revision {
        None => run.out.remark("of the draft; nothing was assigned yet"),
        Some(_) if draft.differs => {
            run.out.remark("of the draft, which differs from what is assigned: landmarkctl draft diff");
        }
        Some(revision) => run.out.remark(format!("in force as assignment {revision}")),
    }
    Ok(Exit::Done)
}

async fn set(run: &Run, arguments: Set) -> Result<Exit, Failure> {
    let Set { server_connection, recheck_interval, etag } = arguments;
    let origins = Origins::none()
        .with("edits[0].set_location_rules.server_connection", "--server-connection")
        .with("edits[0].set_location_rules.recheck_interval", "--recheck-interval");
    let mut client = run.client().await?;
    let before = edits::read(&mut client).await?;
    let edit = Edit::Rules { server_connection, recheck_interval };
    let save = Save { doing: "change these rules", edits: vec![edit], origins, etag: etag.etag };
    let after = edits::save(run, &mut client, &before, save).await?;
    let told: Vec<String> = rules(&after.settings.location).lines().map(str::to_owned).collect();
    edits::tell(run, &after, &told)?;
    Ok(Exit::Done)
}
