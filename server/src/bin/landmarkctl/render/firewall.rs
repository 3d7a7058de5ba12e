//! The firewall: profiles, policies, exceptions.

pub(crate) mod hits;
mod which;
mod words;

use super::table::{Cell, Table, Tone, facts};
use super::{NOTHING, Paper};
use crate::view::firewall::{Action, Exception, Firewall, Mode, Policy, Profile};

pub(crate) use which::which;
pub(crate) use words::{
    argument, exception_words, level_words, list_of, mode_words, n_exceptions, profile_words,
};
use words::{condition_words, or_nothing};

/// Everything: profiles first, since they decide first, then each policy with its exceptions.
pub(crate) fn at_a_glance(firewall: &Firewall, paper: &Paper) -> String {
    let mut text = if firewall.profiles.is_empty() {
        "no profiles: no machine has a firewall of Landmark's\n".to_owned()
    } else {
        profiles(&firewall.profiles, paper)
    };
    for one in &firewall.policies {
        text.push('\n');
        text.push_str(&policy(one, firewall, paper));
    }
    text.push_str(&template_line(firewall));
    text
}

/// As a part of all settings: without the exceptions.
pub(crate) fn brief(firewall: &Firewall, paper: &Paper) -> String {
    let mut text = at_a_glance(&Firewall { policies: Vec::new(), ..firewall.clone() }, paper);
    let end = text.len() - template_line(firewall).len();
    text.truncate(end);
    if !firewall.policies.is_empty() {
        text.push('\n');
        text.push_str(&policies(firewall, paper));
    }
    text
}

fn template_line(firewall: &Firewall) -> String {
    format!("\ntemplate: {} (landmarkctl firewall template list)\n", n_exceptions(firewall.template.len()))
}

/// In their order: the first that matches a machine is its own.
pub(crate) fn profiles(list: &[Profile], paper: &Paper) -> String {
    let is_marked = list.iter().any(|profile| !profile.enabled);
    let mut titles = vec![">#", "PROFILE", "MACHINES", "POLICY"];
    titles.extend(is_marked.then_some("STATE"));
    let mut table = Table::new(&titles);
    for (place, profile) in (1..).zip(list) {
        let Profile { name, enabled, policy, conditions } = profile;
        let mut row = vec![
            Cell::new(place.to_string()),
            Cell::new(name),
            Cell::new(condition_words(conditions)),
            Cell::new(policy),
        ];
        if is_marked {
            row.push(if *enabled { Cell::new("enabled") } else { Cell::toned("disabled", Tone::Warning) });
        }
        table.row(row);
    }
    table.render(paper)
}

/// One profile; `place` from 1.
pub(crate) fn profile(place: usize, profile: &Profile) -> String {
    let Profile { name, enabled, policy, conditions } = profile;
    let state = if *enabled { "enabled" } else { "disabled (it matches no machine)" };
    facts(&[
        ("profile", Some(name.clone())),
        ("place", Some(place.to_string())),
        ("state", Some(state.to_owned())),
        ("machines", Some(condition_words(conditions))),
        ("policy", Some(policy.clone())),
    ])
}

/// All of them, without their exceptions.
pub(crate) fn policies(firewall: &Firewall, paper: &Paper) -> String {
    let mut table = Table::new(&["POLICY", "LEVEL", "MODE", ">EXCEPTIONS", "USED BY"]);
    for policy in &firewall.policies {
        let Policy { name, level, mode, exceptions } = policy;
        let users: Vec<&str> = firewall.users_of(name).collect();
        table.row(vec![
            Cell::new(name),
            Cell::optional(*level),
            match mode {
                Some(mode @ Mode::Observe) => Cell::toned(mode.to_string(), Tone::Warning),
                mode => Cell::optional(*mode),
            },
            Cell::new(exceptions.len().to_string()),
            if users.is_empty() {
                Cell::toned("no profile", Tone::Faint)
            } else {
                Cell::new(users.join(", "))
            },
        ]);
    }
    table.render(paper)
}

/// One policy: its level, then its exceptions, then what becomes of the rest.
pub(crate) fn policy(policy: &Policy, firewall: &Firewall, paper: &Paper) -> String {
    let Policy { name, level, mode, exceptions: list } = policy;
    let users: Vec<&str> = firewall.users_of(name).collect();
    let users = if users.is_empty() { "no profile".to_owned() } else { users.join(", ") };
    let mut text = facts(&[
        ("policy", Some(name.clone())),
        ("level", Some(level_words(*level))),
        ("mode", Some(mode_words(*mode))),
        ("used by", Some(users)),
    ]);
    if list.is_empty() {
        text.push_str("no exceptions\n");
    } else {
        text.push('\n');
        text.push_str(&exceptions(list, paper));
    }
    text
}

/// In their order: the first that matches decides.
pub(crate) fn exceptions(list: &[Exception], paper: &Paper) -> String {
    let mut table =
        Table::new(&[">#", "EXCEPTION", "ACTION", "DIRECTION", "PROTOCOL", "PORTS", "REMOTE ADDRESSES"]);
    let all = |values: &[String]| {
        if values.is_empty() { "all".to_owned() } else { values.join(", ") }
    };
    for (place, exception) in (1..).zip(list) {
        let Exception { name, action, direction, protocol, ports, remotes } = exception;
        let has_ports = protocol.is_none_or(|protocol| protocol.has_ports());
        table.row(vec![
            Cell::new(place.to_string()),
            Cell::new(name),
            match action {
                Some(Action::Block) => Cell::toned("block", Tone::Warning),
                action => Cell::optional(*action),
            },
            Cell::optional(*direction),
            Cell::optional(*protocol),
            if has_ports { Cell::new(all(ports)) } else { Cell::toned(NOTHING, Tone::Faint) },
            Cell::new(all(remotes)),
        ]);
    }
    table.render(paper)
}

/// What becomes of a connection that no exception matches.
pub(crate) fn rest(policy: &Policy) -> String {
    let Policy { name: _, level, mode, exceptions } = policy;
    let all = if exceptions.is_empty() { "everything" } else { "everything else" };
    let observed = if *mode == Some(Mode::Observe) {
        "; this policy observes: what is blocked passes and is counted"
    } else {
        ""
    };
    format!("{all}: {}{observed}", or_nothing(level.map(words::meaning)))
}

#[cfg(test)]
mod tests;
