//! One reference server of the list: its name, its ports, its key pins, and how the fleet fares with it.

use std::time::SystemTime;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use landmark_proto::pin::SpkiPin;
use landmark_proto::wire;
use landmark_proto::wire::edit::{EditReferenceServer, Kind};

use super::super::Console;
use super::super::fields::Fields;
use super::super::findings::{Finding, findings};
use super::super::format::{Moment, Number};
use super::super::layout::{Layout, Section, shown};
use super::super::mount::Mount;
use super::super::problem::Problem;
use super::super::saving::{Conflict, Version};
use super::super::visit::Visit;
use super::super::{changes, wired};
use super::servers::{self, Typed, edit_of, id_of};
use super::{here, is_from_firewall};
use crate::admin::AdminError;

pub(super) fn mount(mount: Mount) -> Mount {
    mount.get("/location/servers/edit", show).post("/location/servers/edit", save)
}

#[derive(Template)]
#[template(path = "location_server.html")]
struct Page {
    layout: Layout,
    etag: String,
    conflict: Option<Conflict>,
    is_from_firewall: bool,
    /// As it is saved.
    host: String,
    typed: Typed,
    hints: Vec<Finding>,
    ports: Vec<Port>,
    certificates: Vec<Certificate>,
}

/// What agents told of one port.
struct Port {
    number: u32,
    n_tried: Number,
    n_answered: Number,
    /// `12 ms`.
    median: String,
}

/// A certificate that agents saw.
struct Certificate {
    pin: String,
    expires: Option<Moment>,
    is_pinned: bool,
    n_agents: Number,
}

impl Page {
    /// Of the form, and as the contract calls them.
    const FIELDS: &[&str] = &["host", "new_host", "ports", "new_ports", "pins"];

    fn host_errors(&self) -> Vec<&str> {
        [self.typed.errors.of("host"), self.typed.errors.of("new_host")].concat()
    }

    fn port_errors(&self) -> Vec<&str> {
        [self.typed.errors.of("ports"), self.typed.errors.of("new_ports")].concat()
    }

    fn back(&self) -> &'static str {
        list(self.is_from_firewall)
    }
}

fn list(is_from_firewall: bool) -> &'static str {
    if is_from_firewall { "/location?from=firewall#reference-servers" } else { "/location#reference-servers" }
}

async fn show(State(console): State<Console>, visit: Visit) -> Result<Response, Problem> {
    let page = page(&console, &visit, visit.query.text("host"), &visit.query).await?;
    shown(&page.ok_or(Problem::NotFound)?)
}

/// `None`: the host is not on the list, or not any more.
async fn page(
    console: &Console,
    visit: &Visit,
    host: &str,
    fields: &Fields,
) -> Result<Option<Page>, Problem> {
    let draft = console.draft().await?;
    let settings = draft.settings.unwrap_or_default();
    let Some((_, server)) = servers::find(&settings, host) else { return Ok(None) };
    let is_of = |finding: &Finding| changes::server_of(&finding.path).is_some_and(|(of, _)| of == host);
    let admin = console.admin();
    let doubts = findings(admin.drafts.lint_at_once().await?);
    let health = admin.reference_servers.health().await?;
    let reached = health.servers.into_iter().find(|server| server.host == host).unwrap_or_default();
    Ok(Some(Page {
        layout: console.layout(visit, Section::Location, "Edit reference server").await?,
        etag: draft.etag,
        conflict: None,
        is_from_firewall: is_from_firewall(fields),
        host: host.to_owned(),
        typed: Typed {
            host: server.host.clone(),
            ports: servers::listed(&server.ports),
            pins: pin_lines(server),
            ..Typed::default()
        },
        hints: doubts.into_iter().filter(is_of).collect(),
        certificates: certificates(&reached, visit.now),
        ports: reached.ports.iter().filter(|port| port.n_tried > 0).map(port_of).collect(),
    }))
}

/// One a line.
fn pin_lines(server: &wire::ReferenceServer) -> String {
    let pins = server.tls.iter().flat_map(|tls| &tls.pins);
    let texts = pins.filter_map(|pin| SpkiPin::try_from(&pin[..]).ok()).map(|pin| pin.to_string());
    texts.collect::<Vec<_>>().join("\n")
}

