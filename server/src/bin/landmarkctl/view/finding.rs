//! What is doubtful in the draft.

use landmark_proto::wire;
use serde::Serialize;

/// One thing that is doubtful.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    pub(crate) code: String,
    pub(crate) path: String,
    pub(crate) message: String,
    pub(crate) remedy: String,
}

impl From<wire::LintFinding> for Finding {
    fn from(finding: wire::LintFinding) -> Self {
        let wire::LintFinding { code, path, message, remedy } = finding;
        Self { code, path, message, remedy }
    }
}
