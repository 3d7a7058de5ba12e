//! How values look on a page.

use std::fmt;
use std::time::{Duration, SystemTime};

use form_urlencoded::byte_serialize;
use jiff::Timestamp;

/// A text as part of a query.
pub(super) fn encoded(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}

/// A moment: in UTC as the server writes it, in the reader's own time zone and with its age once the page's script has seen
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) at: SystemTime,
    pub(super) now: SystemTime,
}

impl Moment {
    pub(super) fn new(at: SystemTime, now: SystemTime) -> Self {
        Self { at, now }
    }

    /// RFC 3339, for machines.
    pub(super) fn machine(&self) -> String {
        timestamp(self.at).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// For people: `2026-11-26 08:31 UTC`.
    pub(super) fn human(&self) -> String {
        timestamp(self.at).strftime("%Y-%m-%d %H:%M UTC").to_string()
    }

    /// For example `3 min ago` or `in 2 h`.
    pub(super) fn age(&self) -> String {
        match self.now.duration_since(self.at) {
            Ok(past) if past < Duration::from_secs(10) => "just now".to_owned(),
            Ok(past) => format!("{} ago", span(past)),
            Err(future) if future.duration() < Duration::from_secs(10) => "just now".to_owned(),
            Err(future) => format!("in {}", span(future.duration())),
        }
    }
}

fn timestamp(at: SystemTime) -> Timestamp {
    Timestamp::try_from(at).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// A span of time in its largest unit: `45 s`, `3 min`, `5 h`, `12 d`.
pub(super) fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// A number with thin groups: `12 345`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Number(pub(super) u64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                f.write_str("\u{202f}")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

/// `1 agent`, `2 agents`.
pub(super) fn counted(n: u64, one: &str, many: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{} {many}", Number(n)) }
}

/// With a capital letter and a full stop.
pub(super) fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first: String = characters.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
    format!("{first}{}.", characters.as_str().trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_told_with_its_age() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_680_000);
        let ago = |seconds| Moment::new(now - Duration::from_secs(seconds), now);
        assert_eq!(ago(0).machine(), "2026-11-26T08:00:00Z");
        assert_eq!(ago(90).human(), "2026-11-26 07:58 UTC");
        assert_eq!(ago(3).age(), "just now");
        assert_eq!(ago(45).age(), "45 s ago");
        assert_eq!(ago(200).age(), "3 min ago");
        assert_eq!(ago(7_200).age(), "2 h ago");
        assert_eq!(ago(200_000).age(), "2 d ago");
        assert_eq!(Moment::new(now + Duration::from_secs(7_300), now).age(), "in 2 h");
    }

    #[test]
    fn a_sentence_has_a_capital_letter_and_a_full_stop() {
        assert_eq!(sentence("nothing was changed"), "Nothing was changed.");
        assert_eq!(sentence("École."), "École.");
        assert_eq!(sentence(""), ".");
    }

    #[test]
    fn numbers_have_groups() {
        let told = |n| Number(n).to_string();
        assert_eq!(told(0), "0");
        assert_eq!(told(999), "999");
        assert_eq!(told(1_000), "1\u{202f}000");
        assert_eq!(told(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(counted(1, "agent", "agents"), "1 agent");
        assert_eq!(counted(2, "agent", "agents"), "2 agents");
    }
}
