//! `landmarkctl servers`: the reference server list.

mod change;
mod pin;

use serde::Serialize;

use super::edits::{self, Save};
use super::places::{self, Spot};
use super::{Run, health, lint, sheets};
use crate::cli::edits::Etag;
use crate::cli::servers::{Add, Move, Place, Servers};
use crate::client::{Client, Edit, Entry};
use crate::errors::{Exit, Failure, Origins, refused};
use crate::render::advice;
use crate::render::changes::unassigned;
use crate::render::settings::{self, entry, mark};
use crate::target::{self, InvalidTarget, Target, canonical};
use crate::view::change::Change;
use crate::view::draft::{Draft, Probe, ReferenceServers};

const NO_SERVERS: &str = "there are no reference servers: landmarkctl servers add HOST PORT (for example intranet.example.com 443)";

pub(super) async fn run(run: &Run, command: Servers) -> Result<Exit, Failure> {
    match command {
        Servers::List { assigned: false } => list(run).await,
        Servers::List { assigned: true } => list_assigned(run).await,
        Servers::Health { refresh } => health::run(run, refresh).await,
        Servers::Add(arguments) => add(run, arguments).await,
        Servers::Show { host } => show(run, &host).await,
        Servers::Edit(arguments) => change::edit(run, arguments).await,
        Servers::Pin(arguments) => pin::pin(run, arguments).await,
        Servers::Lint { strict } => lint::run(run, strict).await,
        Servers::Move(arguments) => move_to(run, arguments).await,
        Servers::Remove { targets, etag } => remove(run, &targets, etag).await,
        Servers::Enable(etag) => enable(run, true, etag).await,
        Servers::Disable(etag) => enable(run, false, etag).await,
        Servers::Import(arguments) => sheets::import(run, arguments).await,
        Servers::Export { file, assigned, force } => {
            sheets::export(run, file.as_deref(), assigned, force).await
        }
    }
}

#[derive(Serialize)]
struct ListDocument<'a> {
    etag: &'a str,
    assigned_revision: Option<u64>,
    differs: bool,
    n_changes: usize,
    enabled: bool,
    servers: Vec<ListedServer<'a>>,
}

#[derive(Serialize)]
struct ListedServer<'a> {
    position: usize,
    host: &'a str,
    ports: &'a [u32],
    #[serde(flatten)]
    probe: &'a Probe,
    /// How it differs from what is assigned.
    #[serde(skip_serializing_if = "Option::is_none")]
    unassigned: Option<String>,
}

async fn list(run: &Run) -> Result<Exit, Failure> {
    let mut client = run.client().await?;
    let draft = edits::read(&mut client).await?;
    let changes = if draft.differs { draft_changes(&mut client).await? } else { Vec::new() };
    let list = &draft.settings.reference_servers;
    if run.out.is_json() {
        let servers = list.servers.iter().map(|server| ListedServer {
            position: server.position,
            host: &server.host,
            ports: &server.ports,
            probe: &server.probe,
            unassigned: mark(&server.host, &changes),
        });
        run.out.document(&ListDocument {
            etag: &draft.etag,
            assigned_revision: draft.assigned_revision,
            differs: draft.differs,
            n_changes: changes.len(),
            enabled: list.enabled,
            servers: servers.collect(),
        })?;
        return Ok(Exit::Done);
    }
    if list.servers.is_empty() {
        run.out.remark(NO_SERVERS);
    } else {
        run.out.data(&settings::servers(list, &changes, &run.out.paper()))?;
    }
    remark_state(run, list);
    match (draft.differs, draft.assigned_revision) {
        (true, None) if changes.is_empty() => run.out.remark("nothing was assigned yet"),
        (true, _) => run.out.remark(format!(
            "{}: landmarkctl draft diff, then landmarkctl assign",
            unassigned(changes.len())
        )),
        (false, Some(revision)) => run.out.remark(format!("in force as assignment {revision}")),
        (false, None) => run.out.remark("nothing was assigned yet"),
    }
    Ok(Exit::Done)
}

async fn show(run: &Run, host: &str) -> Result<Exit, Failure> {
    let mut client = run.client().await?;
    let draft = edits::read(&mut client).await?;
    let server = draft.settings.reference_servers.find(&canonical(host)).ok_or_else(|| {
        Failure::new(Exit::Refused, format!("{host} is not on the list")).hint("landmarkctl servers list")
    })?;
    run.out.result(server, || settings::server(server))?;
    Ok(Exit::Done)
}

async fn draft_changes(client: &mut Client) -> Result<Vec<Change>, Failure> {
    let diff = client.draft_diff().await;
    Ok(diff.map_err(|error| refused("compare the draft", error, &Origins::none()))?.changes)
}