fn port_of(port: &wire::PortHealth) -> Port {
    let median = port.median.map(|median| format!("{} ms", wired::duration(Some(median)).as_millis()));
    Port {
        number: port.port,
        n_tried: Number(port.n_tried),
        n_answered: Number(port.n_answered),
        median: median.unwrap_or_default(),
    }
}

/// Each key once, however many ports show it.
fn certificates(server: &wire::ServerHealth, now: SystemTime) -> Vec<Certificate> {
    let mut seen: Vec<Certificate> = Vec::new();
    for certificate in server.ports.iter().flat_map(|port| &port.certificates) {
        let wire::CertificateSeen { certificate: Some(peer), pinned, n_agents } = certificate else {
            continue;
        };
        let Ok(pin) = SpkiPin::try_from(&peer.pin[..]) else { continue };
        let pin = pin.to_string();
        if seen.iter().all(|other| other.pin != pin) {
            let expires = wired::time_if_any(peer.not_after).map(|at| Moment::new(at, now));
            seen.push(Certificate { pin, expires, is_pinned: *pinned, n_agents: Number(*n_agents) });
        }
    }
    seen
}

async fn save(State(console): State<Console>, visit: Visit, fields: Fields) -> Result<Response, Problem> {
    let was = fields.text("was").to_owned();
    let mut typed = Typed::read(&fields);
    if typed.host.is_empty() {
        typed.errors.push("host", "is missing (an address, a computer name or a domain name)");
    }
    let new_ports = Typed::ports(&fields, &mut typed.errors);
    if new_ports.is_empty() && typed.errors.of("ports").is_empty() {
        typed.errors.push("ports", "at least one port is needed");
    }
    let pins = Typed::pins(&fields, &mut typed.errors);
    if !typed.errors.is_empty() {
        return again(&console, &visit, (&was, &fields), typed, StatusCode::UNPROCESSABLE_ENTITY).await;
    }
    let kind = Kind::EditReferenceServer(EditReferenceServer {
        host: was.clone(),
        new_host: typed.host.clone(),
        new_ports,
        new_tls: Some(wire::TlsProbe { pins }),
    });
    match console.save(&visit, &fields, kind).await {
        Ok(saved) => {
            let text = saved.words(format!("reference server {}.", typed.host));
            Ok(console.done(&visit, &here(&fields, &id_of(&typed.host.to_lowercase())), text))
        }
        Err(AdminError::Invalid(violations)) => {
            typed.errors = violations.into();
            again(&console, &visit, (&was, &fields), typed, StatusCode::UNPROCESSABLE_ENTITY).await
        }
        Err(AdminError::Conflict(_)) => {
            again(&console, &visit, (&was, &fields), typed, StatusCode::CONFLICT).await
        }
        Err(error) => Err(error.into()),
    }
}

/// The page with what was typed; at a conflict, with what is saved beside it.
async fn again(
    console: &Console,
    visit: &Visit,
    (was, fields): (&str, &Fields),
    typed: Typed,
    status: StatusCode,
) -> Result<Response, Problem> {
    let found = page(console, visit, was, fields).await?;
    let draft = console.draft().await?;
    let conflict = || Conflict {
        versions: versions(&draft, was, &typed),
        ..Conflict::new(visit, fields, &draft, edit_of(was, is_from_firewall(fields)))
    };
    let conflict = (status == StatusCode::CONFLICT).then(conflict);
    let Some(page) = found else {
        let text = format!("{was} is not on the list any more: somebody deleted it. Nothing was saved.");
        return Ok(console.not_done(visit, list(is_from_firewall(fields)), text));
    };
    let page = Page { typed, conflict, ..page };
    Ok((status, Html(page.render()?)).into_response())
}

fn versions(draft: &wire::Draft, was: &str, typed: &Typed) -> Vec<Version> {
    let settings = draft.settings.clone().unwrap_or_default();
    let saved = servers::find(&settings, was).map(|(_, server)| server.clone()).unwrap_or_default();
    let pins = |lines: &str| if lines.is_empty() { "none (tcp)".to_owned() } else { lines.to_owned() };
    vec![
        Version::new("Address or name", saved.host.clone(), typed.host.clone()),
        Version::new("Ports", servers::listed(&saved.ports), typed.ports.clone()),
        Version::new("Key pins", pins(&pin_lines(&saved)), pins(&typed.pins)),
    ]
}
