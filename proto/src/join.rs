//! The join string: everything a machine needs to enrol, in one piece that survives a paste into a shell.
//!
//! `landmark1.` and the base64url (RFC 4648, no padding) of a `JoinTicket` with the first four bytes of its SHA-256 in
//! front, so that a cut or mistyped string is told apart from a refused token.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use prost::Message as _;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::pin::SpkiPin;
use crate::wire;

const PREFIX: &str = "landmark1.";
const CHECK_BYTES: usize = 4;
/// Room for eight long addresses.
const MAX_CHARS: usize = 4096;

/// What a join string carries.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinTicket {
    /// Where enrolment is served, `HOST:PORT`, tried in order; at least one.
    pub addresses: Vec<String>,
    /// Of the authority that the server must show.
    pub authority_pin: SpkiPin,
    /// The secret that is used up by enrolling.
    pub token: String,
}

impl JoinTicket {
    /// As text to paste. Secret: whoever has it can enrol.
    pub fn to_join_string(&self) -> String {
        let body = wire::JoinTicket {
            addresses: self.addresses.clone(),
            authority_pin: self.authority_pin.as_bytes().to_vec().into(),
            token: self.token.clone(),
        }
        .encode_to_vec();
        let mut checked = check(&body).to_vec();
        checked.extend_from_slice(&body);
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(checked))
    }
}

impl FromStr for JoinTicket {
    type Err = InvalidJoinString;

    fn from_str(text: &str) -> Result<Self, InvalidJoinString> {
        let text = text.trim();
        let encoded = text.strip_prefix(PREFIX).ok_or(InvalidJoinString::Prefix)?;
        if text.len() > MAX_CHARS {
            return Err(InvalidJoinString::Damaged);
        }
        let checked = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| InvalidJoinString::Damaged)?;
        let (sum, body) = checked.split_at_checked(CHECK_BYTES).ok_or(InvalidJoinString::Damaged)?;
        if check(body) != sum {
            return Err(InvalidJoinString::Damaged);
        }
        let ticket = wire::JoinTicket::decode(body).map_err(|_| InvalidJoinString::Damaged)?;
        let authority_pin =
            SpkiPin::try_from(ticket.authority_pin.as_ref()).map_err(|_| InvalidJoinString::Damaged)?;
        if ticket.addresses.is_empty() || ticket.token.is_empty() {
            return Err(InvalidJoinString::Damaged);
        }
        Ok(Self { addresses: ticket.addresses, authority_pin, token: ticket.token })
    }
}

impl fmt::Debug for JoinTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinTicket")
            .field("addresses", &self.addresses)
            .field("authority_pin", &self.authority_pin)
            .finish_non_exhaustive()
    }
}

fn check(body: &[u8]) -> [u8; CHECK_BYTES] {
    let [a, b, c, d, ..] = <[u8; 32]>::from(Sha256::digest(body));
    [a, b, c, d]
}

/// Not a join string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InvalidJoinString {
    /// Something else altogether.
    #[error("not a join string: it starts with \"landmark1.\" (make one with: landmarkctl tokens create)")]
    Prefix,
    /// Cut or mistyped.
    #[error("the join string is damaged: it was cut or mistyped; copy it again whole")]
    Damaged,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket() -> JoinTicket {
        JoinTicket {
            addresses: vec!["landmark.example:7444".into(), "[2001:db8::1]:7444".into()],
            authority_pin: SpkiPin::of(b"key"),
            token: "secret".into(),
        }
    }

    #[test]
    fn a_join_string_gives_its_ticket_back() {
        let text = ticket().to_join_string();
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)), "{text}");
        assert_eq!(format!(" {text}\n").parse(), Ok(ticket()));
    }

    #[test]
    fn a_cut_or_mistyped_join_string_is_damaged() {
        let text = ticket().to_join_string();
        for length in PREFIX.len()..text.len() {
            assert_eq!(text.get(..length).unwrap().parse::<JoinTicket>(), Err(InvalidJoinString::Damaged));
        }
        let mistyped = text.replace(text.get(20..21).unwrap(), "*");
        assert_eq!(mistyped.parse::<JoinTicket>(), Err(InvalidJoinString::Damaged));
        assert_eq!("hello".parse::<JoinTicket>(), Err(InvalidJoinString::Prefix));
    }

    #[test]
    fn a_ticket_is_not_shown_in_logs() {
        assert!(!format!("{:?}", ticket()).contains("secret"));
    }
}
