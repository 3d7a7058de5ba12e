//! The firewall: profiles, policies with their exceptions, the template, and which profile a machine would get.
//!
//! What its pages have in common: the draft as it is, what becomes of an edit, what differs from the present assignment and
//! what is doubtful.

mod conflict;
mod counts;
mod exception_form;
mod exceptions;
mod policies;
mod policy_form;
mod profile_form;
mod profiles;
mod which;
mod words;

use std::time::SystemTime;

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use landmark_proto::convert::firewall::firewall_to_wire;
use landmark_proto::firewall::Firewall;
use landmark_proto::wire;
use landmark_proto::wire::edit::Kind;

use super::Console;
use super::fields::Fields;
use super::form::Errors;
use super::format::encoded;
use super::format::sentence;
use super::mount::Mount;
use super::problem::Problem;
use super::saving::focus_after_move;
use super::visit::Visit;
use super::wired;
use crate::admin::AdminError;
use crate::admin::convert::conflict_to_wire;

const PROFILES: &str = "firewall.profiles";
const POLICIES: &str = "firewall.policies";
const TEMPLATE: &str = "firewall.template";

pub(super) fn mount(mount: Mount) -> Mount {
    let mount = profiles::mount(mount);
    let mount = profile_form::mount(mount);
    let mount = policies::mount(mount);
    let mount = policy_form::mount(mount);
    let mount = exceptions::mount(mount);
    let mount = exception_form::mount(mount);
    which::mount(mount)
}

/// The firewall of the draft, and which state of the draft that is.
#[derive(Clone, Debug, Default)]
struct Drafted {
    etag: String,
    firewall: wire::Firewall,
    /// Its last change, if there was one.
    changed: Option<(String, SystemTime)>,
}

impl From<wire::Draft> for Drafted {
    fn from(draft: wire::Draft) -> Self {
        let wire::Draft { etag, settings, assigned_revision: _, differs: _, changed_at, changed_by } = draft;
        let firewall = settings.and_then(|settings| settings.firewall);
        Self {
            etag,
            // Absent stands for what a fleet has before anyone has edited.
            firewall: firewall.unwrap_or_else(|| firewall_to_wire(&Firewall::default())),
            changed: wired::time_if_any(changed_at).map(|at| (changed_by, at)),
        }
    }
}

impl Drafted {
    async fn read(console: &Console) -> Result<Self, Problem> {
        Ok(console.admin().drafts.get().await?.into())
    }

    fn profile(&self, name: &str) -> Option<&wire::FirewallProfile> {
        self.firewall.profiles.iter().find(|profile| profile.name == name)
    }

    fn policy(&self, name: &str) -> Option<&wire::FirewallPolicy> {
        self.firewall.policies.iter().find(|policy| policy.name == name)
    }

    /// Those of a policy, or of the template, which has no name; `None` if there is no such policy.
    fn exceptions(&self, policy: &str) -> Option<&[wire::FirewallException]> {
        if policy.is_empty() {
            return Some(&self.firewall.template);
        }
        self.policy(policy).map(|policy| policy.exceptions.as_slice())
    }

    /// The names of the profiles that give a policy to machines.
    fn users(&self, policy: &str) -> Vec<String> {
        let users = self.firewall.profiles.iter().filter(|profile| profile.policy == policy);
        users.map(|profile| profile.name.clone()).collect()
    }
}

/// What became of an edit.
enum Edited {
    Saved,
    Refused(Errors),
    /// Someone else was faster: the draft as it is instead.
    Conflict(Drafted),
}

/// Edits the draft that the form was made from.
async fn edit(console: &Console, visit: &Visit, fields: &Fields, kind: Kind) -> Result<Edited, Problem> {
    let edits = vec![wire::Edit { kind: Some(kind) }];
    let request = wire::EditDraftRequest { etag: fields.text("etag").to_owned(), edits };
    match console.admin().drafts.edit(request, visit.author()).await {
        Ok(_) => Ok(Edited::Saved),
        Err(AdminError::Invalid(violations)) => Ok(Edited::Refused(violations.into())),
        Err(AdminError::Conflict(present)) => {
            Ok(Edited::Conflict(conflict_to_wire(*present).present.unwrap_or_default().into()))
        }
        Err(error) => Err(error.into()),
    }
}

/// A page that says why nothing was saved.
fn refused(status: StatusCode, page: &impl Template) -> Result<Response, Problem> {
    Ok((status, Html(page.render()?)).into_response())
}

/// The place that a row shall get.
fn position(fields: &Fields) -> Result<u32, Errors> {
    let text = fields.text("position");
    text.parse().map_err(|_| Errors::at("position", format!("{text:?} is not a place in the list")))
}

/// What differs from the present assignment.
struct Marks(Vec<wire::Change>);

impl Marks {
    async fn read(console: &Console) -> Result<Self, Problem> {
        Ok(Self(console.admin().drafts.diff().await?.changes))
    }

    /// What has become of an entry of a list, in a word or two.
    fn of(&self, list: &str, name: &str) -> Option<&'static str> {
        let path = format!("{list}[{name}]");
        let (mut is_changed, mut is_moved) = (false, false);
        for change in &self.0 {
            match change.path.strip_prefix(&path) {
                Some("") if change.kind() == wire::ChangeKind::Added => return Some("new"),
                Some("") if change.kind() == wire::ChangeKind::Moved => is_moved = true,
                Some(rest) if rest.is_empty() || rest.starts_with('.') => is_changed = true,
                Some(_) | None => {}
            }
        }
        match (is_changed, is_moved) {
            (true, true) => Some("changed, moved"),
            (true, false) => Some("changed"),
            (false, true) => Some("moved"),
            (false, false) => None,
        }
    }

    /// The names of those entries of a list that agents still have and the draft has not.
    fn gone(&self, list: &str) -> Vec<&str> {
        let removed = self.0.iter().filter(|change| change.kind() == wire::ChangeKind::Removed);
        removed
            .filter_map(|change| change.path.strip_prefix(list)?.strip_prefix('[')?.strip_suffix(']'))
            // An exception of a policy is not a policy.
            .filter(|name| !name.contains("].exceptions["))
            .collect()
    }
}

/// One thing that is doubtful about a row.
struct Doubt {
    /// In a word or two.
    badge: &'static str,
    message: String,
}

/// What is doubtful in the firewall.
struct Doubts(Vec<wire::LintFinding>);

impl Doubts {
    async fn read(console: &Console) -> Result<Self, Problem> {
        Ok(Self(console.admin().drafts.lint_firewall().await?.findings))
    }

    /// About what stands at a path.
    fn at(&self, path: &str) -> Vec<Doubt> {
        let found = self.0.iter().filter(|finding| finding.path == path);
        found
            .filter_map(|finding| {
                let badge = match finding.code.as_str() {
                    "profile_never_reached" | "exception_never_reached" => "never matches",
                    "icmp_other_family" => "matches nothing",
                    "policy_unused" => "not used",
                    "no_profile_for_all" | "location_unused" => "look at this",
                    // Its mode stands in the row.
                    "policy_observes" => return None,
                    _ => "doubtful",
                };
                Some(Doubt { badge, message: sentence(&finding.message) })
            })
            .collect()
    }
}

/// What a row is called in its page: no blank in it, and different for different names.
fn row_id(kind: &str, name: &str) -> String {
    format!("{kind}-{}", encoded(name))
}

#[cfg(test)]
mod tests;
