//! `landmarkctl context`: named servers.

use std::io;
use std::path::{Path, PathBuf, absolute};

use serde::Serialize;

use super::{Run, folder, user_folder};
use crate::cli::context::{Add, ContextCommand};
use crate::context::{
    Authority, Context, Contexts, Credentials, Folder, Origin, Target, TokenSource, Wanted, load_authority,
    read_token, resolve,
};
use crate::errors::{Exit, Failure};
use crate::render::table::{Cell, Table, facts};

#[derive(Serialize)]
struct ListDocument {
    contexts: Vec<ContextDocument>,
}

#[derive(Serialize)]
struct ContextDocument {
    name: String,
    current: bool,
    server: String,
    ca: Option<PathBuf>,
    pin: Option<String>,
    token_file: PathBuf,
}

#[derive(Serialize)]
struct ShowDocument {
    /// Absent: the server on this machine.
    context: Option<String>,
    state_dir: Option<PathBuf>,
    server: String,
    ca: Option<PathBuf>,
    pin: Option<String>,
    /// Absent: standard input.
    token_file: Option<PathBuf>,
    /// What keeps it from being used.
    problem: Option<String>,
}

pub(super) fn run(run: &Run, command: ContextCommand) -> Result<Exit, Failure> {
    match command {
        ContextCommand::Add(arguments) => add(run, arguments),
        ContextCommand::List => list(run),
        ContextCommand::Use { name } => make_current(run, Some(name)),
        ContextCommand::Unuse => make_current(run, None),
        ContextCommand::Remove { name } => remove(run, &name),
        ContextCommand::Show { name } => show(run, name),
    }
}

fn add(run: &Run, arguments: Add) -> Result<Exit, Failure> {
    let Add { name, pin, force } = arguments;
    check_name(&name)?;
    let folder = folder()?;
    let mut contexts = folder.load()?;
    if contexts.contexts.contains_key(&name) && !force {
        return Err(Failure::usage(format!("there is a context {name:?} already")).hint("--force changes it"));
    }
    let wanted = run.global.wanted()?;
    let missing: Vec<&str> = [
        (wanted.server.is_none(), "--server HOST:PORT"),
        (wanted.ca.is_none() && pin.is_none(), "--ca FILE or --pin PIN"),
        (wanted.token_file.is_none(), "--token-file FILE (or - for standard input)"),
    ]
    .into_iter()
    .filter_map(|(missing, what)| missing.then_some(what))
    .collect();
    let (Some(server), Some(token_file)) = (wanted.server, wanted.token_file) else {
        return Err(Failure::usage(format!("a context needs {}", missing.join(", "))));
    };
    if !missing.is_empty() {
        return Err(Failure::usage(format!("a context needs {}", missing.join(", "))));
    }
    let ca = wanted.ca.as_deref().map(kept_path).transpose()?;
    if let Some(ca) = &ca {
        load_authority(ca).map_err(|error| Failure::new(Exit::Context, chain(&error)))?;
    }
    let token_file = keep_token(&folder, &name, &token_file)?;
    contexts.contexts.insert(name.clone(), Context { server, ca, pin, token_file });
    let first = contexts.current.is_none();
    if first {
        contexts.current = Some(name.clone());
    }
    folder.save(&contexts)?;
    run.out.remark(format!("context {name:?} saved in {}", contexts.path.display()));
    run.out.remark(if first {
        "it is the current one; try it: landmarkctl server info".to_owned()
    } else {
        format!(
            "try it: landmarkctl --context {name} server info; use it always: landmarkctl context use {name}"
        )
    });
    Ok(Exit::Done)
}

/// A token on standard input is kept; a file is left where it is.
fn keep_token(folder: &Folder, name: &str, token_file: &Path) -> Result<PathBuf, Failure> {
    let source = if token_file == Path::new("-") {
        TokenSource::Stdin
    } else {
        TokenSource::File(kept_path(token_file)?)
    };
    let token = read_token(&source).map_err(|error| Failure::new(Exit::Context, chain(&error)))?;
    match source {
        TokenSource::File(path) => Ok(path),
        TokenSource::Stdin => Ok(folder.save_token(name, &token)?),
    }
}

pub(super) fn kept_path(path: &Path) -> Result<PathBuf, Failure> {
    absolute(path).map_err(|error| Failure::new(Exit::Context, format!("{}: {error}", path.display())))
}

fn chain(error: &dyn std::error::Error) -> String {
    landmark_daemon::error::Chain(error).to_string()
}

/// The name is also that of a file.
pub(super) fn check_name(name: &str) -> Result<(), Failure> {
    let allowed = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
    if (1..=64).contains(&name.len()) && name.chars().all(allowed) && !name.starts_with(['.', '-']) {
        return Ok(());
    }
    Err(Failure::usage(format!("{name:?} is not a name for a context"))
        .hint("up to 64 letters, digits, dots, hyphens and underscores, the first a letter or digit"))
}

