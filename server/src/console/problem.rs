//! Why a page cannot be shown, or nothing was done: a page that says so, and the way out.

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use landmark_daemon::error::Chain;
use tracing::error;

use super::format::sentence;
use crate::access::{Caller, Permission, Role};
use crate::admin::AdminError;
use crate::store::StoreError;

/// What stands in the way.
#[derive(Debug)]
pub(super) enum Problem {
    /// Has signed out, or too long ago signed in.
    SignedOut,
    /// Has not the permission.
    NotPermitted {
        permission: Permission,
        caller: Caller,
        /// They wanted to change something.
        is_change: bool,
    },
    /// There is no such page, agent, assignment.
    NotFound,
    /// The form came from another site.
    Foreign,
    /// The form is of another session.
    Stale,
    /// The form is larger than any of ours.
    TooLarge,
    /// The form took too long to arrive.
    TooSlow,
    /// The store cannot be read.
    Unavailable,
    /// The administration says why.
    Admin(AdminError),
    /// A page could not be made.
    Template(askama::Error),
}

impl From<AdminError> for Problem {
    fn from(error: AdminError) -> Self {
        if let AdminError::NotPermitted { permission, caller } = error {
            return Self::NotPermitted { permission, caller, is_change: true };
        }
        Self::Admin(error)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::Admin(error.into())
    }
}

impl From<askama::Error> for Problem {
    fn from(error: askama::Error) -> Self {
        Self::Template(error)
    }
}

#[derive(Template)]
#[template(path = "problem.html")]
struct Page {
    title: &'static str,
    text: String,
    way_out: &'static str,
    can_sign_in: bool,
}

