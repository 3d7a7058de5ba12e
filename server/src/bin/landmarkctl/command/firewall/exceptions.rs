//! `landmarkctl firewall exceptions` and `landmarkctl firewall template`: lists from which the first match counts.

use landmark_proto::firewall::{ItemName, PortSet, Remote, Remotes};
use landmark_proto::violation::Path;
use serde::Serialize;

use super::{find_policy, nowhere, spot_of, unknown};
use crate::cli::edits::Etag;
use crate::cli::firewall::exceptions::{
    AddException, EditException, Exceptions, MoveException, RemoveExceptions, Template, Wish,
};
use crate::client::{Edit, FirewallEdit, Owner};
use crate::command::Run;
use crate::command::edits::{self, Save};
use crate::command::places::place_of;
use crate::errors::{Exit, Failure, Origins, unusable};
use crate::render::firewall::{argument, exceptions, list_of, n_exceptions, rest};
use crate::view::draft::Draft;
use crate::view::firewall::{Direction, Exception, Firewall, Level, Mode, Protocol};

pub(super) async fn run(run: &Run, command: Exceptions) -> Result<Exit, Failure> {
    match command {
        Exceptions::List { policy } => list(run, Owner::Policy(policy)).await,
        Exceptions::Add { policy, add: arguments } => add(run, Owner::Policy(policy), arguments).await,
        Exceptions::Edit { policy, edit: arguments } => edit(run, Owner::Policy(policy), arguments).await,
        Exceptions::Move { policy, shift: arguments } => shift(run, Owner::Policy(policy), arguments).await,
        Exceptions::Remove { policy, remove: arguments } => {
            remove(run, Owner::Policy(policy), arguments).await
        }
    }
}

pub(super) async fn run_template(run: &Run, command: Template) -> Result<Exit, Failure> {
    match command {
        Template::List => list(run, Owner::Template).await,
        Template::Add(arguments) => add(run, Owner::Template, arguments).await,
        Template::Edit(arguments) => edit(run, Owner::Template, arguments).await,
        Template::Move(arguments) => shift(run, Owner::Template, arguments).await,
        Template::Remove(arguments) => remove(run, Owner::Template, arguments).await,
        Template::Reset(etag) => reset(run, etag).await,
    }
}

#[derive(Serialize)]
struct ListDocument<'a> {
    etag: &'a str,
    /// Absent: the template.
    policy: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<Level>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<Mode>,
    exceptions: Vec<Listed<'a>>,
}

#[derive(Serialize)]
struct Listed<'a> {
    /// From 1.
    position: usize,
    #[serde(flatten)]
    exception: &'a Exception,
}

async fn list(run: &Run, owner: Owner) -> Result<Exit, Failure> {
    let mut client = run.client().await?;
    let draft = edits::read(&mut client).await?;
    let firewall = &draft.settings.firewall;
    let policy = match &owner {
        Owner::Policy(name) => Some(find_policy(firewall, name)?),
        Owner::Template => None,
    };
    let list = policy.map_or(&firewall.template, |policy| &policy.exceptions);
    if run.out.is_json() {
        let listed = (1..).zip(list).map(|(position, exception)| Listed { position, exception });
        run.out.document(&ListDocument {
            etag: &draft.etag,
            policy: policy.map(|policy| policy.name.as_str()),
            level: policy.and_then(|policy| policy.level),
            mode: policy.and_then(|policy| policy.mode),
            exceptions: listed.collect(),
        })?;
        return Ok(Exit::Done);
    }
    if list.is_empty() {
        run.out.remark(format!("{} has no exceptions: {} add …", called(&owner), command_for(&owner)));
    } else {
        run.out.data(&exceptions(list, &run.out.paper()))?;
    }
    if let Some(policy) = policy {
        run.out.remark(rest(policy));
    }
    edits::remark_state(run, &draft);
    Ok(Exit::Done)
}

