//! One exception, as it is typed, and the page that edits it.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use landmark_proto::firewall::PortSet;
use landmark_proto::wire;
use landmark_proto::wire::edit::Kind;

use super::conflict::{Conflict, Told, Versus};
use super::exceptions::page_of;
use super::words::{self, ACTIONS, Choice, DIRECTIONS, PROTOCOLS, entries};
use super::{Drafted, Edited, edit, policies, refused, row_id};
use crate::console::Console;
use crate::console::fields::Fields;
use crate::console::form::Errors;
use crate::console::format::encoded;
use crate::console::layout::{Layout, Section, shown};
use crate::console::mount::Mount;
use crate::console::problem::Problem;
use crate::console::visit::Visit;

pub(super) fn mount(mount: Mount) -> Mount {
    mount.get("/firewall/exceptions/edit", show).post("/firewall/exceptions/edit", save)
}

/// The form as it was typed.
#[derive(Clone, Debug)]
pub(super) struct Typed {
    pub(super) name: String,
    action: String,
    direction: String,
    protocol: String,
    pub(super) ports: String,
    pub(super) remotes: String,
    /// Of a new one: empty for the end.
    position: String,
}

impl Default for Typed {
    fn default() -> Self {
        Self {
            name: String::new(),
            action: "allow".to_owned(),
            direction: "inbound".to_owned(),
            protocol: "tcp".to_owned(),
            ports: String::new(),
            remotes: String::new(),
            position: String::new(),
        }
    }
}

impl Typed {
    pub(super) fn read(fields: &Fields) -> Self {
        let text = |name| fields.text(name).to_owned();
        Self {
            name: text("name"),
            action: text("action"),
            direction: text("direction"),
            protocol: text("protocol"),
            ports: text("ports"),
            remotes: text("remotes"),
            position: text("position"),
        }
    }

    pub(super) fn of(exception: &wire::FirewallException) -> Self {
        let wire::FirewallException { name, action, direction, protocol, ports, remotes } = exception;
        Self {
            name: name.clone(),
            action: ACTIONS.word(*action).to_owned(),
            direction: DIRECTIONS.word(*direction).to_owned(),
            protocol: PROTOCOLS.word(*protocol).to_owned(),
            ports: words::ports(ports),
            remotes: remotes.join("\n"),
            position: String::new(),
        }
    }

    /// As the contract has it, unless its ports are no numbers.
    pub(super) fn exception(&self, fields: &Fields) -> Result<wire::FirewallException, Errors> {
        Ok(wire::FirewallException {
            name: self.name.clone(),
            action: ACTIONS.number(&self.action),
            direction: DIRECTIONS.number(&self.direction),
            protocol: PROTOCOLS.number(&self.protocol),
            ports: ports(&self.ports)?,
            remotes: entries(fields, "remotes"),
        })
    }

    /// Where a new one shall stand; `None` for the end.
    pub(super) fn place(&self) -> Result<Option<u32>, Errors> {
        let text = &self.position;
        let wrong = |_| Errors::at("position", format!("{text:?} is not a place in the list"));
        if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(wrong) }
    }

    /// For people, who compare two of them.
    pub(super) fn told(self) -> Told {
        let all = |text: String| if text.is_empty() { "all".to_owned() } else { text };
        vec![
            ("Name", self.name),
            ("Action", self.action),
            ("Direction", self.direction),
            ("Protocol", self.protocol),
            ("Ports", all(self.ports)),
            ("Remote addresses", all(self.remotes.lines().map(str::trim).collect::<Vec<_>>().join("\n"))),
        ]
    }

    pub(super) fn actions(&self) -> Vec<Choice> {
        ACTIONS.choices(&self.action)
    }

    pub(super) fn directions(&self) -> Vec<Choice> {
        DIRECTIONS.choices(&self.direction)
    }

    pub(super) fn protocols(&self) -> Vec<Choice> {
        PROTOCOLS.choices(&self.protocol)
    }

    pub(super) fn places(&self) -> Vec<Choice> {
        [("", "At the end"), ("0", "On top")]
            .map(|(value, label)| Choice {
                value: value.to_owned(),
                label: label.to_owned(),
                is_chosen: value == self.position,
            })
            .into()
    }
}

