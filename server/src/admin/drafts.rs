//! Calls about the draft.

mod reached;
mod resolver;

use std::collections::HashMap;
use std::time::SystemTime;

use landmark_proto::host::Name;
use landmark_proto::settings::Settings;
use landmark_proto::wire;
use tokio::sync::watch;
use tracing::info;

use super::convert::{diff_to_wire, draft_to_wire, edits_from_wire, findings_to_wire};
use super::error::AdminError;
use crate::fleet::Fleet;
use crate::settings::lint::{self, Facts, Resolution};
use crate::settings::{self, Change, MaxServers};
use crate::store::drafts::{Author, Changed, Draft, Etag};
use crate::store::{Store, StoreError};

use self::reached::reached;
pub(super) use self::resolver::Resolver;

#[derive(Debug)]
pub(crate) struct Drafts {
    pub(crate) store: Store,
    pub(crate) max_servers: MaxServers,
    pub(super) resolver: Resolver,
    pub(crate) fleet: Fleet,
    /// How often it was saved or discarded here.
    pub(super) saved_tx: watch::Sender<u64>,
}

/// How the draft stands to the present assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Differences; 0 for none.
    pub(crate) n_changes: usize,
    /// Of the draft.
    pub(crate) etag: Etag,
    /// Its last change; `None` before the first.
    pub(crate) changed: Option<Changed>,
}

impl Drafts {
    /// Tells of every save and discard; the value is of no meaning to others.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.saved_tx.subscribe()
    }

    pub(crate) async fn get(&self) -> Result<wire::Draft, AdminError> {
        Ok(draft_to_wire(self.store.draft().await?))
    }

    pub(crate) async fn edit(
        &self,
        request: wire::EditDraftRequest,
        by: Author,
    ) -> Result<wire::Draft, AdminError> {
        let wire::EditDraftRequest { etag, edits } = request;
        let edits = edits_from_wire(edits)?;
        let expected = Etag::from_wire(etag);
        let changed = Changed { at: SystemTime::now(), by: by.clone() };
        let apply = |present: &Settings| settings::apply(present, &edits, self.max_servers);
        let draft = self.store.edit_draft(expected.as_ref(), changed, apply).await?;
        info!(%by, n_edits = edits.len(), etag = draft.etag.as_str(), "draft saved");
        self.saved_tx.send_modify(|n| *n += 1);
        Ok(draft_to_wire(draft))
    }

    pub(crate) async fn discard(
        &self,
        request: wire::DiscardDraftRequest,
        by: Author,
    ) -> Result<wire::Draft, AdminError> {
        let wire::DiscardDraftRequest { etag } = request;
        let expected = Etag::from_wire(etag);
        let changed = Changed { at: SystemTime::now(), by: by.clone() };
        let draft = self.store.discard_draft(expected.as_ref(), changed).await?;
        info!(%by, etag = draft.etag.as_str(), "draft discarded");
        self.saved_tx.send_modify(|n| *n += 1);
        Ok(draft_to_wire(draft))
    }

    /// From the present assignment, or from the default settings before the first.
    pub(crate) async fn diff(&self) -> Result<wire::SettingsDiff, AdminError> {
        let (draft, changes) = unassigned(&self.store).await?;
        Ok(diff_to_wire(draft.assigned.map(|held| held.revision), None, changes))
    }

    /// How it stands to the present assignment, in short.
    pub(crate) async fn standing(&self) -> Result<Standing, AdminError> {
        let (draft, changes) = unassigned(&self.store).await?;
        Ok(Standing { n_changes: changes.len(), etag: draft.etag, changed: draft.changed })
    }

    /// What is doubtful in it.
    pub(crate) async fn lint(&self) -> Result<wire::LintDraftResponse, AdminError> {
        let settings = self.store.draft().await?.settings;
        let names = self.resolver.resolve(lint::names(&settings.reference_servers)).await;
        self.findings(&settings, names).await
    }

    /// What is doubtful in it as far as can be told at once: no resolver is asked.
    pub(crate) async fn lint_at_once(&self) -> Result<wire::LintDraftResponse, AdminError> {
        let settings = self.store.draft().await?.settings;
        self.findings(&settings, HashMap::new()).await
    }

    async fn findings(
        &self,
        settings: &Settings,
        names: HashMap<Name, Resolution>,
    ) -> Result<wire::LintDraftResponse, AdminError> {
        let health = reached(&self.fleet.health().await?, SystemTime::now());
        let facts = Facts { names, health };
        Ok(findings_to_wire(settings::lint(settings, &facts)))
    }

    /// What is doubtful in its firewall: no name server has to be asked for that, and so nobody waits.
    pub(crate) async fn lint_firewall(&self) -> Result<wire::LintDraftResponse, AdminError> {
        let settings = self.store.draft().await?.settings;
        Ok(findings_to_wire(lint::lint_firewall(&settings.firewall)))
    }
}

/// The draft, and its differences from the present assignment, or from the default settings before the first.
pub(super) async fn unassigned(store: &Store) -> Result<(Draft, Vec<Change>), StoreError> {
    let draft = store.draft().await?;
    if !draft.differs {
        return Ok((draft, Vec::new()));
    }
    let assigned = match draft.assigned.map(|held| held.revision) {
        Some(revision) => {
            let gone = || StoreError::damaged("assignment", format!("{revision} is gone"));
            store.assignment(revision).await?.ok_or_else(gone)?.settings().clone()
        }
        None => Settings::default(),
    };
    let changes = settings::diff(&assigned, &draft.settings);
    Ok((draft, changes))
}
