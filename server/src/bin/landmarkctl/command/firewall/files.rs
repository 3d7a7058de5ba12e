//! `landmarkctl firewall export` and `import`: the whole firewall in a file.

use std::path::Path as FilePath;

use landmark_proto::violation::{Path, Violations};
use serde::Serialize;

use super::{assigned, of_assignment};
use crate::cli::firewall::{Import, Of};
use crate::client::{Edit, FirewallEdit};
use crate::command::edits::{self, Save};
use crate::command::{Run, sheets};
use crate::difference;
use crate::errors::{Exit, Failure, Origins};
use crate::sheet::Encoding;
use crate::sheet::firewall::{Form, parse, write};
use crate::view::change::Change;
use crate::view::firewall::Firewall;

#[derive(Serialize)]
struct Counts {
    n_policies: usize,
    n_profiles: usize,
}

#[derive(Serialize)]
struct DryRunDocument<'a> {
    #[serde(flatten)]
    counts: Counts,
    changes: &'a [Change],
}

/// What was written; the file itself is a firewall.
#[derive(Serialize)]
struct ExportDocument<'a> {
    file: &'a FilePath,
    #[serde(flatten)]
    counts: Counts,
}

fn counts(firewall: &Firewall) -> Counts {
    Counts { n_policies: firewall.policies.len(), n_profiles: firewall.profiles.len() }
}

/// "2 policies and 3 profiles".
fn counted(firewall: &Firewall) -> String {
    let Counts { n_policies, n_profiles } = counts(firewall);
    let policies = if n_policies == 1 { "policy" } else { "policies" };
    let profiles = if n_profiles == 1 { "profile" } else { "profiles" };
    format!("{n_policies} {policies} and {n_profiles} {profiles}")
}

pub(super) async fn export(run: &Run, file: Option<&FilePath>, of: Of, force: bool) -> Result<Exit, Failure> {
    let file = sheets::free_place(file, force)?;
    let mut client = run.client().await?;
    let firewall = match of_assignment(of) {
        None => edits::read(&mut client).await?.settings.firewall,
        Some(revision) => assigned(&mut client, revision).await?.1,
    };
    let text = write(&firewall, file.map_or(Form::Json, Form::of_file));
    let text = text.map_err(|broken| {
        listed(Failure::new(Exit::Refused, "this firewall cannot be written to a file whole"), &broken)
            .hint("is the server newer than this landmarkctl?")
    })?;
    let Some(file) = file else {
        run.out.data(&text)?;
        return Ok(Exit::Done);
    };
    sheets::write_file(file, &text)?;
    if run.out.is_json() {
        run.out.document(&ExportDocument { file, counts: counts(&firewall) })?;
    }
    run.out.remark(format!("wrote {} to {}", counted(&firewall), file.display()));
    Ok(Exit::Done)
}

pub(super) async fn import(run: &Run, arguments: Import) -> Result<Exit, Failure> {
    let Import { file, dry_run, etag } = arguments;
    let (name, text) = sheets::read_text(run, &file, Encoding::Auto)?;
    // Wrong words and fields are told before any server is asked.
    drop(read(&name, &text, &Firewall::default())?);
    let mut client = run.client().await?;
    let before = edits::read(&mut client).await?;
    let present = &before.settings.firewall;
    let new = read(&name, &text, present)?;
    let model = new.to_model(&Path::root()).map_err(|broken| unusable(&name, &broken))?;
    // In the words of the server.
    let expected = Firewall::from(landmark_proto::convert::firewall::firewall_to_wire(&model));
    let changes = difference::firewall(present, &expected);
    if dry_run {
        let document = DryRunDocument { counts: counts(&expected), changes: &changes };
        run.out.result(&document, || sheets::changes_text(&changes))?;
        run.out.remark("nothing was changed (--dry-run)");
        return Ok(Exit::Done);
    }
    let save = Save {
        doing: &format!("import {name}; nothing was changed"),
        edits: vec![Edit::Firewall(FirewallEdit::Replace(Box::new(model)))],
        origins: Origins::none().with("edits[0].replace_firewall", name.clone()),
        // The firewall that was compared is the one that is replaced.
        etag: etag.etag.or_else(|| Some(before.etag.clone())),
    };
    let after = edits::save(run, &mut client, &before, save).await?;
    run.out.remark_lines(&sheets::changes_text(&changes));
    let done = format!("imported {name}; the firewall has {} now", counted(&after.settings.firewall));
    edits::tell(run, &after, &[done])?;
    Ok(Exit::Done)
}

fn read(name: &str, text: &str, present: &Firewall) -> Result<Firewall, Failure> {
    let failure = || Failure::new(Exit::File, format!("{name} cannot be imported; nothing was changed"));
    let new = parse(text, &present.template).map_err(|error| failure().detail(error.to_string()))?;
    // An empty file is a failed export more often than a wish.
    if new.policies.is_empty() && new.profiles.is_empty() {
        return Err(Failure::new(
            Exit::File,
            format!("{name} has no policy and no profile; nothing was changed"),
        )
        .hint("to have none: landmarkctl firewall profiles remove NAME…"));
    }
    new.to_model(&Path::root()).map_err(|broken| unusable(name, &broken))?;
    Ok(new)
}

fn unusable(name: &str, broken: &Violations) -> Failure {
    listed(Failure::new(Exit::File, format!("{name} cannot be imported; nothing was changed")), broken)
}

fn listed(failure: Failure, broken: &Violations) -> Failure {
    broken
        .as_slice()
        .iter()
        .fold(failure, |failure, broken| failure.problem(broken.path.clone(), broken.message.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_wrong_is_told_whole() {
        let text = r#"{"policies": [{"name": "", "level": "low"}, {"name": "a", "level": "low"}],
            "profiles": [{"name": "x", "policy": "a", "conditions": {"labels": ["site"]}}]}"#;
        insta::assert_snapshot!(read("firewall.json", text, &Firewall::default()).unwrap_err(), @r#"
        landmarkctl: firewall.json cannot be imported; nothing was changed
          policies[0].name: a name is missing (1 to 64 characters)
          profiles[0].conditions.labels[0]: "site" is not a label (KEY=VALUE, each 1 to 63 letters, digits, '.', '_', '-' and '/')
        "#);
        insta::assert_snapshot!(read("firewall.json", "{}", &Firewall::default()).unwrap_err(), @r"
        landmarkctl: firewall.json has no policy and no profile; nothing was changed
        hint: to have none: landmarkctl firewall profiles remove NAME…
        ");
        let broken = read("firewall.json", "{", &Firewall::default()).unwrap_err();
        assert_eq!(broken.exit(), Exit::File);
        assert!(broken.to_string().contains("line 1"), "{broken}");
    }

    #[test]
    fn things_are_counted_with_their_plurals() {
        let firewall = Firewall::default();
        assert_eq!(counted(&firewall), "1 policy and 1 profile");
    }
}