/// Ports and ranges with commas or blanks between them; nothing, as `all`, stands for all.
fn ports(text: &str) -> Result<Vec<wire::PortRange>, Errors> {
    let text = text.split('-').map(str::trim).collect::<Vec<_>>().join("-");
    let separators = |character: char| matches!(character, ',' | ';') || character.is_whitespace();
    let parts: Vec<&str> = text.split(separators).filter(|part| !part.is_empty()).collect();
    if parts.is_empty() {
        return Ok(Vec::new());
    }
    let set: PortSet = parts.join(",").parse().map_err(|error| Errors::at("ports", format!("{error}")))?;
    let range = |first: u16, last: u16| wire::PortRange { first: first.into(), last: last.into() };
    Ok(set.ranges().iter().map(|it| range(it.first().get(), it.last().get())).collect())
}

#[derive(Template)]
#[template(path = "firewall/exception.html")]
struct Page {
    layout: Layout,
    etag: String,
    /// Empty for the template.
    policy: String,
    /// As it is called in the draft.
    before: String,
    back: String,
    typed: Typed,
    errors: Errors,
    conflict: Option<Conflict>,
}

impl Page {
    const FIELDS: &[&str] = &["name", "action", "direction", "protocol", "ports", "remotes"];
}

async fn show(State(console): State<Console>, visit: Visit) -> Result<Response, Problem> {
    let (policy, name) = (visit.query.text("policy"), visit.query.text("name"));
    let draft = Drafted::read(&console).await?;
    let found = draft.exceptions(policy).and_then(|list| list.iter().find(|it| it.name == name));
    let typed = Typed::of(found.ok_or(Problem::NotFound)?);
    shown(&page(&console, &visit, policy, name, typed).await?)
}

async fn page(
    console: &Console,
    visit: &Visit,
    policy: &str,
    before: &str,
    typed: Typed,
) -> Result<Page, Problem> {
    Ok(Page {
        layout: console.layout(visit, Section::Firewall, "Edit an exception").await?,
        etag: Drafted::read(console).await?.etag,
        policy: policy.to_owned(),
        before: before.to_owned(),
        back: page_of(policy, ""),
        typed,
        errors: Errors::default(),
        conflict: None,
    })
}

async fn save(State(console): State<Console>, visit: Visit, fields: Fields) -> Result<Response, Problem> {
    let (policy, name) = (fields.text("policy"), fields.text("before"));
    let typed = Typed::read(&fields);
    let edited = match typed.exception(&fields) {
        Ok(exception) => {
            let change = wire::edit::EditFirewallException {
                policy: policy.to_owned(),
                name: name.to_owned(),
                exception: Some(exception),
            };
            edit(&console, &visit, &fields, Kind::EditFirewallException(change)).await?
        }
        Err(errors) => Edited::Refused(errors),
    };
    match edited {
        Edited::Saved => {
            let to = page_of(policy, &encoded(&row_id("exception", &typed.name)));
            let said = format!("Saved to the draft: the exception “{}”.", typed.name);
            Ok(console.done(&visit, &to, said))
        }
        Edited::Refused(errors) => {
            let page = page(&console, &visit, policy, name, typed).await?;
            refused(StatusCode::UNPROCESSABLE_ENTITY, &Page { errors, ..page })
        }
        Edited::Conflict(present) => {
            let Some(list) = present.exceptions(policy) else {
                return policies::gone(&console, &visit, policy).await;
            };
            let same = list.iter().find(|it| it.name == name);
            let theirs = match same {
                Some(_) => {
                    format!("/firewall/exceptions/edit?policy={}&name={}", encoded(policy), encoded(name))
                }
                None => page_of(policy, ""),
            };
            let rows = Versus::rows(same.map(|it| Typed::of(it).told()), typed.clone().told());
            let conflict = Conflict::about(&present, &visit, "Nothing was saved.");
            let conflict = Some(conflict.with(rows, theirs, "exception"));
            let page = page(&console, &visit, policy, name, typed).await?;
            refused(StatusCode::CONFLICT, &Page { conflict, ..page })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_read_as_people_write_them() {
        let range = |first, last| wire::PortRange { first, last };
        assert_eq!(
            ports("443, 8000 - 8099 80").unwrap(),
            [range(80, 80), range(443, 443), range(8000, 8099)]
        );
        assert_eq!(ports(" ").unwrap(), []);
        assert_eq!(ports("all").unwrap(), []);
        let wrong = ports("80,http").unwrap_err();
        assert_eq!(wrong.of("ports"), ["\"http\" is not a port (1 to 65535)"]);
    }
}
