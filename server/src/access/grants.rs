//! The one place that says who may call which RPC and open which page. What is not here is refused.
//!
//! A test walks the descriptor of the contract, another the router of the console: each RPC and route stands here once, and
//! nothing else does.

use super::permission::Permission;
use super::permission::Permission::{
    Assign, EditDraft, ManageAccounts, ManageJoinTokens, OperateAgents, RemoveAgents, View,
};

/// Whom something is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anyone who gets as far as here.
    Anyone,
    /// Anyone who has proved who they are: what concerns only themselves.
    SignedIn,
    /// Those who have the permission.
    Needs(Permission),
}

use Access::{Anyone, Needs, SignedIn};

/// The methods of the service `landmark.v1.Admin`, in the order of the contract.
pub(crate) const RPCS: &[(&str, Access)] = &[
    ("GetServerInfo", Needs(View)),
    ("GetDraft", Needs(View)),
    ("EditDraft", Needs(EditDraft)),
    ("DiscardDraft", Needs(EditDraft)),
    ("DiffDraft", Needs(View)),
    ("LintDraft", Needs(View)),
    ("Assign", Needs(Assign)),
    ("AssignAgain", Needs(Assign)),
    ("ListAssignments", Needs(View)),
    ("GetAssignment", Needs(View)),
    ("DiffAssignments", Needs(View)),
    ("WatchAssignment", Needs(View)),
    ("ListAgents", Needs(View)),
    ("GetAgent", Needs(View)),
    ("WatchAgents", Needs(View)),
    ("RecheckAgents", Needs(OperateAgents)),
    ("ListAgentEvidence", Needs(View)),
    ("GetReferenceServerHealth", Needs(View)),
    ("SweepReferenceServers", Needs(OperateAgents)),
    ("WhichFirewallProfile", Needs(View)),
    ("ListFirewallHits", Needs(View)),
    ("RemoveAgent", Needs(RemoveAgents)),
    ("CreateJoinToken", Needs(ManageJoinTokens)),
    ("ListJoinTokens", Needs(ManageJoinTokens)),
    ("RevokeJoinToken", Needs(ManageJoinTokens)),
    ("GetOverview", Needs(View)),
    ("ListFleetSamples", Needs(View)),
    ("GetCaller", SignedIn),
    ("SignIn", Anyone),
    ("SignOut", SignedIn),
    ("ChangePassword", SignedIn),
    ("ListAccounts", Needs(ManageAccounts)),
    ("CreateAccount", Needs(ManageAccounts)),
    ("EditAccount", Needs(ManageAccounts)),
    ("ResetPassword", Needs(ManageAccounts)),
    ("RemoveAccount", Needs(ManageAccounts)),
    ("CreateApiToken", SignedIn),
    ("ListApiTokens", SignedIn),
    ("RevokeApiToken", SignedIn),
];

/// The method of a request to the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Verb {
    /// Looks; changes nothing.
    Get,
    /// Changes something.
    Post,
}

use Verb::{Get, Post};

