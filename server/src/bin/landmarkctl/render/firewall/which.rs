//! Which profile a machine gets, and why it does not get the ones before.

use super::words::{level_words, mode_words, n_exceptions};
use crate::render::Paper;
use crate::render::table::{Cell, Table, facts};
use crate::view::firewall::{Policy, Which};

/// The answer, what it was found by, then the profiles that were gone by.
pub(crate) fn which(answer: &Which, paper: &Paper) -> String {
    let Which { profile, policy, skipped, .. } = answer;
    let found = match profile {
        Some(profile) => format!("{} (place {})", profile.name, skipped.len() + 1),
        None if skipped.is_empty() => "none: there are no profiles".to_owned(),
        None => "none matches: this machine has no firewall of Landmark's".to_owned(),
    };
    let policy = policy.as_ref().map(|policy| {
        let Policy { name, level, mode, exceptions } = policy;
        let n_exceptions = n_exceptions(exceptions.len());
        format!("{name}: level {}; {}; {n_exceptions}", level_words(*level), mode_words(*mode))
    });
    let mut text = facts(&[("machine", Some(machine(answer))), ("profile", Some(found)), ("policy", policy)]);
    if !skipped.is_empty() {
        text.push('\n');
        let mut table = Table::new(&[">#", "NOT THIS PROFILE", "BECAUSE"]);
        for (place, skipped) in (1..).zip(skipped) {
            table.row(vec![
                Cell::new(place.to_string()),
                Cell::new(&skipped.name),
                Cell::new(skipped.reasons.join("; ")),
            ]);
        }
        text.push_str(&table.render(paper));
    }
    text
}

fn machine(answer: &Which) -> String {
    let Which { location, host_name, addresses, platform, labels, .. } = answer;
    let mut known: Vec<String> = Vec::new();
    known.extend(host_name.clone());
    known.extend(location.map(|place| place.to_string()));
    known.extend(platform.map(|platform| platform.to_string()));
    known.extend(addresses.iter().cloned());
    known.extend(labels.iter().cloned());
    if known.is_empty() { "one of which nothing is known".to_owned() } else { known.join(", ") }
}
