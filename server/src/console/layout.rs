//! What every page has around it: where one is, who one is, and how the draft stands.

use askama::Template;
use axum::http::HeaderValue;
use axum::http::header::{self, HeaderName};
use axum::response::{Html, IntoResponse, Redirect, Response};

use super::Console;
use super::flash::Flash;
use super::format::Moment;
use super::problem::Problem;
use super::visit::Visit;
use crate::access::Permission;

/// Which entry of the navigation a page belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Overview,
    Agents,
    Location,
    Firewall,
    Assignments,
    JoinTokens,
    Accounts,
    /// One's own account.
    Account,
}

/// What the reader may do: buttons for anything else are not shown.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each stands for one permission")]
pub(super) struct May {
    pub(super) edit: bool,
    pub(super) operate: bool,
    pub(super) assign: bool,
    pub(super) remove_agents: bool,
    pub(super) manage_join_tokens: bool,
    pub(super) manage_accounts: bool,
}

/// Around a page.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) title: &'static str,
    pub(super) section: Section,
    /// Names of what the page follows, with blanks between them; the draft is always followed.
    pub(super) topics: String,
    pub(super) account: String,
    pub(super) role: &'static str,
    /// What every form carries.
    pub(super) proof: String,
    pub(super) may: May,
    pub(super) bar: DraftBar,
    pub(super) flash: Option<Flash>,
    pub(super) version: &'static str,
}

impl Layout {
    pub(super) fn is(&self, section: Section) -> bool {
        self.section == section
    }
}

/// Draft and assigned state, told apart.
#[derive(Clone, Debug, Template)]
#[template(path = "draft_bar.html")]
pub(super) struct DraftBar {
    pub(super) n_changes: usize,
    /// Of the draft as it is shown.
    pub(super) etag: String,
    pub(super) changed: Option<(String, Moment)>,
    pub(super) may: May,
    pub(super) proof: String,
}

impl Console {
    /// Around a page for this visitor.
    pub(super) async fn layout(
        &self,
        visit: &Visit,
        section: Section,
        title: &'static str,
    ) -> Result<Layout, Problem> {
        Ok(Layout {
            title,
            section,
            topics: String::new(),
            account: visit.caller.author.to_string(),
            role: visit.caller.role.name(),
            proof: visit.proof(),
            may: may(visit),
            bar: self.draft_bar(visit).await?,
            flash: visit.session().and_then(|session| self.0.flashes.take(session)),
            version: env!("CARGO_PKG_VERSION"),
        })
    }

    /// How the draft stands.
    pub(super) async fn draft_bar(&self, visit: &Visit) -> Result<DraftBar, Problem> {
        let standing = self.admin().drafts.standing().await?;
        Ok(DraftBar {
            n_changes: standing.n_changes,
            etag: standing.etag.as_str().to_owned(),
            changed: standing
                .changed
                .map(|changed| (changed.by.to_string(), Moment::new(changed.at, visit.now))),
            may: may(visit),
            proof: visit.proof(),
        })
    }

    /// To a page that begins with this sentence.
    pub(super) fn done(&self, visit: &Visit, to: &str, text: impl Into<String>) -> Response {
        self.tell(visit, text, true);
        Redirect::to(to).into_response()
    }

    /// To a page that begins with why nothing was done.
    pub(super) fn not_done(&self, visit: &Visit, to: &str, text: impl Into<String>) -> Response {
        self.tell(visit, text, false);
        Redirect::to(to).into_response()
    }

    fn tell(&self, visit: &Visit, text: impl Into<String>, is_good: bool) {
        if let Some(session) = visit.session() {
            self.0.flashes.put(session, Flash { text: text.into(), is_good });
        }
    }
}

/// What the visitor may do.
pub(super) fn may(visit: &Visit) -> May {
    May {
        edit: visit.may(Permission::EditDraft),
        operate: visit.may(Permission::OperateAgents),
        assign: visit.may(Permission::Assign),
        remove_agents: visit.may(Permission::RemoveAgents),
        manage_join_tokens: visit.may(Permission::ManageJoinTokens),
        manage_accounts: visit.may(Permission::ManageAccounts),
    }
}

/// A page, or a part of one.
pub(super) fn shown(template: &impl Template) -> Result<Response, Problem> {
    Ok(Html(template.render()?).into_response())
}

/// A page that answers a form whose own address is no page: this one is, so that it can be read anew.
pub(super) fn shown_as(address: &'static str, template: &impl Template) -> Result<Response, Problem> {
    let push = (HeaderName::from_static("hx-push-url"), HeaderValue::from_static(address));
    Ok(([push], Html(template.render()?)).into_response())
}

/// A part of a page that a script asks for again and again: `Vary` keeps it apart from the page of the same address.
pub(super) fn part(template: &impl Template) -> Result<Response, Problem> {
    Ok(([(header::VARY, "HX-Request")], Html(template.render()?)).into_response())
}
