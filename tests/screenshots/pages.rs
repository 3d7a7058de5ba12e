//! Every page that is photographed: what it is called, where it is, and what is done there first.

/// One page in one state.
pub(crate) struct Page {
    /// Of its pictures.
    pub(crate) name: &'static str,
    pub(crate) path: &'static str,
    pub(crate) steps: &'static [Step],
}

/// What brings a state about.
pub(crate) enum Step {
    /// A field by its label, and what is written into it.
    Fill(&'static str, &'static str),
    /// A button or link by its name.
    Click(&'static str),
    /// Waits for a text.
    See(&'static str),
}

use Step::{Click, Fill, See};

/// For whoever has not signed in. The link of the first sign-in is where `/welcome` is.
pub(crate) const OUTSIDE: &[Page] = &[
    page("sign-in", "/sign-in"),
    Page {
        name: "sign-in-refused",
        path: "/sign-in",
        steps: &[Fill("Account", "alex"), Fill("Password", "a wrong one"), Click("Sign in")],
    },
    page("welcome-used", "/welcome?code=used"),
];

/// For an administrator. `AGENT` stands for the id of an agent that has a history.
pub(crate) const INSIDE: &[Page] = &[
    page("overview", "/"),
    page("location", "/location"),
    page("location-server", "/location/servers/edit?host=10.1.1.5"),
    page("firewall", "/firewall"),
    page("firewall-profile-new", "/firewall/profiles/new"),
    page("firewall-profile", "/firewall/profiles/edit?name=Inside"),
    page("firewall-policies", "/firewall/policies"),
    page("firewall-policy", "/firewall/policy?name=Office"),
    page("firewall-exception", "/firewall/exceptions/edit?policy=Office&name=Print"),
    page("firewall-template", "/firewall/template"),
    page("firewall-which", "/firewall/which"),
    page("draft", "/draft"),
    page("assign", "/assign"),
    page("assignments", "/assignments"),
    page("assignment", "/assignments/2"),
    page("assignments-compare", "/assignments/compare?from=1&to=2"),
    page("agents", "/agents"),
    page("agents-outside", "/agents?location=external&sort=seen"),
    page("agents-none", "/agents?text=nothing-is-called-so"),
    page("agents-rejected", "/agents?state=rejected"),
    page("agent", "/agents/AGENT"),
    page("join-tokens", "/join-tokens"),
    page("accounts", "/accounts"),
    page("account", "/account"),
    Page {
        name: "account-refused",
        path: "/account",
        steps: &[
            Fill("Present password", "a wrong one"),
            Fill("New password", "short"),
            Fill("New password again", "another"),
            Click("Change password"),
            See("same"),
        ],
    },
    page("not-found", "/assignments/999"),
];

const fn page(name: &'static str, path: &'static str) -> Page {
    Page { name, path, steps: &[] }
}
