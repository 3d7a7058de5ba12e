//! Durations and sizes as people write them: a whole number and a unit.

use std::time::Duration;

/// Bytes in a KiB.
pub const KIB: u64 = 1024;
/// Bytes in a MiB.
pub const MIB: u64 = 1024 * KIB;
/// Bytes in a GiB.
pub const GIB: u64 = 1024 * MIB;

/// Units of time in milliseconds, the largest first.
const TIME: Units = Units {
    names: "ms, s, m, h or d",
    units: &[("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)],
};

/// Units of size in bytes, the largest first.
const SIZE: Units =
    Units { names: "B, KiB, MiB or GiB", units: &[("GiB", GIB), ("MiB", MIB), ("KiB", KIB), ("B", 1)] };

/// A text that is not a duration or size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidQuantity {
    /// There is nothing.
    #[error("is empty (a whole number and a unit: {units})")]
    Empty {
        /// The units there are.
        units: &'static str,
    },
    /// It does not begin with a digit, or has a fraction or sign.
    #[error("{text} is not a whole number and a unit ({units})")]
    NotWhole {
        /// The text as it was given.
        text: String,
        /// The units there are.
        units: &'static str,
    },
    /// There is only a number.
    #[error("{text} has no unit ({units})")]
    NoUnit {
        /// The text as it was given.
        text: String,
        /// The units there are.
        units: &'static str,
    },
    /// There is no such unit.
    #[error("{text}: {unit} is not a unit ({units})")]
    UnknownUnit {
        /// The text as it was given.
        text: String,
        /// The unit that was found.
        unit: String,
        /// The units there are.
        units: &'static str,
    },
    /// It does not fit into 64 bits.
    #[error("{text} is too large a number")]
    TooLarge {
        /// The text as it was given.
        text: String,
    },
}

/// Parses a duration such as `500ms`, `5s`, `2m`, `1h` or `30d`.
///
/// # Errors
///
/// If it is not one whole number with one unit.
pub fn parse_duration(text: &str) -> Result<Duration, InvalidQuantity> {
    TIME.parse(text).map(Duration::from_millis)
}

/// Parses a size such as `512B`, `64KiB`, `16MiB` or `1GiB`, into bytes.
///
/// # Errors
///
/// If it is not one whole number with one unit.
pub fn parse_size(text: &str) -> Result<u64, InvalidQuantity> {
    SIZE.parse(text)
}

/// Writes a duration in the largest unit that needs no fraction; what is below a millisecond is lost.
pub fn format_duration(duration: Duration) -> String {
    if duration.is_zero() {
        return "0s".to_owned();
    }
    TIME.format(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// Writes a size in the largest unit that needs no fraction.
pub fn format_size(bytes: u64) -> String {
    SIZE.format(bytes)
}

struct Units {
    names: &'static str,
    units: &'static [(&'static str, u64)],
}

impl Units {
    fn parse(&self, text: &str) -> Result<u64, InvalidQuantity> {
        let text = text.trim();
        let owned = || text.to_owned();
        if text.is_empty() {
            return Err(InvalidQuantity::Empty { units: self.names });
        }
        let n_digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, unit) = text.split_at_checked(n_digits).unwrap_or((text, ""));
        let unit = unit.trim_start();
        if digits.is_empty() || unit.starts_with(['.', ',']) {
            return Err(InvalidQuantity::NotWhole { text: owned(), units: self.names });
        }
        if unit.is_empty() {
            return Err(InvalidQuantity::NoUnit { text: owned(), units: self.names });
        }
        let Some((_, factor)) = self.units.iter().find(|(name, _)| *name == unit) else {
            let unit = unit.to_owned();
            return Err(InvalidQuantity::UnknownUnit { text: owned(), unit, units: self.names });
        };
        let number: Option<u64> = digits.parse().ok();
        number
            .and_then(|number| number.checked_mul(*factor))
            .ok_or_else(|| InvalidQuantity::TooLarge { text: owned() })
    }

    fn format(&self, amount: u64) -> String {
        self.units
            .iter()
            .find(|(_, factor)| amount > 0 && amount.is_multiple_of(*factor))
            .map_or_else(|| format!("{amount}B"), |(name, factor)| format!("{}{name}", amount / factor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn duration_error(text: &str) -> String {
        parse_duration(text).unwrap_err().to_string()
    }

    #[test]
    fn reads_every_unit() {
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("5s"), Ok(Duration::from_secs(5)));
        assert_eq!(parse_duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(parse_duration("1h"), Ok(Duration::from_secs(3600)));
        assert_eq!(parse_duration("30d"), Ok(Duration::from_secs(30 * 86_400)));
        assert_eq!(parse_duration(" 30 d "), Ok(Duration::from_secs(30 * 86_400)));
        assert_eq!(parse_duration("0s"), Ok(Duration::ZERO));
        assert_eq!(parse_size("512B"), Ok(512));
        assert_eq!(parse_size("64KiB"), Ok(65_536));
        assert_eq!(parse_size("16MiB"), Ok(16 * MIB));
        assert_eq!(parse_size("1GiB"), Ok(GIB));
    }

    #[test]
    fn tells_exactly_what_is_wrong() {
        assert_eq!(duration_error("5"), "5 has no unit (ms, s, m, h or d)");
        assert_eq!(duration_error("5x"), "5x: x is not a unit (ms, s, m, h or d)");
        assert_eq!(duration_error("1h30m"), "1h30m: h30m is not a unit (ms, s, m, h or d)");
        assert_eq!(duration_error("1.5s"), "1.5s is not a whole number and a unit (ms, s, m, h or d)");
        assert_eq!(duration_error("-5s"), "-5s is not a whole number and a unit (ms, s, m, h or d)");
        assert_eq!(duration_error("soon"), "soon is not a whole number and a unit (ms, s, m, h or d)");
        assert_eq!(duration_error("ß"), "ß is not a whole number and a unit (ms, s, m, h or d)");
        assert_eq!(duration_error(" "), "is empty (a whole number and a unit: ms, s, m, h or d)");
        assert_eq!(duration_error("99999999999999999999s"), "99999999999999999999s is too large a number");
        assert_eq!(duration_error("18446744073709551615d"), "18446744073709551615d is too large a number");
        assert_eq!(parse_size("5MB").unwrap_err().to_string(), "5MB: MB is not a unit (B, KiB, MiB or GiB)");
    }

    #[test]
    fn writes_the_largest_unit_without_a_fraction() {
        let written = [0, 1, 1500, 5000, 90_000, 120_000, 86_400_000]
            .map(|milliseconds| format_duration(Duration::from_millis(milliseconds)));
        assert_eq!(written, ["0s", "1ms", "1500ms", "5s", "90s", "2m", "1d"]);
        assert_eq!([0, 1, 1024, 1536, 16 * MIB].map(format_size), ["0B", "1B", "1KiB", "1536B", "16MiB"]);
    }

    #[test]
    fn reads_back_what_it_writes() {
        for shift in 0..64 {
            for amount in [1_u64 << shift, (1 << shift) - 1, (1_u64 << shift).wrapping_mul(1000)] {
                let duration = Duration::from_millis(amount);
                assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
                assert_eq!(parse_size(&format_size(amount)), Ok(amount));
            }
        }
    }
}
