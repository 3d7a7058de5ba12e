//! Key pins: what a TLS peer's certificate is recognised by, however often the certificate itself is renewed.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

const BYTES: usize = 32;

/// The SHA-256 of a certificate's SubjectPublicKeyInfo (RFC 7469, section 2.4).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpkiPin([u8; BYTES]);

impl SpkiPin {
    /// Of a DER-encoded SubjectPublicKeyInfo.
    pub fn of(spki: &[u8]) -> Self {
        Self(Sha256::digest(spki).into())
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; BYTES] {
        &self.0
    }
}

impl TryFrom<&[u8]> for SpkiPin {
    type Error = InvalidPin;

    fn try_from(bytes: &[u8]) -> Result<Self, InvalidPin> {
        <[u8; BYTES]>::try_from(bytes).map(Self).map_err(|_| InvalidPin)
    }
}

impl FromStr for SpkiPin {
    type Err = InvalidPin;

    /// Reads our own form, `sha256:` and base64url; what curl and HTTP public key pinning write, `sha256//` and base64;
    /// and the 64 hexadecimal digits that `openssl dgst` prints, with or without colons.
    fn from_str(text: &str) -> Result<Self, InvalidPin> {
        let text = text.trim();
        let bytes = if let Some(encoded) = text.strip_prefix("sha256:") {
            decode_base64(encoded).or_else(|| decode_hex(encoded))
        } else if let Some(encoded) = text.strip_prefix("sha256//") {
            decode_base64(encoded)
        } else {
            decode_hex(text)
        };
        Self::try_from(bytes.ok_or(InvalidPin)?.as_slice())
    }
}

fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let alphabet = if text.contains(['+', '/']) { &alphabet::STANDARD } else { &alphabet::URL_SAFE };
    GeneralPurpose::new(alphabet, config).decode(text).ok().filter(|bytes| bytes.len() == BYTES)
}

fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .filter(|c| *c != ':')
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    let digits = digits.filter(|digits| digits.len() == 2 * BYTES)?;
    Some(digits.chunks(2).map(|pair| pair.iter().fold(0, |value, digit| value << 4 | digit)).collect())
}

impl fmt::Display for SpkiPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for SpkiPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Not a pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a key pin (sha256: and 43 characters of base64url, or 64 hexadecimal digits)")]
pub struct InvalidPin;

/// 1 to [`Pins::MAX`] different pins: a key is rotated by naming the new one beside the old one beforehand.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pins(Vec<SpkiPin>);

impl Pins {
    /// The most pins one reference server can have.
    pub const MAX: usize = 8;

    /// Takes the pins in their order, which means nothing.
    ///
    /// # Errors
    /// None, too many, or one of them twice.
    pub fn new(pins: Vec<SpkiPin>) -> Result<Self, InvalidPins> {
        if pins.is_empty() {
            return Err(InvalidPins::None);
        }
        if pins.len() > Self::MAX {
            return Err(InvalidPins::TooMany(pins.len()));
        }
        for (index, pin) in pins.iter().enumerate() {
            if pins.iter().take(index).any(|earlier| earlier == pin) {
                return Err(InvalidPins::Twice { index, pin: *pin });
            }
        }
        Ok(Self(pins))
    }

    /// These pins with those of `more` that are not among them yet, at the end.
    ///
    /// # Errors
    /// More than [`Pins::MAX`] in all.
    pub fn with(&self, more: &Self) -> Result<Self, InvalidPins> {
        let mut all = self.0.clone();
        all.extend(more.0.iter().filter(|pin| !self.0.contains(pin)));
        Self::new(all)
    }

    /// Whether a key is recognised.
    pub fn contain(&self, pin: SpkiPin) -> bool {
        self.0.contains(&pin)
    }

    /// All of them; at least one.
    pub fn as_slice(&self) -> &[SpkiPin] {
        &self.0
    }
}

impl fmt::Display for Pins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, pin) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{pin}")?;
        }
        Ok(())
    }
}

/// Not the pins of a reference server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InvalidPins {
    /// Without a pin any server with any certificate would do.
    #[error("at least one key pin is needed")]
    None,
    /// More than [`Pins::MAX`].
    #[error("{0} key pins are too many (at most {max})", max = Pins::MAX)]
    TooMany(usize),
    /// One stands there twice.
    #[error("{pin} stands there twice")]
    Twice {
        /// The second place, from 0.
        index: usize,
        /// The pin.
        pin: SpkiPin,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_gives_its_text_back() {
        let pin = SpkiPin::of(b"key");
        assert_eq!(pin.to_string().parse(), Ok(pin));
        assert_eq!("sha1:abc".parse::<SpkiPin>(), Err(InvalidPin));
    }

    #[test]
    fn a_pin_is_read_as_other_tools_write_it() {
        let pin = SpkiPin::of(b"key");
        assert_eq!(pin.to_string(), "sha256:LHDhK3oGRvkiefQnx7OOczTY5Tic_xZ6HcMOc_gmtoM");
        for text in [
            "sha256//LHDhK3oGRvkiefQnx7OOczTY5Tic/xZ6HcMOc/gmtoM=",
            "sha256:LHDhK3oGRvkiefQnx7OOczTY5Tic_xZ6HcMOc_gmtoM=",
            "2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683",
        ] {
            assert_eq!(text.parse(), Ok(pin), "{text}");
        }
        let hex: String = pin.as_bytes().iter().map(|byte| format!("{byte:02X}")).collect();
        assert_eq!(hex.parse(), Ok(pin));
        let colons: Vec<String> = pin.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(colons.join(":").parse(), Ok(pin));
        for text in ["", "sha256:", "sha256//LHDh", "2c70", "sha256:2c70"] {
            assert_eq!(text.parse::<SpkiPin>(), Err(InvalidPin), "{text}");
        }
    }

    #[test]
    fn one_to_eight_different_pins() {
        let pin = |n: u8| SpkiPin::of(&[n]);
        assert_eq!(Pins::new(vec![]), Err(InvalidPins::None));
        assert_eq!(
            Pins::new(vec![pin(1), pin(2), pin(1)]),
            Err(InvalidPins::Twice { index: 2, pin: pin(1) })
        );
        assert_eq!(Pins::new((0..9).map(pin).collect()), Err(InvalidPins::TooMany(9)));
        let eight = Pins::new((0..8).map(pin).collect()).unwrap();
        assert!(eight.contain(pin(7)) && !eight.contain(pin(8)));
        assert_eq!(eight.with(&Pins::new(vec![pin(3)]).unwrap()), Ok(eight));
    }
}
