//! The reference server list: shown, enabled, ordered, added to, deleted from.

use std::collections::HashMap;

use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use landmark_proto::pin::SpkiPin;
use landmark_proto::wire;
use landmark_proto::wire::edit::{
    AddReferenceServer, EnableReferenceServers, Kind, MoveReferenceServer, RemoveReferenceServers,
};

use super::super::Console;
use super::super::changes::{self, Line};
use super::super::fields::Fields;
use super::super::findings::Finding;
use super::super::form::Errors;
use super::super::format::{counted, encoded};
use super::super::mount::Mount;
use super::super::problem::Problem;
use super::super::saving::{Version, focus_after_move};
use super::super::visit::Visit;
use super::health::Reach;
use super::{Unsaved, at, here, refused, unreadable};

pub(super) fn mount(mount: Mount) -> Mount {
    mount
        .post("/location/servers", add)
        .post("/location/servers/enable", enable)
        .post("/location/servers/move", put_elsewhere)
        .post("/location/servers/delete", delete)
}

/// The list, as the page shows it.
pub(super) struct List {
    pub(super) is_enabled: bool,
    pub(super) rows: Vec<Row>,
    /// What agents still hold, and the draft does not.
    pub(super) removed: Vec<Line>,
    /// Whether enabling it, or the opposite, is not assigned yet.
    pub(super) is_switched: bool,
    pub(super) max: u32,
    pub(super) errors: Errors,
}

/// One reference server.
pub(super) struct Row {
    /// Of its element.
    pub(super) id: String,
    pub(super) host: String,
    pub(super) ports: String,
    pub(super) n_pins: usize,
    /// How it differs from the present assignment: `new`, `changed`, `moved`.
    pub(super) badges: Vec<&'static str>,
    /// `None`: it is not assigned yet.
    pub(super) reach: Option<Reach>,
    pub(super) hints: Vec<Finding>,
}

impl Row {
    /// Where it is edited.
    pub(super) fn edit(&self, is_from_firewall: &bool) -> String {
        edit_of(&self.host, *is_from_firewall)
    }
}

/// Where a host's entry is edited.
pub(super) fn edit_of(host: &str, is_from_firewall: bool) -> String {
    let from = if is_from_firewall { "&from=firewall" } else { "" };
    format!("/location/servers/edit?host={}{from}", encoded(host))
}

/// What is known of the list beside itself.
pub(super) struct About<'a> {
    pub(super) changes: &'a [Line],
    pub(super) findings: &'a [Finding],
    pub(super) health: &'a wire::ReferenceServerHealth,
    pub(super) max: u32,
}

impl List {
    pub(super) fn new(list: wire::ReferenceServerList, about: &About<'_>, errors: Errors) -> Self {
        let reached: HashMap<&str, &wire::ServerHealth> =
            about.health.servers.iter().map(|server| (server.host.as_str(), server)).collect();
        let is_of = |path: &str, host: &str| changes::server_of(path).is_some_and(|(of, _)| of == host);
        let row = |server: wire::ReferenceServer| {
            let wire::ReferenceServer { host, ports, tls } = server;
            let lines = about.changes.iter().filter(|line| is_of(&line.path, &host));
            Row {
                id: id_of(&host),
                ports: listed(&ports),
                n_pins: tls.map_or(0, |tls| tls.pins.len()),
                badges: badges(lines),
                reach: reached.get(host.as_str()).map(|server| Reach::new(server, about.health)),
                hints: about.findings.iter().filter(|finding| is_of(&finding.path, &host)).cloned().collect(),
                host,
            }
        };
        let is_removed = |line: &&Line| {
            line.kind == changes::Kind::Removed
                && changes::server_of(&line.path).is_some_and(|(_, field)| field.is_empty())
        };
        Self {
            is_enabled: list.enabled,
            rows: list.servers.into_iter().map(row).collect(),
            removed: about.changes.iter().filter(is_removed).cloned().collect(),
            is_switched: about.changes.iter().any(|line| line.path == "reference_servers.enabled"),
            max: about.max,
            errors,
        }
    }
}

