//! Assignments, and how far one has come.

use super::names::Names;
use super::settings::settings;
use super::table::{Cell, Table, Tone, facts};
use super::violations::violation;
use super::{NOTHING, Paper};
use crate::view::assignment::{Assignment, AssignmentDetail};
use crate::view::progress::{AgentRejection, Progress};

/// Newest first, as they come.
pub(crate) fn assignments(rows: &[Assignment], paper: &Paper) -> String {
    let mut table = Table::new(&[">REVISION", "ASSIGNED", "BY", ">SERVERS", "LIST", "NOTE"]);
    for assignment in rows {
        table.row(vec![
            Cell::new(assignment.revision.to_string()),
            Cell::new(paper.moment(assignment.assigned_at)),
            Cell::optional(assignment.assigned_by.as_ref()),
            Cell::new(assignment.n_reference_servers.to_string()),
            if assignment.list_enabled {
                Cell::new("enabled")
            } else {
                Cell::toned("disabled", Tone::Warning)
            },
            Cell::new(note(assignment)),
        ]);
    }
    table.render(paper)
}

fn note(assignment: &Assignment) -> String {
    let note = assignment.note.as_deref().unwrap_or_default();
    match assignment.again_of {
        Some(revision) if note.is_empty() => format!("assignment {revision} again"),
        Some(revision) => format!("{note} (assignment {revision} again)"),
        None => note.to_owned(),
    }
}

/// One assignment, whole.
pub(crate) fn assignment(detail: &AssignmentDetail, paper: &Paper) -> String {
    let AssignmentDetail { summary, settings: contents } = detail;
    let mut text = facts(&[
        ("revision", Some(summary.revision.to_string())),
        ("assigned", Some(paper.moment(summary.assigned_at))),
        ("by", summary.assigned_by.clone()),
        ("note", summary.note.clone()),
        ("again of", summary.again_of.map(|revision| revision.to_string())),
        ("digest", Some(format!("sha256 {}", summary.digest))),
    ]);
    text.push('\n');
    text.push_str(&settings(contents, &[], paper));
    text
}

/// "3 applied, 1 pending, 0 rejected, 2 offline (of 6)".
pub(crate) fn counts(progress: &Progress) -> String {
    let Progress { n_agents, n_applied, n_pending, n_rejected, n_offline, .. } = progress;
    format!(
        "{n_applied} applied, {n_pending} pending, {n_rejected} rejected, {n_offline} offline (of {n_agents})"
    )
}

/// What came of it, with every rejection and its reasons.
pub(crate) fn summary(progress: &Progress, names: &Names, paper: &Paper) -> String {
    let mut table = Table::new(&["AGENTS", ">", ""]);
    let rows = [
        (progress.n_applied, "applied", Tone::Good, ""),
        (progress.n_pending, "pending", Tone::Warning, "connected, no answer yet"),
        (progress.n_rejected, "rejected", Tone::Bad, "they keep what they held before"),
        (progress.n_offline, "offline", Tone::Faint, "they get it when they connect"),
    ];
    for (number, word, tone, remark) in rows {
        let tone = if number == 0 { Tone::Faint } else { tone };
        let remark = if number == 0 { "" } else { remark };
        table.row(vec![Cell::toned(word, tone), Cell::toned(number.to_string(), tone), Cell::new(remark)]);
    }
    let mut text = format!("assignment {}\n\n{}", progress.revision, table.render(paper));
    if !progress.rejections.is_empty() {
        text.push('\n');
        text.push_str(&rejections(&progress.rejections, names, paper));
        let n_more =
            progress.n_rejected.saturating_sub(u64::try_from(progress.rejections.len()).unwrap_or(u64::MAX));
        if n_more > 0 {
            text.push_str(&format!("and {n_more} more: landmarkctl agents list --rejected\n"));
        }
    }
    text
}

fn rejections(rows: &[AgentRejection], names: &Names, paper: &Paper) -> String {
    let mut table = Table::new(&[if names.is_empty() { "REJECTED BY" } else { "!REJECTED BY" }, "REASON"]);
    for rejection in rows {
        let name = names.of(&rejection.host_name, &rejection.agent_id);
        table.row(vec![Cell::new(name), Cell::toned(reason(rejection), Tone::Bad)]);
    }
    table.render(paper)
}

fn reason(rejection: &AgentRejection) -> String {
    let code = rejection.code.map_or_else(|| NOTHING.to_owned(), |code| code.to_string());
    let violations = rejection.violations.iter().map(violation).collect::<Vec<_>>().join("; ");
    if violations.is_empty() { code } else { format!("{code}: {violations}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::Violation;
    use crate::view::progress::RejectionCode;

    fn row(revision: u64, note: Option<&str>, again_of: Option<u64>) -> Assignment {
        Assignment {
            revision,
            digest: "00ff".into(),
            assigned_at: "2026-11-23T11:00:00Z".parse().ok(),
            assigned_by: Some("mia".into()),
            note: note.map(str::to_owned),
            again_of,
            n_reference_servers: 3,
            list_enabled: revision > 1,
        }
    }

    #[test]
    fn assignments_tell_when_who_and_why() {
        let rows = [row(12, None, Some(1)), row(2, Some("new proxy"), None), row(1, None, None)];
        insta::assert_snapshot!(assignments(&rows, &Paper::for_tests(None)), @r"
        REVISION  ASSIGNED            BY   SERVERS  LIST      NOTE
              12  11:00:00 (1 h ago)  mia        3  enabled   assignment 1 again
               2  11:00:00 (1 h ago)  mia        3  enabled   new proxy
               1  11:00:00 (1 h ago)  mia        3  disabled
        ");
    }

    #[test]
    fn a_summary_names_every_rejection_with_its_reason() {
        let progress = Progress {
            revision: 7,
            n_agents: 106,
            n_applied: 3,
            n_rejected: 101,
            n_offline: 2,
            rejections: vec![AgentRejection {
                agent_id: "id".into(),
                host_name: "web-1".into(),
                code: Some(RejectionCode::Invalid),
                violations: vec![Violation {
                    path: "reference_servers.servers[0].host".into(),
                    message: "127.0.0.1: loopback is not allowed here".into(),
                }],
            }],
            ..Progress::default()
        };
        let mut names = Names::default();
        names.add("id", "01a20963-44f2");
        insta::assert_snapshot!(summary(&progress, &names, &Paper::for_tests(None)), @r"
        assignment 7

        AGENTS
        applied     3
        pending     0
        rejected  101  they keep what they held before
        offline     2  they get it when they connect

        REJECTED BY            REASON
        web-1 (01a20963-44f2)  the settings break a rule of the agent: reference server 1: 127.0.0.1: loopback is not allowed here
        and 100 more: landmarkctl agents list --rejected
        ");
    }
}
