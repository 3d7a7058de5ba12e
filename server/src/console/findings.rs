//! What is doubtful in the draft, as pages show it.

use landmark_proto::wire;

use super::changes;

/// One thing that is doubtful.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// As the contract calls what it is about.
    pub(super) path: String,
    /// What it is about, in words.
    pub(super) subject: String,
    /// What is doubtful, and why.
    pub(super) message: String,
    /// A command line that mends it.
    pub(super) remedy: String,
    /// Which rule, for scripts and searches.
    pub(super) code: String,
}

/// All of them, in their order.
pub(super) fn findings(response: wire::LintDraftResponse) -> Vec<Finding> {
    let finding = |finding: wire::LintFinding| {
        let wire::LintFinding { code, path, message, remedy } = finding;
        Finding { subject: changes::subject(&path), path, message, remedy, code }
    };
    response.findings.into_iter().map(finding).collect()
}