async fn add(run: &Run, owner: Owner, arguments: AddException) -> Result<Exit, Failure> {
    let AddException { name, wish, place, etag } = arguments;
    let path = Path::root().field("edits").index(0).field("add_firewall_exception");
    let new = new(&name, &wish)?;
    let origins = origins(&path, &owner, &name, &new).with(format!("{path}.position"), "the place");
    let doing = "add this exception";
    let exception = new.to_model(&path.field("exception"));
    let exception = exception.map_err(|broken| unusable(doing, &broken, &origins))?;
    let told = exception.to_string();
    let mut client = run.client().await?;
    let before = edits::read(&mut client).await?;
    let names = names(exceptions_of(&before.settings.firewall, &owner)?);
    let spot = spot_of(place);
    let position = spot.map(|spot| place_of(&spot, &names, None, &list_command(&owner))).transpose()?;
    let edit = FirewallEdit::AddException { owner: owner.clone(), exception, position };
    let save = Save {
        doing,
        edits: vec![Edit::Firewall(edit)],
        origins,
        // A place that was counted in the list as read is only right in that list.
        etag: etag.etag.or_else(|| position.map(|_| before.etag.clone())),
    };
    let after = edits::save(run, &mut client, &before, save).await?;
    let done = match find(&after, &owner, &name) {
        Some((place, _)) => format!("added \"{name}\" at place {place} of {}: {told}", called(&owner)),
        None => format!("added \"{name}\" to {}: {told}", called(&owner)),
    };
    edits::tell(run, &after, &[done])?;
    Ok(Exit::Done)
}

async fn edit(run: &Run, owner: Owner, arguments: EditException) -> Result<Exit, Failure> {
    if arguments.is_empty() {
        let name = argument(arguments.name.as_str());
        return Err(Failure::usage(format!("what shall become of {name}?"))
            .hint("give --allow, --block, --in, --out, --both, --protocol, --ports, --remote or --name"));
    }
    let EditException { name, new_name, wish, etag } = arguments;
    let path = Path::root().field("edits").index(0).field("edit_firewall_exception");
    let doing = "edit this exception";
    let mut client = run.client().await?;
    let before = edits::read(&mut client).await?;
    let list = exceptions_of(&before.settings.firewall, &owner)?;
    let (_, old) = find_in(list, &name).ok_or_else(|| no_exception(&owner, &name, list))?;
    let changed = changed(old, new_name.as_ref(), &wish)?;
    let mut origins = origins(&path, &owner, &name, &changed);
    if new_name.is_some() {
        origins.add(format!("{path}.exception.name"), "--name");
    }
    let exception = changed.to_model(&path.field("exception"));
    let exception = exception.map_err(|broken| unusable(doing, &broken, &origins))?;
    let told = exception.to_string();
    let edit = FirewallEdit::ChangeException { owner: owner.clone(), name: name.clone(), exception };
    let save = Save {
        doing,
        edits: vec![Edit::Firewall(edit)],
        origins,
        // What was not given was taken from what was read.
        etag: etag.etag.or_else(|| Some(before.etag.clone())),
    };
    let after = edits::save(run, &mut client, &before, save).await?;
    let done = match new_name.filter(|new_name| *new_name != name) {
        Some(new_name) => format!("\"{name}\" of {} is now \"{new_name}\": {told}", called(&owner)),
        None => format!("\"{name}\" of {} is now: {told}", called(&owner)),
    };
    edits::tell(run, &after, &[done])?;
    Ok(Exit::Done)
}

