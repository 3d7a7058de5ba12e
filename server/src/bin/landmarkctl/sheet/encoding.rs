//! Which encoding a file has: its byte order mark says, else the shape of its bytes.

use std::fmt;

use encoding_rs::{UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// What Excel and editors write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Encoding {
    /// By its byte order mark or the shape of its bytes
    Auto,
    /// With or without a byte order mark
    #[value(name = "utf-8")]
    Utf8,
    /// "Unicode text" of Windows programs
    #[value(name = "utf-16le")]
    Utf16Le,
    /// The same with the other byte order
    #[value(name = "utf-16be")]
    Utf16Be,
    /// "ANSI" on most Windows machines of Europe and America
    #[value(name = "windows-1252", alias = "ansi")]
    Windows1252,
}

/// The bytes are not text in the encoding that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} is not {encoding}")]
pub(crate) struct UnreadableText {
    pub(crate) line: usize,
    pub(crate) encoding: Encoding,
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Utf8 => "UTF-8",
            Self::Utf16Le => "UTF-16 (little-endian)",
            Self::Utf16Be => "UTF-16 (big-endian)",
            Self::Windows1252 => "windows-1252",
        })
    }
}

/// The text, without its byte order mark.
pub(crate) fn decode(bytes: &[u8], wanted: Encoding) -> Result<String, UnreadableText> {
    let encoding = if wanted == Encoding::Auto { detect(bytes) } else { wanted };
    let decoder = match encoding {
        Encoding::Auto | Encoding::Utf8 => UTF_8,
        Encoding::Utf16Le => UTF_16LE,
        Encoding::Utf16Be => UTF_16BE,
        Encoding::Windows1252 => WINDOWS_1252,
    };
    let (text, had_errors) = decoder.decode_with_bom_removal(bytes);
    if had_errors {
        let line = text.split('\u{fffd}').next().unwrap_or_default().matches('\n').count() + 1;
        return Err(UnreadableText { line, encoding });
    }
    Ok(text.into_owned())
}

fn detect(bytes: &[u8]) -> Encoding {
    match bytes {
        [0xef, 0xbb, 0xbf, ..] => Encoding::Utf8,
        [0xff, 0xfe, ..] => Encoding::Utf16Le,
        [0xfe, 0xff, ..] => Encoding::Utf16Be,
        _ => match zero_bytes(bytes) {
            // A list of hosts is nearly all ASCII: in UTF-16 one byte of each pair is zero.
            (0, odd) if odd > 0 => Encoding::Utf16Le,
            (even, 0) if even > 0 => Encoding::Utf16Be,
            _ if std::str::from_utf8(bytes).is_ok() => Encoding::Utf8,
            _ => Encoding::Windows1252,
        },
    }
}

/// At even and at odd places, among the first bytes.
fn zero_bytes(bytes: &[u8]) -> (usize, usize) {
    bytes.iter().take(1024).enumerate().filter(|(_, byte)| **byte == 0).fold(
        (0, 0),
        |(even, odd), (place, _)| {
            if place % 2 == 0 { (even + 1, odd) } else { (even, odd + 1) }
        },
    )
}
