//! Calls about join tokens.

use std::str::FromStr as _;
use std::time::SystemTime;

use landmark_proto::convert::time::{duration_from_wire, timestamp_to_wire};
use landmark_proto::ids::TokenId;
use landmark_proto::join::JoinTicket;
use landmark_proto::pin::SpkiPin;
use landmark_proto::violation::{Findings, Path, Violations};
use landmark_proto::wire;
use tracing::info;

use super::error::AdminError;
use crate::config::Address;
use crate::identity::tokens::{self, InvalidToken, JoinToken, NewToken};
use crate::store::Store;
use crate::store::drafts::Author;

/// A join string has room for as many long addresses.
const MAX_ADDRESSES: usize = 8;

#[derive(Debug)]
pub(crate) struct Tokens {
    pub(crate) store: Store,
    pub(super) authority_pin: SpkiPin,
    /// Where machines find enrolment.
    pub(super) enrollment: Vec<Address>,
}

impl Tokens {
    pub(crate) async fn create(
        &self,
        request: wire::CreateJoinTokenRequest,
        by: Author,
    ) -> Result<wire::CreateJoinTokenResponse, AdminError> {
        let (new, addresses) = token_from_wire(request)?;
        let addresses = if addresses.is_empty() { &self.enrollment } else { &addresses };
        let (token, secret) = tokens::create(&self.store, new, by.as_str(), SystemTime::now()).await?;
        info!(%by, token_id = %token.token_id, max_uses = token.max_uses, "join token made");
        let ticket = JoinTicket {
            addresses: addresses.iter().map(ToString::to_string).collect(),
            authority_pin: self.authority_pin,
            token: secret.reveal().to_owned(),
        };
        Ok(wire::CreateJoinTokenResponse {
            token: Some(token_to_wire(token)),
            join_string: ticket.to_join_string(),
        })
    }

    pub(crate) async fn list(
        &self,
        request: wire::ListJoinTokensRequest,
    ) -> Result<wire::ListJoinTokensResponse, AdminError> {
        let wire::ListJoinTokensRequest { include_dead } = request;
        let tokens = tokens::list(&self.store, include_dead, SystemTime::now()).await?;
        Ok(wire::ListJoinTokensResponse { tokens: tokens.into_iter().map(token_to_wire).collect() })
    }

    pub(crate) async fn revoke(
        &self,
        request: wire::RevokeJoinTokenRequest,
        by: &Author,
    ) -> Result<wire::JoinToken, AdminError> {
        let wire::RevokeJoinTokenRequest { token_id } = request;
        let id = TokenId::from_str(token_id.trim()).map_err(|error| AdminError::field("token_id", error))?;
        let token = tokens::revoke(&self.store, id, SystemTime::now())
            .await?
            .ok_or_else(|| AdminError::NoToken(id.to_string()))?;
        info!(%by, token_id = %id, "join token revoked");
        Ok(token_to_wire(token))
    }
}

fn token_from_wire(request: wire::CreateJoinTokenRequest) -> Result<(NewToken, Vec<Address>), Violations> {
    let wire::CreateJoinTokenRequest { description, max_uses, lifetime, addresses } = request;
    let mut findings = Findings::default();
    let lifetime = match lifetime {
        None => Some(NewToken::DEFAULT_LIFETIME),
        lifetime => findings.keep(duration_from_wire(lifetime, &Path::root().field("lifetime"))),
    };
    let max_uses = if max_uses == 0 { 1 } else { max_uses };
    let token = lifetime.and_then(|lifetime| {
        findings.keep(NewToken::new(&description, max_uses, lifetime).map_err(|error| {
            let field = match &error {
                InvalidToken::Description { .. } => "description",
                InvalidToken::MaxUses(_) => "max_uses",
                InvalidToken::Lifetime(_) => "lifetime",
            };
            Violations::one(&Path::root().field(field), error)
        }))
    });
    let path = Path::root().field("addresses");
    if addresses.len() > MAX_ADDRESSES {
        findings.push(&path, format!("{} addresses are too many (at most {MAX_ADDRESSES})", addresses.len()));
        return findings.finish(None);
    }
    let addresses: Vec<Address> = addresses
        .iter()
        .enumerate()
        .filter_map(|(index, address)| findings.keep_at(&path.index(index), address.parse()))
        .collect();
    findings.finish(token.map(|token| (token, addresses)))
}

fn token_to_wire(token: JoinToken) -> wire::JoinToken {
    let JoinToken { token_id, description, created_at, created_by, expires_at, max_uses, n_uses, revoked } =
        token;
    wire::JoinToken {
        token_id: token_id.to_string(),
        description,
        created_at: Some(timestamp_to_wire(created_at)),
        created_by,
        expires_at: Some(timestamp_to_wire(expires_at)),
        max_uses,
        n_uses,
        revoked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bad_value_of_a_token_is_named() {
        let request = wire::CreateJoinTokenRequest {
            description: String::new(),
            max_uses: 100_001,
            lifetime: None,
            addresses: vec!["landmark.example:7444".to_owned(), "landmark.example".to_owned()],
        };
        assert_eq!(
            token_from_wire(request).unwrap_err().to_string(),
            "max_uses: 100001 uses are out of range (1 to 100000); \
             addresses[1]: \"landmark.example\" has no port (HOST:PORT, or [IPv6]:PORT)"
        );
        let request =
            wire::CreateJoinTokenRequest { addresses: vec!["a:1".to_owned(); 9], ..Default::default() };
        assert_eq!(
            token_from_wire(request).unwrap_err().to_string(),
            "addresses: 9 addresses are too many (at most 8)"
        );
    }

    #[test]
    fn a_token_without_wishes_is_for_one_machine_and_one_day() {
        let (token, addresses) = token_from_wire(wire::CreateJoinTokenRequest::default()).unwrap();
        assert_eq!(token, NewToken::new("", 1, NewToken::DEFAULT_LIFETIME).unwrap());
        assert_eq!(addresses, []);
    }
}
