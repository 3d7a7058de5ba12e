//! How the fleet fares, for people.

use super::assignments::counts as progress_counts;
use super::plain::one_line;
use super::table::facts;
use super::{NOTHING, Paper};
use crate::view::overview::{Attention, Counts, Level, Overview};

/// The numbers, then what needs attention: two lines each.
pub(crate) fn overview(overview: &Overview, paper: &Paper) -> String {
    let Overview { counts, progress, n_draft_changes, attention } = overview;
    let Counts { n_agents, n_online, n_offline, n_internal, n_external, n_unknown, .. } = counts;
    let progress = progress.as_ref().map_or_else(
        || "none yet".to_owned(),
        |progress| format!("{}: {}", progress.revision, progress_counts(progress)),
    );
    let draft = match n_draft_changes {
        0 => "as assigned".to_owned(),
        1 => "1 change that is not assigned".to_owned(),
        n => format!("{n} changes that are not assigned"),
    };
    let mut text = facts(&[
        ("agents", Some(format!("{n_agents}, {n_online} of them online, {n_offline} offline"))),
        (
            "locations",
            Some(format!("{n_internal} internal, {n_external} external, {n_unknown} unknown (as last said)")),
        ),
        ("assignment", Some(progress)),
        ("draft", Some(draft)),
        ("trouble", trouble(counts)),
    ]);
    for item in attention {
        text.push_str(&told(item, paper));
    }
    text
}

fn trouble(counts: &Counts) -> Option<String> {
    let Counts { n_behind, n_rejected, n_enforcement_failed, n_cloned, .. } = counts;
    let kinds = [
        (n_behind, "behind the assignment"),
        (n_rejected, "rejected it"),
        (n_enforcement_failed, "could not enforce their policy"),
        (n_cloned, "share an identity"),
    ];
    let told = kinds.into_iter().filter(|(n, _)| **n > 0).map(|(n, what)| format!("{n} {what}"));
    let told: Vec<_> = told.collect();
    (!told.is_empty()).then(|| told.join(", "))
}

fn told(item: &Attention, paper: &Paper) -> String {
    let Attention { code, level, message, remedy, subject: _ } = item;
    let word = level.map_or_else(|| NOTHING.to_owned(), |level| level.to_string());
    let word = match level.filter(|_| paper.colored) {
        Some(Level::Error) => format!("\u{1b}[31m{word}\u{1b}[0m"),
        Some(Level::Warning) => format!("\u{1b}[33m{word}\u{1b}[0m"),
        Some(Level::Note) | None => word,
    };
    format!("\n{word}: {} [{}]\n  remedy: {}\n", one_line(message), one_line(code), one_line(remedy))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::progress::Progress;

    fn item(level: Level, code: &str) -> Attention {
        Attention {
            code: code.into(),
            level: Some(level),
            message: "it is so\u{1b}".into(),
            remedy: "do that (landmarkctl servers health; page Computer location)".into(),
            subject: None,
        }
    }

    #[test]
    fn numbers_come_first_and_then_what_needs_attention() {
        let fares = Overview {
            counts: Counts {
                n_agents: 9,
                n_online: 6,
                n_offline: 3,
                n_internal: 4,
                n_external: 4,
                n_unknown: 1,
                n_behind: 2,
                n_rejected: 1,
                n_enforcement_failed: 1,
                n_cloned: 0,
            },
            progress: Some(Progress {
                revision: 7,
                n_agents: 9,
                n_applied: 6,
                n_pending: 1,
                n_rejected: 1,
                n_offline: 1,
                ..Progress::default()
            }),
            n_draft_changes: 2,
            attention: vec![item(Level::Error, "assignment_rejected"), item(Level::Note, "draft_waiting")],
        };
        insta::assert_snapshot!(overview(&fares, &Paper::for_tests(None)), @r"
        agents:      9, 6 of them online, 3 offline
        locations:   4 internal, 4 external, 1 unknown (as last said)
        assignment:  7: 6 applied, 1 pending, 1 rejected, 1 offline (of 9)
        draft:       2 changes that are not assigned
        trouble:     2 behind the assignment, 1 rejected it, 1 could not enforce their policy

        error: it is so\u{1b} [assignment_rejected]
          remedy: do that (landmarkctl servers health; page Computer location)

        note: it is so\u{1b} [draft_waiting]
          remedy: do that (landmarkctl servers health; page Computer location)
        ");
        assert!(overview(&fares, &Paper { colored: true, ..Paper::for_tests(None) }).contains("[31merror"));
    }

    #[test]
    fn a_fleet_without_trouble_is_told_in_four_lines() {
        let fares =
            Overview { counts: Counts::default(), progress: None, n_draft_changes: 0, attention: vec![] };
        insta::assert_snapshot!(overview(&fares, &Paper::for_tests(None)), @r"
        agents:      0, 0 of them online, 0 offline
        locations:   0 internal, 0 external, 0 unknown (as last said)
        assignment:  none yet
        draft:       as assigned
        ");
    }
}