impl Problem {
    fn status(&self) -> StatusCode {
        match self {
            Self::SignedOut => StatusCode::UNAUTHORIZED,
            Self::NotPermitted { .. } | Self::Foreign | Self::Stale => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Template(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Admin(error) => status_of(error),
        }
    }

    fn page(&self) -> Page {
        let page = |title, text: String, way_out| Page { title, text, way_out, can_sign_in: false };
        match self {
            Self::SignedOut => Page {
                can_sign_in: true,
                ..page(
                    "You are signed out",
                    "Your session has ended, or you have signed out elsewhere. Nothing was changed."
                        .to_owned(),
                    "Sign in again; what you had typed is still there when you go back.",
                )
            },
            Self::NotPermitted { permission, caller, is_change } => page(
                "You may not do that",
                format!(
                    "{} has the role {}, and to {} takes the role {}.{}",
                    caller.author,
                    caller.role,
                    permission.deed(),
                    Role::least_with(*permission),
                    if *is_change { " Nothing was changed." } else { "" }
                ),
                "Ask an administrator for that role.",
            ),
            Self::NotFound => page(
                "There is no such page",
                "The address may be mistyped, or what it was about is gone.".to_owned(),
                "Go back, or begin at the overview.",
            ),
            Self::Foreign => page(
                "This form comes from another site",
                "Landmark takes forms only from its own pages. Nothing was changed.".to_owned(),
                "If you meant to do it, do it in the console itself.",
            ),
            Self::Stale => page(
                "This page is of an earlier session",
                "You have signed in anew since it was opened. Nothing was changed.".to_owned(),
                "Go back, reload the page and do it again; what you had typed is still there.",
            ),
            Self::TooLarge => page(
                "That is too much",
                "A form has at most 512 KiB. Nothing was changed.".to_owned(),
                "Import large lists with landmarkctl.",
            ),
            Self::TooSlow => page(
                "The form did not arrive",
                "The connection was too slow for it. Nothing was changed.".to_owned(),
                "Try again.",
            ),
            Self::Unavailable => page(
                "The server cannot read its database",
                "Its log says why. Nothing was changed.".to_owned(),
                "Try again in a moment.",
            ),
            Self::Template(_) => page(
                "This page could not be made",
                "That is a defect of the server; its log says more.".to_owned(),
                "Go back, or begin at the overview.",
            ),
            Self::Admin(error) => {
                let (title, way_out) = words_of(error);
                page(title, sentence(&Chain(error).to_string()), way_out)
            }
        }
    }

    /// For a part of a page: a sentence that a script may show.
    pub(super) fn into_fragment(self) -> Response {
        self.log();
        let Page { title, text, .. } = self.page();
        plain(self.status(), &format!("{title}. {text}"))
    }

    fn log(&self) {
        if let Self::Template(template_error) = self {
            error!(error = %template_error, "page not made");
        }
        if let Self::Admin(AdminError::Store(store_error)) = self
            && !store_error.is_temporary()
        {
            error!(error = %Chain(store_error), "store failed");
        }
    }
}

fn status_of(error: &AdminError) -> StatusCode {
    match error {
        AdminError::Unauthenticated | AdminError::SignIn(_) => StatusCode::UNAUTHORIZED,
        AdminError::NotPermitted { .. } => StatusCode::FORBIDDEN,
        AdminError::Invalid(_) | AdminError::AmbiguousAgent { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        AdminError::Conflict(_)
        | AdminError::NothingAssigned
        | AdminError::AccountExists(_)
        | AdminError::LastAdministrator(_)
        | AdminError::NoOwnAccount(_)
        | AdminError::NotSignedIn
        | AdminError::ApiToken(_) => StatusCode::CONFLICT,
        AdminError::NoAssignment(_)
        | AdminError::NoAgent(_)
        | AdminError::NoToken(_)
        | AdminError::NoAccount(_)
        | AdminError::NoApiToken(_) => StatusCode::NOT_FOUND,
        AdminError::Password(_) | AdminError::Stopping | AdminError::Store(_) => {
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}

fn words_of(error: &AdminError) -> (&'static str, &'static str) {
    match error {
        AdminError::Unauthenticated | AdminError::SignIn(_) => ("You are signed out", "Sign in again."),
        AdminError::NotPermitted { .. } => ("You may not do that", "Ask an administrator for that role."),
        AdminError::Invalid(_) => ("That is not right", "Go back, change it, and do it again."),
        AdminError::Conflict(_) => {
            ("Someone else changed the draft", "Go back, reload, look at what is there, and do it again.")
        }
        AdminError::NoAssignment(_) => {
            ("There is no such assignment", "Choose one from the list of assignments.")
        }
        AdminError::NothingAssigned => {
            ("Nothing has been assigned yet", "Edit the draft, and assign it to agents.")
        }
        AdminError::NoAgent(_) => {
            ("There is no such agent", "It may have been removed: look for it in the list.")
        }
        AdminError::AmbiguousAgent { .. } => ("More than one agent is called so", "Choose it from the list."),
        AdminError::NoToken(_) | AdminError::NoApiToken(_) => {
            ("There is no such token", "Choose one from the list.")
        }
        AdminError::NoAccount(_) => ("There is no such account", "Choose one from the list."),
        AdminError::AccountExists(_) => ("The name is taken", "Go back, and choose another one."),
        AdminError::LastAdministrator(_) => {
            ("Nobody could administer any more", "Make another account an administrator first.")
        }
        AdminError::NoOwnAccount(_) | AdminError::NotSignedIn => {
            ("You have not signed in to an account", "Sign in first.")
        }
        AdminError::ApiToken(_) => ("No token was made", "Look at your tokens, and try again."),
        AdminError::Password(_) => ("The server is busy", "Try again in a moment."),
        AdminError::Stopping => ("The server is stopping", "Try again when it is back."),
        AdminError::Store(_) => {
            ("The server cannot use its database", "Nothing was changed; its log says more.")
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.log();
        match self.page().render() {
            Ok(html) => (self.status(), Html(html)).into_response(),
            Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, "This page could not be made."),
        }
    }
}

/// A sentence without a page.
pub(super) fn plain(status: StatusCode, text: &str) -> Response {
    const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
    (status, [(header::CONTENT_TYPE, TEXT)], text.to_owned()).into_response()
}
