//! Differences between two states of the settings.

use landmark_proto::wire;
use serde::Serialize;

/// From one state of the settings to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Diff {
    /// Absent: from nothing.
    pub(crate) from_revision: Option<u64>,
    /// Absent: to the draft.
    pub(crate) to_revision: Option<u64>,
    pub(crate) changes: Vec<Change>,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Change {
    pub(crate) kind: ChangeKind,
    pub(crate) path: String,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
}

/// What happened to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ChangeKind {
    Added,
    Removed,
    Changed,
    Moved,
}

impl Change {
    /// The host of the reference server that this is about.
    pub(crate) fn host(&self) -> Option<&str> {
        let (host, rest) = self.path.strip_prefix("reference_servers.servers[")?.rsplit_once(']')?;
        (rest.is_empty() || rest.starts_with('.')).then_some(host)
    }
}

impl From<wire::SettingsDiff> for Diff {
    fn from(diff: wire::SettingsDiff) -> Self {
        let wire::SettingsDiff { from_revision, to_revision, changes } = diff;
        Self {
            from_revision: super::revision(from_revision),
            to_revision: super::revision(to_revision),
            changes: changes.into_iter().map(Change::from).collect(),
        }
    }
}

impl From<wire::Change> for Change {
    fn from(change: wire::Change) -> Self {
        let wire::Change { kind, path, before, after } = change;
        Self {
            kind: match wire::ChangeKind::try_from(kind) {
                Ok(wire::ChangeKind::Added) => ChangeKind::Added,
                Ok(wire::ChangeKind::Removed) => ChangeKind::Removed,
                Ok(wire::ChangeKind::Moved) => ChangeKind::Moved,
                Ok(wire::ChangeKind::Changed | wire::ChangeKind::Unspecified) | Err(_) => ChangeKind::Changed,
            },
            path,
            before: super::text(before),
            after: super::text(after),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_a_change_is_read_out_of_its_path() {
        let change =
            |path: &str| Change { kind: ChangeKind::Added, path: path.into(), before: None, after: None };
        assert_eq!(change("reference_servers.servers[10.1.1.5]").host(), Some("10.1.1.5"));
        assert_eq!(change("reference_servers.servers[fe80::1%eth0].ports").host(), Some("fe80::1%eth0"));
        assert_eq!(change("reference_servers.enabled").host(), None);
        assert_eq!(change("location.recheck_interval").host(), None);
    }
}