fn badges<'a>(lines: impl Iterator<Item = &'a Line>) -> Vec<&'static str> {
    let mut badges = Vec::new();
    for line in lines {
        let is_whole = changes::server_of(&line.path).is_some_and(|(_, field)| field.is_empty());
        let badge = match line.kind {
            changes::Kind::Added if is_whole => "new",
            changes::Kind::Moved if is_whole => "moved",
            changes::Kind::Added | changes::Kind::Moved | changes::Kind::Removed | changes::Kind::Changed => {
                "changed"
            }
        };
        if !badges.contains(&badge) {
            badges.push(badge);
        }
    }
    badges
}

/// Of the element of a host's row.
pub(super) fn id_of(host: &str) -> String {
    format!("server-{host}")
}

/// `80, 443`.
pub(super) fn listed(ports: &[u32]) -> String {
    ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// An entry in short: `80, 443 (tls, 2 pins)`.
pub(in crate::console) fn described(server: &wire::ReferenceServer) -> String {
    let ports = listed(&server.ports);
    match &server.tls {
        None => format!("{ports} (tcp)"),
        Some(tls) => {
            let n_pins = u64::try_from(tls.pins.len()).unwrap_or(u64::MAX);
            format!("{ports} (tls, {})", counted(n_pins, "pin", "pins"))
        }
    }
}

/// An entry of the saved settings, and its place from 0.
pub(super) fn find<'a>(
    settings: &'a wire::Settings,
    host: &str,
) -> Option<(usize, &'a wire::ReferenceServer)> {
    let list = settings.reference_servers.as_ref()?;
    list.servers.iter().enumerate().find(|(_, server)| server.host == host)
}

/// The form of a server as it was typed.
#[derive(Clone, Debug, Default)]
pub(super) struct Typed {
    pub(super) host: String,
    pub(super) ports: String,
    /// One a line.
    pub(super) pins: String,
    pub(super) errors: Errors,
}

impl Typed {
    pub(super) const FIELDS: &[&str] = &["host", "ports", "pins"];

    pub(super) fn read(fields: &Fields) -> Self {
        Self {
            host: fields.text("host").to_owned(),
            ports: fields.text("ports").to_owned(),
            pins: fields.text("pins").to_owned(),
            errors: Errors::default(),
        }
    }

    /// The ports as numbers; their range is checked where they are saved.
    pub(super) fn ports(fields: &Fields, errors: &mut Errors) -> Vec<u32> {
        let mut ports = Vec::new();
        for word in fields.words("ports") {
            match word.parse() {
                Ok(port) => ports.push(port),
                Err(_) => errors.push("ports", format!("{word:?} is not a port (1 to 65535)")),
            }
        }
        ports
    }

    /// The pins as bytes.
    pub(super) fn pins(fields: &Fields, errors: &mut Errors) -> Vec<Bytes> {
        let mut pins = Vec::new();
        for word in fields.words("pins") {
            match word.parse::<SpkiPin>() {
                Ok(pin) => pins.push(pin.as_bytes().to_vec().into()),
                Err(error) => errors.push("pins", format!("{word:?} is {error}")),
            }
        }
        pins
    }

    /// As it would be an entry, for the comparison of two versions.
    pub(super) fn described(&self) -> String {
        let n_pins = u64::try_from(self.pins.split_whitespace().count()).unwrap_or(u64::MAX);
        match n_pins {
            0 => self.ports.clone(),
            n => format!("{} (tls, {})", self.ports, counted(n, "pin", "pins")),
        }
    }

    /// Whether the part of the form that most do not need is open.
    pub(super) fn shows_pins(&self) -> bool {
        !self.pins.is_empty() || !self.errors.of("pins").is_empty()
    }
}

async fn add(State(console): State<Console>, visit: Visit, fields: Fields) -> Result<Response, Problem> {
    let mut typed = Typed::read(&fields);
    let ports = Typed::ports(&fields, &mut typed.errors);
    let pins = Typed::pins(&fields, &mut typed.errors);
    if !typed.errors.is_empty() {
        let unsaved = Unsaved { server: typed, ..Unsaved::default() };
        return unreadable((&console, &visit, &fields), unsaved).await;
    }
    let tls = (!pins.is_empty()).then_some(wire::TlsProbe { pins });
    let host = typed.host.clone();
    let kind = Kind::AddReferenceServer(AddReferenceServer { host, ports, position: None, tls });
    match console.save(&visit, &fields, kind).await {
        Ok(saved) => {
            let text = saved.words(format!("reference server {} with port {}.", typed.host, typed.ports));
            Ok(console.done(&visit, &here(&fields, "host"), text))
        }
        Err(error) => {
            let versions = |settings: &wire::Settings| {
                let saved = find(settings, &typed.host).map(|(_, server)| described(server));
                let saved = saved.unwrap_or_else(|| "not on the list".to_owned());
                vec![Version::new(format!("Reference server {}", typed.host), saved, typed.described())]
            };
            let unsaved =
                |errors| Unsaved { server: Typed { errors, ..typed.clone() }, ..Unsaved::default() };
            refused((&console, &visit, &fields), error, versions, unsaved).await
        }
    }
}