async fn list_assigned(run: &Run) -> Result<Exit, Failure> {
    let mut client = run.client().await?;
    let detail = client
        .assignment(None)
        .await
        .map_err(|error| refused("read the assignment in force", error, &Origins::none()))?;
    let list = &detail.settings.reference_servers;
    run.out.result(&detail, || settings::servers(list, &[], &run.out.paper()))?;
    run.out.remark(format!("assignment {}", detail.summary.revision));
    remark_state(run, list);
    Ok(Exit::Done)
}

fn remark_state(run: &Run, list: &ReferenceServers) {
    if list.enabled && list.servers.is_empty() {
        run.out.remark("the list is enabled and empty");
    } else if list.enabled {
        run.out.remark("the list is enabled");
    } else {
        run.out.remark("the list is disabled, agents do not try it: landmarkctl servers enable");
    }
}

async fn add(run: &Run, arguments: Add) -> Result<Exit, Failure> {
    let Add { targets, pins, place, etag } = arguments;
    let targets = target::with_ports(&targets).map_err(|problems| wrong_targets(&problems))?;
    if !pins.is_empty() && targets.len() > 1 {
        return Err(Failure::usage("--pin is for one host").hint("add the others by themselves"));
    }
    let mut client = run.client().await?;
    let before = edits::read(&mut client).await?;
    let first_place = if place.is_given() { Some(place_of(&place, None, &before)?) } else { None };
    let mut origins = Origins::none();
    let mut edits = Vec::new();
    for (index, target) in targets.iter().enumerate() {
        let path = format!("edits[{index}].add_reference_server");
        name_target(&mut origins, &path, target);
        origins.add(format!("{path}.position"), "the place");
        let position = first_place.and_then(|first| first.checked_add(u32::try_from(index).ok()?));
        origins.add(format!("{path}.tls"), "--pin");
        edits.push(Edit::Add { entry: Entry { pins: pins.clone(), ..to_entry(target) }, position });
    }
    let save = Save {
        doing: "add this",
        edits,
        origins,
        // A place that was counted in the list as read is only right in that list.
        etag: etag.etag.or_else(|| first_place.map(|_| before.etag.clone())),
    };
    let after = edits::save(run, &mut client, &before, save).await?;
    let mut told: Vec<String> = targets.iter().map(|target| added(target, &before, &after)).collect();
    if !pins.is_empty() {
        told.extend(targets.iter().filter_map(|target| change::keys_of(&target.host.value, &after)));
    }
    edits::tell(run, &after, &told)?;
    edits::remark_own_machine(run, &after);
    if !after.settings.reference_servers.enabled {
        remark_state(run, &after.settings.reference_servers);
    }
    Ok(Exit::Done)
}

/// What adding did to one host.
fn added(target: &Target, before: &Draft, after: &Draft) -> String {
    let host = canonical(&target.host.value);
    let (before, after) = (&before.settings.reference_servers, &after.settings.reference_servers);
    match (before.find(&host), after.find(&host)) {
        (Some(old), Some(new)) if old.ports == new.ports => {
            format!("{} was on the list already", entry(&host, &new.ports))
        }
        (Some(old), Some(new)) => {
            let new_ports: Vec<u32> =
                new.ports.iter().copied().filter(|port| !old.ports.contains(port)).collect();
            let noun = if new_ports.len() == 1 { "port" } else { "ports" };
            format!(
                "{host} was on the list already: added {noun} {}; it now has {}",
                settings::port_list(&new_ports),
                settings::port_list(&new.ports)
            )
        }
        (None, Some(new)) => format!("added {} at place {}", entry(&host, &new.ports), new.position),
        // Somebody removed it at once.
        (_, None) => format!("added {host}"),
    }
}

async fn move_to(run: &Run, arguments: Move) -> Result<Exit, Failure> {
    let Move { host, place, etag } = arguments;
    if !place.is_given() {
        return Err(Failure::usage(format!("where shall {host} go?"))
            .hint("give one of --to N, --first, --last, --before HOST, --after HOST"));
    }
    let mut client = run.client().await?;
    let before = edits::read(&mut client).await?;
    let position = place_of(&place, Some(&canonical(&host)), &before)?;
    let origins = Origins::none()
        .with("edits[0].move_reference_server.host", host.clone())
        .with("edits[0].move_reference_server.position", "the place");
    let edit = Edit::Move { host: host.clone(), position };
    let etag = etag.etag.or_else(|| Some(before.etag.clone()));
    let save = Save { doing: "move this entry", edits: vec![edit], origins, etag };
    let after = edits::save(run, &mut client, &before, save).await?;
    let position = after.settings.reference_servers.find(&canonical(&host)).map(|server| server.position);
    let done =
        position.map_or_else(|| format!("moved {host}"), |place| format!("{host} is at place {place} now"));
    edits::tell(run, &after, &[done])?;
    Ok(Exit::Done)
}

