//! Calls about assignments, except watching them.

use std::time::SystemTime;

use landmark_proto::revision::Revision;
use landmark_proto::settings::Settings;
use landmark_proto::wire;

use super::convert::{detail_to_wire, diff_to_wire, note_from_wire, summary_to_wire};
use super::error::AdminError;
use super::page::PageSize;
use crate::assignments::AssignmentsHandle;
use crate::settings;
use crate::store::Store;
use crate::store::assignments::{Assigned, Signature, Stored};
use crate::store::drafts::{Author, Etag};

#[derive(Debug)]
pub(crate) struct Assignments {
    pub(crate) store: Store,
    pub(crate) handle: AssignmentsHandle,
}

impl Assignments {
    pub(crate) async fn assign(
        &self,
        request: wire::AssignRequest,
        by: Author,
    ) -> Result<wire::AssignResponse, AdminError> {
        let wire::AssignRequest { etag, note } = request;
        let signature = Signature { by, at: SystemTime::now(), note: note_from_wire(&note)? };
        let assigned = self.handle.assign(Etag::from_wire(etag), signature).await?;
        Ok(assigned_to_wire(&assigned))
    }

    pub(crate) async fn assign_again(
        &self,
        request: wire::AssignAgainRequest,
        by: Author,
    ) -> Result<wire::AssignResponse, AdminError> {
        let wire::AssignAgainRequest { revision, note } = request;
        let revision = Revision::new(revision)
            .ok_or_else(|| AdminError::field("revision", "is missing (1 for the first assignment)"))?;
        let signature = Signature { by, at: SystemTime::now(), note: note_from_wire(&note)? };
        let assigned = self.handle.assign_again(revision, signature).await?;
        Ok(assigned_to_wire(&assigned))
    }

    pub(crate) async fn list(
        &self,
        request: wire::ListAssignmentsRequest,
    ) -> Result<wire::ListAssignmentsResponse, AdminError> {
        let wire::ListAssignmentsRequest { page_size, page_token } = request;
        let size = PageSize::from_wire(page_size)?;
        let before = match page_token.as_str() {
            "" => None,
            token => Some(token.parse().ok().and_then(Revision::new).ok_or_else(|| {
                AdminError::field("page_token", format!("{token:?} is not a token of this list"))
            })?),
        };
        let found = self.store.assignments(before, size.and_one()).await?;
        let (page, next) = size.split(found);
        Ok(wire::ListAssignmentsResponse {
            assignments: page.iter().map(summary_to_wire).collect(),
            next_page_token: next.map(|last| last.held.revision.to_string()).unwrap_or_default(),
        })
    }

    pub(crate) async fn get(
        &self,
        request: wire::GetAssignmentRequest,
    ) -> Result<wire::AssignmentDetail, AdminError> {
        let wire::GetAssignmentRequest { revision } = request;
        Ok(detail_to_wire(&self.find(Revision::new(revision)).await?))
    }

    /// From 0 is from nothing, which is the default settings; to 0 is to the present one.
    pub(crate) async fn diff(
        &self,
        request: wire::DiffAssignmentsRequest,
    ) -> Result<wire::SettingsDiff, AdminError> {
        let wire::DiffAssignmentsRequest { from_revision, to_revision } = request;
        let from = match Revision::new(from_revision) {
            Some(revision) => Some(self.find(Some(revision)).await?),
            None => None,
        };
        let to = self.find(Revision::new(to_revision)).await?;
        let nothing = Settings::default();
        let from_settings = from.as_ref().map_or(&nothing, Stored::settings);
        let changes = settings::diff(from_settings, to.settings());
        Ok(diff_to_wire(Revision::new(from_revision), Some(to.held().revision), changes))
    }

    async fn find(&self, revision: Option<Revision>) -> Result<Stored, AdminError> {
        find(&self.store, revision).await
    }
}

/// An assignment; `None` is the present one.
pub(crate) async fn find(store: &Store, revision: Option<Revision>) -> Result<Stored, AdminError> {
    match revision {
        Some(revision) => store.assignment(revision).await?.ok_or(AdminError::NoAssignment(revision)),
        None => store.present_assignment().await?.ok_or(AdminError::NothingAssigned),
    }
}

fn assigned_to_wire(Assigned { stored, created }: &Assigned) -> wire::AssignResponse {
    wire::AssignResponse { assignment: Some(summary_to_wire(stored.summary())), created: *created }
}
