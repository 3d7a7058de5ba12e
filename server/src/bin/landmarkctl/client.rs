//! The server's admin API, call by call: what goes out is made of plain values, what comes back are documents.
//!
//! Knows nothing of command lines or of text for people. No call is ever repeated: what was lost on the way may have been
//! done, and saying so is honest.

mod calls;
mod connect;
mod edit;
mod refusal;
mod trust;

use std::time::Duration;

use landmark_proto::wire::admin_client::AdminClient;
use tonic::metadata::{Ascii, MetadataValue};

pub(crate) use calls::{
    AgentFilter, AgentsWish, ApiTokenWish, MachineFacts, OfSettings, SignInWish, TokenWish,
};
pub(crate) use connect::{ConnectError, Step};
pub(crate) use edit::{Edit, Entry, FirewallEdit, Owner, Rules};
pub(crate) use refusal::{CallError, Refusal};
pub(crate) use trust::{Trust, TrustError};

use crate::context::Address;

/// A call that takes longer is given up. Longer than the server's own limit on its database.
const CALL_LIMIT: Duration = Duration::from_secs(30);
/// For a connection that has broken to say why.
const END_LIMIT: Duration = Duration::from_secs(1);
/// A page of 1,000 agents is about 500 KB.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

type Admin = AdminClient<connect::Link>;

/// A connection to the admin API.
#[derive(Debug)]
pub(crate) struct Client {
    admin: Admin,
    /// Absent before signing in.
    bearer: Option<MetadataValue<Ascii>>,
    /// Drives the connection; ends with the value.
    driver: connect::Driver,
    /// Whether anything was ever heard: until then it may not be the administration at all.
    has_answered: bool,
}

impl Client {
    /// Connects, verifying the server.
    pub(crate) async fn connect(
        address: &Address,
        trust: &Trust,
        bearer: Option<MetadataValue<Ascii>>,
    ) -> Result<Self, ConnectError> {
        let (link, driver) = connect::connect(address, trust).await?;
        let origin = http::Uri::from_static(connect::ORIGIN);
        let admin = AdminClient::with_origin(link, origin).max_decoding_message_size(MAX_ANSWER_BYTES);
        Ok(Self { admin, bearer, driver, has_answered: false })
    }
}
