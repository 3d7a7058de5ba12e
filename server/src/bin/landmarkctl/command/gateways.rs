//! `landmarkctl gateways`: the list of gateways.

use std::path::Path;

use landmark_proto::gateway::Gateway;
use serde::Serialize;

use super::edits::{self, Save};
use super::{Run, sheets};
use crate::cli::edits::{Etag, Import};
use crate::cli::gateways::Gateways;
use crate::client::Edit;
use crate::difference;
use crate::errors::{Exit, Failure, Origins};
use crate::render::changes::changes;
use crate::render::settings;
use crate::sheet;
use crate::view::change::Change;
use crate::view::draft::{self, Draft};
use crate::view::rules::Criterion;

#[derive(Serialize)]
struct ListDocument<'a> {
    etag: &'a str,
    gateways: &'a [draft::Gateway],
}

#[derive(Serialize)]
struct DryRunDocument<'a> {
    n_gateways: usize,
    changes: &'a [Change],
}

#[derive(Serialize)]
struct ExportDocument<'a> {
    file: &'a Path,
    n_gateways: usize,
}

pub(super) async fn run(run: &Run, command: Gateways) -> Result<Exit, Failure> {
    match command {
        Gateways::List => list(run).await,
        Gateways::Add { gateways, etag } => {
            edit(run, "add this", Edit::AddGateways(gateways.clone()), "add_gateways", &gateways, etag).await
        }
        Gateways::Remove { gateways, etag } => {
            let edit_of = Edit::RemoveGateways(gateways.clone());
            edit(run, "remove this", edit_of, "remove_gateways", &gateways, etag).await
        }
        Gateways::Import(arguments) => import(run, arguments).await,
        Gateways::Export { file, force } => export(run, file.as_deref(), force).await,
    }
}

async fn list(run: &Run) -> Result<Exit, Failure> {
    let mut client = run.client().await?;
    let draft = edits::read(&mut client).await?;
    let list = &draft.settings.gateways;
    if run.out.is_json() {
        run.out.document(&ListDocument { etag: &draft.etag, gateways: list })?;
        return Ok(Exit::Done);
    }
    if list.is_empty() {
        run.out.remark("there are no gateways: landmarkctl gateways add ADDRESS,MAC");
    } else {
        run.out.data(&settings::gateways(list, &run.out.paper()))?;
    }
    remark_criterion(run, &draft);
    Ok(Exit::Done)
}

fn remark_criterion(run: &Run, draft: &Draft) {
    if draft.settings.location.criterion == Some(Criterion::ConnectionStatus)
        && !draft.settings.gateways.is_empty()
    {
        run.out.remark("gateways decide nothing yet: landmarkctl location set --criterion gateway");
    }
}

async fn edit(
    run: &Run,
    doing: &str,
    edit: Edit,
    field: &str,
    gateways: &[Gateway],
    etag: Etag,
) -> Result<Exit, Failure> {
    let mut origins = Origins::none();
    for (index, gateway) in gateways.iter().enumerate() {
        origins.add(format!("edits[0].{field}.gateways[{index}]"), gateway.to_string());
    }
    let mut client = run.client().await?;
    let before = edits::read(&mut client).await?;
    let save = Save { doing, edits: vec![edit], origins, etag: etag.etag };
    let after = edits::save(run, &mut client, &before, save).await?;
    run.out
        .remark_lines(&changes(&difference::gateways(&before.settings.gateways, &after.settings.gateways)));
    edits::tell(run, &after, &[count(after.settings.gateways.len())])?;
    remark_criterion(run, &after);
    Ok(Exit::Done)
}

fn count(n_gateways: usize) -> String {
    match n_gateways {
        0 => "the list of gateways is empty".to_owned(),
        1 => "the list has 1 gateway".to_owned(),
        n => format!("the list has {n} gateways"),
    }
}

async fn import(run: &Run, arguments: Import) -> Result<Exit, Failure> {
    let Import { file, replace, append: _, dry_run, encoding, etag } = arguments;
    let (name, text) = sheets::read_text(run, &file, encoding)?;
    let rows = sheet::gateways::parse(&text).map_err(|problems| sheets::unusable(&name, problems))?;
    if rows.is_empty() {
        return Err(Failure::new(Exit::File, format!("{name} names no gateway; nothing was changed"))
            .hint("its lines are ip or ip,mac; to empty the list: landmarkctl gateways remove ADDRESS…"));
    }
    let mut client = run.client().await?;
    let before = edits::read(&mut client).await?;
    let present = &before.settings.gateways;
    let gateways: Vec<Gateway> = rows.iter().map(|(gateway, _)| *gateway).collect();
    if dry_run {
        let expected = expected(present, &gateways, replace);
        let changes_of = difference::gateways(present, &expected);
        let document = DryRunDocument { n_gateways: expected.len(), changes: &changes_of };
        run.out.result(&document, || sheets::changes_text(&changes_of))?;
        run.out.remark("nothing was changed (--dry-run)");
        return Ok(Exit::Done);
    }
    let field = if replace { "replace_gateways" } else { "add_gateways" };
    let mut origins = Origins::none().with("edits", name.clone());
    for (index, (_, line)) in rows.iter().enumerate() {
        origins.add(format!("edits[0].{field}.gateways[{index}]"), sheets::place(&name, *line));
    }
    let edit = if replace { Edit::ReplaceGateways(gateways) } else { Edit::AddGateways(gateways) };
    let save = Save {
        doing: &format!("import {name}; nothing was changed"),
        edits: vec![edit],
        origins,
        etag: etag.etag.or_else(|| Some(before.etag.clone())),
    };
    let after = edits::save(run, &mut client, &before, save).await?;
    let changes_of = difference::gateways(present, &after.settings.gateways);
    run.out.remark_lines(&sheets::changes_text(&changes_of));
    edits::tell(run, &after, &[format!("imported {name}; {}", count(after.settings.gateways.len()))])?;
    remark_criterion(run, &after);
    Ok(Exit::Done)
}

/// What the list will be, for showing: the server decides.
fn expected(present: &[draft::Gateway], gateways: &[Gateway], replace: bool) -> Vec<draft::Gateway> {
    let mut list = if replace { Vec::new() } else { present.to_vec() };
    for gateway in gateways {
        let gateway = draft::Gateway {
            address: gateway.address().to_string(),
            mac: gateway.mac().map(|mac| mac.to_string()),
        };
        if !list.contains(&gateway) {
            list.push(gateway);
        }
    }
    list
}

async fn export(run: &Run, file: Option<&Path>, force: bool) -> Result<Exit, Failure> {
    let file = sheets::free_place(file, force)?;
    let mut client = run.client().await?;
    let draft = edits::read(&mut client).await?;
    let list = &draft.settings.gateways;
    let text = sheet::gateways::write(list);
    let Some(file) = file else {
        run.out.result(&ListDocument { etag: &draft.etag, gateways: list }, || text)?;
        return Ok(Exit::Done);
    };
    sheets::write_file(file, &text)?;
    if run.out.is_json() {
        run.out.document(&ExportDocument { file, n_gateways: list.len() })?;
    }
    run.out.remark(format!("wrote {} gateways to {}", list.len(), file.display()));
    Ok(Exit::Done)
}