async fn enable(State(console): State<Console>, visit: Visit, fields: Fields) -> Result<Response, Problem> {
    let enabled = fields.is_set("enabled");
    let word = |enabled: bool| if enabled { "enabled" } else { "disabled" };
    let kind = Kind::EnableReferenceServers(EnableReferenceServers { enabled });
    match console.save(&visit, &fields, kind).await {
        Ok(saved) => {
            let text = saved.words(format!("the reference server list is {}.", word(enabled)));
            Ok(console.done(&visit, &here(&fields, "enabled"), text))
        }
        Err(error) => {
            let versions = |settings: &wire::Settings| {
                let saved = settings.reference_servers.as_ref().is_some_and(|list| list.enabled);
                vec![Version::new("Reference server list", word(saved), word(enabled))]
            };
            refused((&console, &visit, &fields), error, versions, list_errors).await
        }
    }
}

async fn put_elsewhere(
    State(console): State<Console>,
    visit: Visit,
    fields: Fields,
) -> Result<Response, Problem> {
    let host = fields.text("name").to_owned();
    let Ok(position) = fields.text("position").parse::<u32>() else {
        let message = format!("{:?} is not a place of the list", fields.text("position"));
        let unsaved = list_errors(Errors::at("", message));
        return unreadable((&console, &visit, &fields), unsaved).await;
    };
    let place = u64::from(position) + 1;
    let kind = Kind::MoveReferenceServer(MoveReferenceServer { host: host.clone(), position });
    match console.save(&visit, &fields, kind).await {
        Ok(saved) => {
            let text = saved.words(format!("{host} is at place {place}."));
            Ok(console.done(&visit, &at(&fields, &focus_after_move(&fields, &id_of(&host))), text))
        }
        Err(error) => {
            let versions = |settings: &wire::Settings| {
                let saved = find(settings, &host)
                    .map_or_else(|| "not on the list".to_owned(), |(at, _)| format!("place {}", at + 1));
                vec![Version::new(format!("Reference server {host}"), saved, format!("place {place}"))]
            };
            refused((&console, &visit, &fields), error, versions, list_errors).await
        }
    }
}

async fn delete(State(console): State<Console>, visit: Visit, fields: Fields) -> Result<Response, Problem> {
    let hosts: Vec<&str> = fields.all("host").collect();
    let whole =
        |host: &&str| wire::ReferenceServer { host: (*host).to_owned(), ports: Vec::new(), tls: None };
    let kind =
        Kind::RemoveReferenceServers(RemoveReferenceServers { servers: hosts.iter().map(whole).collect() });
    match console.save(&visit, &fields, kind).await {
        Ok(saved) => {
            let text = match hosts.as_slice() {
                [host] => format!("{host} is deleted."),
                hosts => {
                    let n_hosts = u64::try_from(hosts.len()).unwrap_or(u64::MAX);
                    format!("{} are deleted.", counted(n_hosts, "reference server", "reference servers"))
                }
            };
            Ok(console.done(&visit, &here(&fields, "reference-servers"), saved.words(text)))
        }
        Err(error) => {
            let versions = |settings: &wire::Settings| {
                let version = |host: &&str| {
                    let saved = find(settings, host).map(|(_, server)| described(server));
                    let saved = saved.unwrap_or_else(|| "not on the list".to_owned());
                    Version::new(format!("Reference server {host}"), saved, "deleted")
                };
                hosts.iter().map(version).collect()
            };
            refused((&console, &visit, &fields), error, versions, list_errors).await
        }
    }
}

fn list_errors(errors: Errors) -> Unsaved {
    Unsaved { list_errors: errors, ..Unsaved::default() }
}
