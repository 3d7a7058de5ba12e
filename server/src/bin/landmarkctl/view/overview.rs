//! How the fleet fares.

use std::fmt;

use landmark_proto::wire;
use serde::Serialize;

use super::progress::Progress;

/// Numbers, and what needs attention.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Overview {
    pub(crate) counts: Counts,
    /// Of the present assignment.
    pub(crate) progress: Option<Progress>,
    pub(crate) n_draft_changes: u64,
    /// The worst first.
    pub(crate) attention: Vec<Attention>,
}

/// Every agent counts once in each group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    pub(crate) n_agents: u64,
    pub(crate) n_online: u64,
    pub(crate) n_offline: u64,
    pub(crate) n_internal: u64,
    pub(crate) n_external: u64,
    pub(crate) n_unknown: u64,
    pub(crate) n_behind: u64,
    pub(crate) n_rejected: u64,
    pub(crate) n_enforcement_failed: u64,
    pub(crate) n_cloned: u64,
}

/// One thing that someone should look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Attention {
    pub(crate) code: String,
    pub(crate) level: Option<Level>,
    pub(crate) message: String,
    pub(crate) remedy: String,
    pub(crate) subject: Option<String>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Level {
    Error,
    Warning,
    Note,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        })
    }
}

impl From<wire::Overview> for Overview {
    fn from(overview: wire::Overview) -> Self {
        let wire::Overview { counts, progress, n_draft_changes, attention } = overview;
        Self {
            counts: counts.unwrap_or_default().into(),
            progress: progress.map(Progress::from),
            n_draft_changes,
            attention: attention.into_iter().map(Attention::from).collect(),
        }
    }
}

impl From<wire::FleetCounts> for Counts {
    fn from(counts: wire::FleetCounts) -> Self {
        let wire::FleetCounts {
            n_agents,
            n_online,
            n_offline,
            n_internal,
            n_external,
            n_unknown,
            n_behind,
            n_rejected,
            n_enforcement_failed,
            n_cloned,
        } = counts;
        Self {
            n_agents,
            n_online,
            n_offline,
            n_internal,
            n_external,
            n_unknown,
            n_behind,
            n_rejected,
            n_enforcement_failed,
            n_cloned,
        }
    }
}

impl From<wire::Attention> for Attention {
    fn from(item: wire::Attention) -> Self {
        let wire::Attention { code, level, message, remedy, subject } = item;
        let level = match wire::AttentionLevel::try_from(level) {
            Ok(wire::AttentionLevel::Error) => Some(Level::Error),
            Ok(wire::AttentionLevel::Warning) => Some(Level::Warning),
            Ok(wire::AttentionLevel::Note) => Some(Level::Note),
            Ok(wire::AttentionLevel::Unspecified) | Err(_) => None,
        };
        Self { code, level, message, remedy, subject: super::text(subject) }
    }
}
