//! Words of the contract, as people read them.

use landmark_proto::wire::RejectionCode;

/// Why an agent refused an assignment; after "because".
pub(super) fn rejection(code: RejectionCode) -> &'static str {
    match code {
        RejectionCode::Outdated => {
            "it holds a newer assignment than the one offered (was the server restored from a backup?)"
        }
        RejectionCode::Conflict => {
            "it holds other settings under the same number (was the server restored from a backup?)"
        }
        RejectionCode::Digest => "the settings arrived damaged",
        RejectionCode::Invalid => "the settings break a rule of the agent",
        RejectionCode::Unsupported => "the agent does not understand the settings; update it",
        RejectionCode::TooLarge => "the settings are larger than the agent takes",
        RejectionCode::Storage => "the agent could not store it on its disk",
        RejectionCode::Unspecified => "the agent gave no reason",
    }
}
