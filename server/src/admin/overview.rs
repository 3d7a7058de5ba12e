//! Calls about the fleet as a whole: its numbers, what needs attention, and how it was over time.

use landmark_proto::wire;

use super::error::AdminError;
use crate::fleet::Fleet;
use crate::store::Store;

#[derive(Debug)]
pub(crate) struct Overviews {
    pub(crate) store: Store,
    pub(crate) fleet: Fleet,
}

impl Overviews {
    pub(crate) async fn get(&self) -> Result<wire::Overview, AdminError> {
        Err(AdminError::Stopping)
    }

    pub(crate) async fn samples(
        &self,
        _request: wire::ListFleetSamplesRequest,
    ) -> Result<wire::ListFleetSamplesResponse, AdminError> {
        Err(AdminError::Stopping)
    }
}
