//! Settings: everything an administrator edits, and the bytes that an assignment is made of.

use bytes::Bytes;
use prost::Message as _;
use thiserror::Error;

use crate::convert;
use crate::firewall::Firewall;
use crate::gateway::GatewayList;
use crate::location_rules::LocationRules;
use crate::reference_server::ReferenceServerList;
use crate::revision::Digest;
use crate::violation::Violations;
use crate::wire;

/// The most bytes of encoded settings: a pushed message of 256 KiB with room for its other fields.
pub const MAX_SETTINGS_BYTES: usize = 255 * 1024;

/// All settings of a fleet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The ordered reference servers.
    pub reference_servers: ReferenceServerList,
    /// How a location is decided.
    pub location: LocationRules,
    /// The gateways of the company's networks.
    pub gateways: GatewayList,
    /// Which machine lets what pass.
    pub firewall: Firewall,
}

/// Settings as bytes: what is stored, pushed, kept on an agent's disk and hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedSettings {
    bytes: Bytes,
    digest: Digest,
}

impl EncodedSettings {
    /// Encodes. The same settings always give the same bytes.
    pub fn encode(settings: &Settings) -> Self {
        Self::from_bytes(convert::settings::to_wire(settings).encode_to_vec().into())
    }

    /// Takes bytes as they are; they are only believed once [`EncodedSettings::decode`] has read them.
    pub fn from_bytes(bytes: Bytes) -> Self {
        let digest = Digest::of(&bytes);
        Self { bytes, digest }
    }

    /// The exact bytes; cloning them is cheap.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Of the bytes.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Reads the settings.
    ///
    /// # Errors
    /// Too large, not settings at all, settings with anything this version does not understand (dropping it could
    /// weaken a policy), or settings that break rules.
    pub fn decode(&self) -> Result<Settings, InvalidSettings> {
        if self.bytes.len() > MAX_SETTINGS_BYTES {
            return Err(InvalidSettings::TooLarge { n_bytes: self.bytes.len() });
        }
        let message = wire::Settings::decode(self.bytes.as_ref())
            .map_err(|error| InvalidSettings::Malformed(error.to_string()))?;
        // prost drops fields it does not know; encoding again shows whether it did.
        if message.encode_to_vec() != self.bytes.as_ref() {
            return Err(InvalidSettings::NotUnderstood);
        }
        convert::settings::from_wire(message).map_err(InvalidSettings::Invalid)
    }
}

/// Bytes that are not settings this version can hold.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidSettings {
    /// More than [`MAX_SETTINGS_BYTES`].
    #[error("settings of {n_bytes} bytes are too large (at most 261120)")]
    TooLarge {
        /// As received.
        n_bytes: usize,
    },
    /// Not the message.
    #[error("not settings: {0}")]
    Malformed(String),
    /// Fields that this version does not know.
    #[error("settings with fields that this version does not understand")]
    NotUnderstood,
    /// Rules are broken.
    #[error("{0}")]
    Invalid(Violations),
}

#[cfg(test)]
mod tests;