/// The routes of the console, as its router has them.
pub(crate) const ROUTES: &[(Verb, &str, Access)] = &[
    // What every page is made of; no secret in it.
    (Get, "/assets/{name}", Anyone),
    // Signing in, and one's own account.
    (Get, "/sign-in", Anyone),
    (Post, "/sign-in", Anyone),
    (Get, "/welcome", Anyone),
    (Post, "/welcome", Anyone),
    (Post, "/sign-out", SignedIn),
    (Get, "/account", SignedIn),
    (Post, "/account/password", SignedIn),
    (Post, "/account/end-sessions", SignedIn),
    (Post, "/account/tokens", SignedIn),
    (Post, "/account/tokens/revoke", SignedIn),
    (Get, "/accounts", Needs(ManageAccounts)),
    (Post, "/accounts", Needs(ManageAccounts)),
    (Post, "/accounts/edit", Needs(ManageAccounts)),
    (Post, "/accounts/reset-password", Needs(ManageAccounts)),
    (Post, "/accounts/remove", Needs(ManageAccounts)),
    // What happens, as it happens.
    (Get, "/live", Needs(View)),
    // Overview.
    (Get, "/", Needs(View)),
    (Get, "/overview", Needs(View)),
    // Computer location.
    (Get, "/location", Needs(View)),
    (Post, "/location/rules", Needs(EditDraft)),
    (Post, "/location/gateways", Needs(EditDraft)),
    (Post, "/location/gateways/delete", Needs(EditDraft)),
    (Get, "/location/servers/edit", Needs(EditDraft)),
    (Get, "/location/servers/health", Needs(View)),
    (Post, "/location/servers", Needs(EditDraft)),
    (Post, "/location/servers/enable", Needs(EditDraft)),
    (Post, "/location/servers/edit", Needs(EditDraft)),
    (Post, "/location/servers/move", Needs(EditDraft)),
    (Post, "/location/servers/delete", Needs(EditDraft)),
    (Post, "/location/servers/sweep", Needs(OperateAgents)),
    // Firewall.
    (Get, "/firewall", Needs(View)),
    (Post, "/firewall/profiles", Needs(EditDraft)),
    (Get, "/firewall/profiles/new", Needs(EditDraft)),
    (Get, "/firewall/profiles/edit", Needs(EditDraft)),
    (Post, "/firewall/profiles/edit", Needs(EditDraft)),
    (Post, "/firewall/profiles/move", Needs(EditDraft)),
    (Post, "/firewall/profiles/delete", Needs(EditDraft)),
    (Get, "/firewall/policies", Needs(View)),
    (Post, "/firewall/policies", Needs(EditDraft)),
    (Get, "/firewall/policy", Needs(View)),
    (Post, "/firewall/policies/edit", Needs(EditDraft)),
    (Post, "/firewall/policies/delete", Needs(EditDraft)),
    (Get, "/firewall/exceptions/edit", Needs(EditDraft)),
    (Post, "/firewall/exceptions", Needs(EditDraft)),
    (Post, "/firewall/exceptions/edit", Needs(EditDraft)),
    (Post, "/firewall/exceptions/move", Needs(EditDraft)),
    (Post, "/firewall/exceptions/delete", Needs(EditDraft)),
    (Get, "/firewall/template", Needs(View)),
    (Post, "/firewall/template/reset", Needs(EditDraft)),
    (Get, "/firewall/which", Needs(View)),
    // The draft, and assigning it.
    (Get, "/draft", Needs(View)),
    (Get, "/draft/bar", Needs(View)),
    (Post, "/draft/discard", Needs(EditDraft)),
    (Get, "/assign", Needs(Assign)),
    (Post, "/assign", Needs(Assign)),
    (Get, "/assignments", Needs(View)),
    (Get, "/assignments/compare", Needs(View)),
    (Get, "/assignments/{revision}", Needs(View)),
    (Get, "/assignments/{revision}/progress", Needs(View)),
    (Post, "/assignments/{revision}/again", Needs(Assign)),
    // Agents.
    (Get, "/agents", Needs(View)),
    (Get, "/agents/table", Needs(View)),
    (Get, "/agents/{agent}", Needs(View)),
    (Get, "/agents/{agent}/status", Needs(View)),
    (Post, "/agents/{agent}/recheck", Needs(OperateAgents)),
    (Post, "/agents/{agent}/remove", Needs(RemoveAgents)),
    // Join tokens.
    (Get, "/join-tokens", Needs(ManageJoinTokens)),
    (Post, "/join-tokens", Needs(ManageJoinTokens)),
    (Post, "/join-tokens/revoke", Needs(ManageJoinTokens)),
];

/// Of a method of the service: the contract's own name of it, so that no caller can invent labels, and whom it is for.
/// `None` for a method that there is not.
pub(crate) fn rpc(method: &str) -> Option<(&'static str, Access)> {
    RPCS.iter().find(|(name, _)| *name == method).copied()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use prost::Message as _;

    use super::*;

    #[test]
    fn every_method_of_the_contract_says_whom_it_is_for_and_no_other() {
        let set = prost_types::FileDescriptorSet::decode(landmark_proto::wire::DESCRIPTORS).unwrap();
        let admin =
            set.file.iter().flat_map(|file| &file.service).find(|service| service.name() == "Admin").unwrap();
        let methods: Vec<&str> = admin.method.iter().map(|method| method.name()).collect();
        let granted: Vec<&str> = RPCS.iter().map(|(name, _)| *name).collect();
        assert_eq!(methods, granted);
        assert_eq!(rpc("Assign"), Some(("Assign", Needs(Assign))));
        assert_eq!(rpc("Invented"), None);
    }

    #[test]
    fn each_route_stands_once() {
        let mut seen = HashSet::new();
        for (verb, path, _) in ROUTES {
            assert!(path.starts_with('/'), "{path}");
            assert!(seen.insert((verb, path)), "{verb:?} {path} stands twice");
        }
    }

    #[test]
    fn nobody_changes_anything_without_having_signed_in() {
        let open: Vec<&str> = ROUTES
            .iter()
            .filter(|(verb, _, access)| *verb == Post && *access == Anyone)
            .map(|(_, path, _)| *path)
            .collect();
        assert_eq!(open, ["/sign-in", "/welcome"]);
    }
}