async fn shift(run: &Run, owner: Owner, arguments: MoveException) -> Result<Exit, Failure> {
    let MoveException { name, place, etag } = arguments;
    let spot = spot_of(place).ok_or_else(|| nowhere(&name))?;
    let mut client = run.client().await?;
    let before = edits::read(&mut client).await?;
    let list = exceptions_of(&before.settings.firewall, &owner)?;
    find_in(list, &name).ok_or_else(|| no_exception(&owner, &name, list))?;
    let position = place_of(&spot, &names(list), Some(name.as_str()), &list_command(&owner))?;
    let path = "edits[0].move_firewall_exception";
    let origins = Origins::none().with(path, name.to_string()).with(format!("{path}.position"), "the place");
    let edit = FirewallEdit::MoveException { owner: owner.clone(), name: name.clone(), position };
    let save = Save {
        doing: "move this exception",
        edits: vec![Edit::Firewall(edit)],
        origins,
        etag: etag.etag.or_else(|| Some(before.etag.clone())),
    };
    let after = edits::save(run, &mut client, &before, save).await?;
    let done = match find(&after, &owner, &name) {
        Some((place, _)) => format!("\"{name}\" is at place {place} of {} now", called(&owner)),
        None => format!("moved \"{name}\""),
    };
    edits::tell(run, &after, &[done])?;
    Ok(Exit::Done)
}

async fn remove(run: &Run, owner: Owner, arguments: RemoveExceptions) -> Result<Exit, Failure> {
    let RemoveExceptions { names, etag } = arguments;
    let path = "edits[0].remove_firewall_exceptions";
    let mut origins = Origins::none();
    origins.add(format!("{path}.policy"), called(&owner));
    for (index, name) in names.iter().enumerate() {
        origins.add(format!("{path}.names[{index}]"), name.to_string());
    }
    let mut client = run.client().await?;
    let before = edits::read(&mut client).await?;
    let done = format!("removed {} from {}", list_of(&names), called(&owner));
    let edit = FirewallEdit::RemoveExceptions { owner: owner.clone(), names };
    let edits_of = vec![Edit::Firewall(edit)];
    let save = Save { doing: "remove this", edits: edits_of, origins, etag: etag.etag };
    let after = edits::save(run, &mut client, &before, save).await?;
    let left = exceptions_of(&after.settings.firewall, &owner).map(<[Exception]>::len);
    let left = left.map(|n_left| format!("; it has {} now", n_exceptions(n_left))).unwrap_or_default();
    edits::tell(run, &after, &[format!("{done}{left}")])?;
    Ok(Exit::Done)
}

async fn reset(run: &Run, etag: Etag) -> Result<Exit, Failure> {
    let mut client = run.client().await?;
    let before = edits::read(&mut client).await?;
    let save = Save {
        doing: "reset the template",
        edits: vec![Edit::Firewall(FirewallEdit::ResetTemplate)],
        origins: Origins::none(),
        etag: etag.etag,
    };
    let after = edits::save(run, &mut client, &before, save).await?;
    let template = &after.settings.firewall.template;
    let done = if before.settings.firewall.template == *template {
        format!("the template was that of a new server already: {}", n_exceptions(template.len()))
    } else {
        format!("the template is that of a new server again: {}", n_exceptions(template.len()))
    };
    edits::tell(run, &after, &[done])?;
    Ok(Exit::Done)
}

/// `the policy "Travel"`.
fn called(owner: &Owner) -> String {
    match owner {
        Owner::Policy(name) => format!("the policy \"{name}\""),
        Owner::Template => "the template".to_owned(),
    }
}

/// The commands for this list, without the last word.
fn command_for(owner: &Owner) -> &'static str {
    match owner {
        Owner::Policy(_) => "landmarkctl firewall exceptions",
        Owner::Template => "landmarkctl firewall template",
    }
}

fn list_command(owner: &Owner) -> String {
    match owner {
        Owner::Policy(name) => format!("{} list {}", command_for(owner), argument(name.as_str())),
        Owner::Template => format!("{} list", command_for(owner)),
    }
}

fn exceptions_of<'a>(firewall: &'a Firewall, owner: &Owner) -> Result<&'a [Exception], Failure> {
    match owner {
        Owner::Policy(name) => Ok(&find_policy(firewall, name)?.exceptions),
        Owner::Template => Ok(&firewall.template),
    }
}

fn names(list: &[Exception]) -> Vec<&str> {
    list.iter().map(|exception| exception.name.as_str()).collect()
}