/// The place on the wire: from 0, counted without the entry that moves.
fn place_of(place: &Place, moving: Option<&str>, draft: &Draft) -> Result<u32, Failure> {
    let servers = &draft.settings.reference_servers.servers;
    let hosts: Vec<&str> = servers.iter().map(|server| server.host.as_str()).collect();
    let spot = match place {
        Place { to: Some(to), .. } => Spot::To(*to),
        Place { before: Some(neighbour), .. } => Spot::Before(canonical(neighbour)),
        Place { after: Some(neighbour), .. } => Spot::After(canonical(neighbour)),
        Place { last: true, .. } => Spot::Last,
        Place { .. } => Spot::First,
    };
    places::place_of(&spot, &hosts, moving, "landmarkctl servers list")
}

async fn remove(run: &Run, arguments: &[String], etag: Etag) -> Result<Exit, Failure> {
    let targets = target::each(arguments).map_err(|problems| {
        not_understood(&problems).hint("HOST, HOST:PORT or [IPV6]:PORT, for example: 10.1.1.5:443")
    })?;
    let mut origins = Origins::none();
    for (index, target) in targets.iter().enumerate() {
        name_target(&mut origins, &format!("edits[0].remove_reference_servers.servers[{index}]"), target);
    }
    let mut client = run.client().await?;
    let before = edits::read(&mut client).await?;
    let edit = Edit::Remove(targets.iter().map(to_entry).collect());
    let save = Save { doing: "remove this", edits: vec![edit], origins, etag: etag.etag };
    let after = edits::save(run, &mut client, &before, save).await?;
    let told: Vec<String> = targets.iter().map(|target| removed(target, &before, &after)).collect();
    edits::tell(run, &after, &told)?;
    if after.settings.reference_servers.servers.is_empty()
        && let Some(remark) = advice::nothing_to_try(&after.settings)
    {
        run.out.remark(format!("once that is assigned: {remark}"));
    }
    Ok(Exit::Done)
}

fn removed(target: &Target, before: &Draft, after: &Draft) -> String {
    let host = canonical(&target.host.value);
    let old = before.settings.reference_servers.find(&host);
    match (old, after.settings.reference_servers.find(&host)) {
        (_, Some(left)) => {
            let gone = settings::port_list(&target.numbers());
            format!("removed port {gone} of {host}; {} left", settings::port_list(&left.ports))
        }
        (Some(old), None) if !target.ports.is_empty() => {
            format!("removed {} with its last port", entry(&host, &old.ports))
        }
        (Some(old), None) => format!("removed {}", entry(&host, &old.ports)),
        (None, None) => format!("removed {host}"),
    }
}

async fn enable(run: &Run, enabled: bool, etag: Etag) -> Result<Exit, Failure> {
    let mut client = run.client().await?;
    let before = edits::read(&mut client).await?;
    let doing = if enabled { "enable the list" } else { "disable the list" };
    let save = Save { doing, edits: vec![Edit::Enable(enabled)], origins: Origins::none(), etag: etag.etag };
    let after = edits::save(run, &mut client, &before, save).await?;
    let word = if enabled { "enabled" } else { "disabled" };
    let done = if before.settings.reference_servers.enabled == enabled {
        format!("the list was {word} already")
    } else {
        format!("the list is {word}")
    };
    edits::tell(run, &after, &[done])?;
    if enabled && after.settings.reference_servers.servers.is_empty() {
        run.out.remark(NO_SERVERS);
    }
    Ok(Exit::Done)
}

fn wrong_targets(problems: &[InvalidTarget]) -> Failure {
    not_understood(problems).hint("HOST PORT…, HOST:PORT or [IPV6]:PORT, for example: 10.1.1.5 443 80")
}

fn not_understood(problems: &[InvalidTarget]) -> Failure {
    let failure = Failure::usage("this cannot be understood");
    problems.iter().fold(failure, |failure, problem| failure.problem("", problem.to_string()))
}

fn to_entry(target: &Target) -> Entry {
    Entry { host: target.host.value.clone(), ports: target.numbers(), pins: Vec::new() }
}

/// Where the values of one entry came from.
fn name_target(origins: &mut Origins, path: &str, target: &Target) {
    origins.add(path, target.host.argument.clone());
    for (index, port) in target.ports.iter().enumerate() {
        let place = if port.argument.contains(&target.host.value) {
            port.argument.clone()
        } else {
            format!("{} {}", target.host.argument, port.argument)
        };
        origins.add(format!("{path}.ports[{index}]"), place);
    }
}

#[cfg(test)]
mod tests;
