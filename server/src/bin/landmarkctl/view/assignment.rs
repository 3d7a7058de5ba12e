//! Assignments: immutable, numbered snapshots of the settings.

use jiff::Timestamp;
use landmark_proto::wire;
use serde::Serialize;

use super::draft::Settings;

/// An assignment without its settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Assignment {
    pub(crate) revision: u64,
    /// SHA-256, in hexadecimal.
    pub(crate) digest: String,
    pub(crate) assigned_at: Option<Timestamp>,
    pub(crate) assigned_by: Option<String>,
    pub(crate) note: Option<String>,
    /// The revision whose settings were assigned again.
    pub(crate) again_of: Option<u64>,
    pub(crate) n_reference_servers: u32,
    pub(crate) list_enabled: bool,
}

/// An assignment with its settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct AssignmentDetail {
    #[serde(flatten)]
    pub(crate) summary: Assignment,
    pub(crate) settings: Settings,
}

/// What assigning did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Assigned {
    pub(crate) assignment: Assignment,
    /// False: these settings were in force already, and nothing was made.
    pub(crate) created: bool,
}

impl From<wire::AssignmentSummary> for Assignment {
    fn from(summary: wire::AssignmentSummary) -> Self {
        let wire::AssignmentSummary {
            revision,
            digest,
            assigned_at,
            assigned_by,
            note,
            again_of,
            n_reference_servers,
            list_enabled,
        } = summary;
        Self {
            revision,
            digest: super::hex(&digest),
            assigned_at: super::time(assigned_at),
            assigned_by: super::text(assigned_by),
            note: super::text(note),
            again_of: super::revision(again_of),
            n_reference_servers,
            list_enabled,
        }
    }
}

impl From<wire::AssignmentDetail> for AssignmentDetail {
    fn from(detail: wire::AssignmentDetail) -> Self {
        let wire::AssignmentDetail { summary, settings } = detail;
        Self {
            summary: summary.unwrap_or_default().into(),
            settings: settings.map(Settings::from).unwrap_or_default(),
        }
    }
}

impl From<wire::AssignResponse> for Assigned {
    fn from(response: wire::AssignResponse) -> Self {
        let wire::AssignResponse { assignment, created } = response;
        Self { assignment: assignment.unwrap_or_default().into(), created }
    }
}