/// The place, from 1, and the exception.
fn find_in<'a>(list: &'a [Exception], name: &ItemName) -> Option<(usize, &'a Exception)> {
    (1..).zip(list).find(|(_, exception)| exception.name == name.as_str())
}

fn find<'a>(draft: &'a Draft, owner: &Owner, name: &ItemName) -> Option<(usize, &'a Exception)> {
    find_in(exceptions_of(&draft.settings.firewall, owner).ok()?, name)
}

fn no_exception(owner: &Owner, name: &ItemName, list: &[Exception]) -> Failure {
    let names = list.iter().map(|exception| exception.name.as_str());
    let list_command = list_command(owner);
    let list = list_command.trim_start_matches("landmarkctl firewall ");
    unknown(&format!("no exception \"{name}\" in {}", called(owner)), name, names, list)
}

fn new(name: &ItemName, wish: &Wish) -> Result<Exception, Failure> {
    let ports = wish.ports.clone().unwrap_or_default();
    let usual = if ports.is_all() { Protocol::All } else { Protocol::TcpUdp };
    Ok(Exception {
        name: name.to_string(),
        action: wish.action(),
        direction: Some(wish.direction().unwrap_or(Direction::Both)),
        protocol: Some(wish.protocol.unwrap_or(usual)),
        ports: port_texts(&ports),
        remotes: remotes(&wish.remotes)?.iter().map(Remote::to_string).collect(),
    })
}

/// What is not given stays. Nothing is given up unasked: ports of a protocol that has none must be given up on purpose.
fn changed(old: &Exception, new_name: Option<&ItemName>, wish: &Wish) -> Result<Exception, Failure> {
    let mut new = old.clone();
    if let Some(name) = new_name {
        new.name = name.to_string();
    }
    new.action = wish.action().or(old.action);
    new.direction = wish.direction().or(old.direction);
    new.protocol = wish.protocol.or(old.protocol);
    if let Some(ports) = &wish.ports {
        new.ports = port_texts(ports);
    }
    if !wish.remotes.is_empty() {
        new.remotes = remotes(&wish.remotes)?.iter().map(Remote::to_string).collect();
    }
    if let Some(protocol) = new.protocol.filter(|protocol| !protocol.has_ports() && !new.ports.is_empty()) {
        let name = &old.name;
        return Err(if wish.ports.is_some() {
            Failure::usage(format!("\"{name}\" is for {protocol}, which has no ports"))
                .hint("add --protocol tcp, udp or tcp+udp")
        } else {
            let ports = new.ports.join(",");
            Failure::usage(format!("{protocol} has no ports, and \"{name}\" is for the ports {ports}"))
                .hint("add --ports all to give them up")
        });
    }
    Ok(new)
}

fn port_texts(ports: &PortSet) -> Vec<String> {
    ports.ranges().iter().map(ToString::to_string).collect()
}

/// Those of all options; `all` stands alone.
fn remotes(given: &[Remotes]) -> Result<Vec<Remote>, Failure> {
    if given.len() > 1 && given.iter().any(Remotes::is_all) {
        return Err(Failure::usage("--remote all stands for everyone; give it alone, or leave it out"));
    }
    Ok(given.iter().flat_map(Remotes::as_slice).cloned().collect())
}

/// Which argument each value comes from.
fn origins(path: &Path, owner: &Owner, name: &ItemName, exception: &Exception) -> Origins {
    let mut origins = Origins::none()
        .with(format!("{path}"), name.to_string())
        .with(format!("{path}.policy"), called(owner))
        .with(format!("{path}.exception.action"), "--allow or --block")
        .with(format!("{path}.exception.direction"), "--in, --out or --both")
        .with(format!("{path}.exception.protocol"), "--protocol")
        .with(format!("{path}.exception.ports"), "--ports")
        .with(format!("{path}.exception.remotes"), "--remote");
    for (index, remote) in exception.remotes.iter().enumerate() {
        origins.add(format!("{path}.exception.remotes[{index}]"), format!("--remote {remote}"));
    }
    origins
}

#[cfg(test)]
mod tests;
