//! Columns that hold a message of the contract: encoded on the way in, checked on the way out.

use landmark_proto::convert::fleet::assignment::{result_from_wire, result_to_wire};
use landmark_proto::convert::fleet::enforcement::{enforcement_from_wire, enforcement_to_wire};
use landmark_proto::convert::location::{report_from_wire, report_to_wire};
use landmark_proto::ids::PushId;
use landmark_proto::location::LocationReport;
use landmark_proto::message::{AssignmentOutcome, AssignmentResult, EnforcementStatus};
use landmark_proto::violation::{Path, Violations};
use prost::Message;

use super::super::StoreError;
use crate::fleet::Refused;

pub(in crate::store) fn report_to_row(report: &LocationReport) -> Vec<u8> {
    report_to_wire(report).encode_to_vec()
}

pub(in crate::store) fn report_from_row(bytes: &[u8]) -> Result<LocationReport, StoreError> {
    decode("location report", bytes, report_from_wire)
}

pub(super) fn refused_to_row(refused: &Refused) -> Vec<u8> {
    let outcome = AssignmentOutcome::Rejected(refused.rejection.clone());
    let result = AssignmentResult { push_id: PushId::default(), offered: refused.offered, outcome };
    result_to_wire(&result).encode_to_vec()
}

pub(super) fn refused_from_row(bytes: &[u8]) -> Result<Refused, StoreError> {
    let AssignmentResult { push_id: _, offered, outcome } = decode("refusal", bytes, result_from_wire)?;
    match outcome {
        AssignmentOutcome::Rejected(rejection) => Ok(Refused { offered, rejection }),
        AssignmentOutcome::Applying | AssignmentOutcome::Applied => {
            Err(StoreError::damaged("refusal", "it is none"))
        }
    }
}

pub(super) fn enforcement_to_row(status: &EnforcementStatus) -> Vec<u8> {
    enforcement_to_wire(status).encode_to_vec()
}

pub(super) fn enforcement_from_row(bytes: &[u8]) -> Result<EnforcementStatus, StoreError> {
    decode("enforcement status", bytes, enforcement_from_wire)
}

fn decode<W: Message + Default, T>(
    what: &'static str,
    bytes: &[u8],
    convert: impl FnOnce(W, &Path) -> Result<T, Violations>,
) -> Result<T, StoreError> {
    let message = W::decode(bytes).map_err(|error| StoreError::damaged(what, error))?;
    convert(message, &Path::root()).map_err(|error| StoreError::damaged(what, error))
}
