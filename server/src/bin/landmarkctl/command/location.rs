//! `landmarkctl location`: the rules of the location decision.

use super::Run;
use super::edits::{self, Save};
use crate::cli::location::{Location, Set};
use crate::client::Edit;
use crate::errors::{Exit, Failure, Origins};
use crate::render::settings::{rule_words, rules};
use crate::view::rules::{Criterion, LocationRules};

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
    edits::remark_state(run, &draft);
    Ok(Exit::Done)
}

async fn set(run: &Run, arguments: Set) -> Result<Exit, Failure> {
    let (wish, etag) = arguments.into_rules();
    let mut origins = Origins::none();
    for (option, ..) in rule_words(&LocationRules::default()) {
        let field = option.replace('-', "_");
        origins.add(format!("edits[0].set_location_rules.{field}"), format!("--{option}"));
    }
    let mut client = run.client().await?;
    let before = edits::read(&mut client).await?;
    let edit = Edit::Rules(wish);
    let save = Save { doing: "change these rules", edits: vec![edit], origins, etag: etag.etag };
    let after = edits::save(run, &mut client, &before, save).await?;
    let told: Vec<String> = rules(&after.settings.location).lines().map(str::to_owned).collect();
    edits::tell(run, &after, &told)?;
    let is_empty = after.settings.gateways.is_empty();
    if after.settings.location.criterion == Some(Criterion::Gateway) && is_empty {
        run.out.remark("the list of gateways is empty: landmarkctl gateways add ADDRESS,MAC");
    }
    Ok(Exit::Done)
}