fn list(run: &Run) -> Result<Exit, Failure> {
    let contexts = Contexts::of_user(user_folder())?;
    if run.out.is_json() {
        let rows = contexts.contexts.iter().map(|(name, context)| document(name, context, &contexts));
        run.out.document(&ListDocument { contexts: rows.collect() })?;
        return Ok(Exit::Done);
    }
    if contexts.contexts.is_empty() {
        run.out.remark("there are no contexts: the server on this machine is used");
        run.out.remark(
            "to manage another one: landmarkctl login --server HOST:7445 --pin PIN, or landmarkctl context add",
        );
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["", "NAME", "SERVER", "AUTHORITY", "TOKEN"]);
    for (name, context) in &contexts.contexts {
        let current = contexts.current.as_ref() == Some(name);
        let authority = match (&context.ca, &context.pin) {
            (Some(ca), _) => ca.display().to_string(),
            (None, Some(pin)) => pin.to_string(),
            (None, None) => String::new(),
        };
        table.row(vec![
            Cell::new(if current { "*" } else { "" }),
            Cell::new(name),
            Cell::new(context.server.to_string()),
            Cell::new(authority),
            Cell::new(context.token_file.display().to_string()),
        ]);
    }
    run.out.data(&table.render(&run.out.paper()))?;
    if contexts.current.is_none() {
        run.out.remark("none is current: the server on this machine is used");
    }
    Ok(Exit::Done)
}

fn document(name: &str, context: &Context, contexts: &Contexts) -> ContextDocument {
    let Context { server, ca, pin, token_file } = context;
    ContextDocument {
        name: name.to_owned(),
        current: contexts.current.as_deref() == Some(name),
        server: server.to_string(),
        ca: ca.clone(),
        pin: pin.map(|pin| pin.to_string()),
        token_file: token_file.clone(),
    }
}

fn make_current(run: &Run, name: Option<String>) -> Result<Exit, Failure> {
    let folder = folder()?;
    let mut contexts = folder.load()?;
    if let Some(name) = &name {
        known(&contexts, name)?;
    }
    contexts.current.clone_from(&name);
    folder.save(&contexts)?;
    run.out.remark(match name {
        Some(name) => format!("{name:?} is the current context"),
        None => "no context is current: the server on this machine is used".to_owned(),
    });
    Ok(Exit::Done)
}

fn remove(run: &Run, name: &str) -> Result<Exit, Failure> {
    let folder = folder()?;
    let mut contexts = folder.load()?;
    known(&contexts, name)?;
    let removed = contexts.contexts.remove(name);
    let was_current = contexts.current.as_deref() == Some(name);
    if was_current {
        contexts.current = None;
    }
    folder.save(&contexts)?;
    // Only what was kept here is removed, never a file of the user's own.
    let own = folder.token_file(name);
    if removed.is_some_and(|context| context.token_file == own) {
        match std::fs::remove_file(&own) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                run.out.warning(format!("the token {} is still there: {error}", own.display()));
            }
            Ok(()) | Err(_) => {}
        }
    }
    run.out.remark(format!("context {name:?} is removed"));
    if was_current {
        run.out.remark("it was the current one: the server on this machine is used now");
    }
    Ok(Exit::Done)
}

fn known(contexts: &Contexts, name: &str) -> Result<(), Failure> {
    let wanted = Wanted { context: Some(name.to_owned()), ..Wanted::default() };
    match resolve(&wanted, contexts, PathBuf::new) {
        // One that is incomplete can still be removed or chosen.
        Err(error) if !contexts.contexts.contains_key(name) => Err(error.into()),
        Ok(_) | Err(_) => Ok(()),
    }
}

fn show(run: &Run, name: Option<String>) -> Result<Exit, Failure> {
    let target = match name {
        None => run.target()?,
        Some(_) => {
            let wanted = Wanted { context: name, ..Wanted::default() };
            resolve(&wanted, &folder()?.load()?, PathBuf::new)?
        }
    };
    let problem = check(&target);
    let document = show_document(&target, problem);
    run.out.result(&document, || {
        let ShowDocument { context, state_dir, server, ca, pin, token_file, problem } = &document;
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        facts(&[
            ("context", context.clone()),
            ("state folder", path(state_dir)),
            ("server", Some(server.clone())),
            ("authority", path(ca).or_else(|| pin.clone())),
            ("token", Some(path(token_file).unwrap_or_else(|| "from standard input".to_owned()))),
            ("problem", problem.clone()),
        ])
    })?;
    Ok(if document.problem.is_some() { Exit::Context } else { Exit::Done })
}

/// Whether the files can be used; the server is not asked.
fn check(target: &Target) -> Option<String> {
    if target.token == TokenSource::Stdin {
        return None;
    }
    Credentials::load(target).err().map(|error| chain(&error))
}

fn show_document(target: &Target, problem: Option<String>) -> ShowDocument {
    let Target { address, authority, token, origin } = target;
    let (context, state_dir) = match origin {
        Origin::Context(name) => (Some(name.clone()), None),
        Origin::StateDir(folder) => (None, Some(folder.clone())),
    };
    let (ca, pin) = match authority {
        Authority::File(path) => (Some(path.clone()), None),
        Authority::Pin(pin) => (None, Some(pin.to_string())),
    };
    let token_file = match token {
        TokenSource::File(path) => Some(path.clone()),
        TokenSource::Stdin => None,
    };
    ShowDocument { context, state_dir, server: address.to_string(), ca, pin, token_file, problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_is_named_so_that_a_file_can_be() {
        for name in ["prod", "eu-1", "a.b_c"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", "../x", "a b", ".hidden", "-x", "ä"] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
