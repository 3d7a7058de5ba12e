//! Times and durations for people.

use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// How long ago, or in how long: one unit, rounded down, since the eye wants the order of magnitude.
pub(crate) fn age(time: Timestamp, now: Timestamp) -> String {
    let passed = now.duration_since(time);
    if passed.abs() < SignedDuration::from_secs(1) {
        "just now".to_owned()
    } else if passed.is_negative() {
        // What was just made to last a day ends "in 24 h", not "in 23 h".
        format!("in {}", rough(passed.abs() + SignedDuration::from_secs(30)))
    } else {
        format!("{} ago", rough(passed))
    }
}

/// Local time to the second on the same day, else the day too; with its age.
pub(crate) fn moment(time: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let local = time.to_zoned_datetime(zone.clone());
    let same_day = local.date() == now.to_zoned_datetime(zone.clone()).date();
    let format = if same_day { "%H:%M:%S" } else { "%Y-%m-%d %H:%M" };
    format!("{} ({})", local.strftime(format), age(time, now))
}

/// Local time of day, to the second.
pub(crate) fn clock(time: Timestamp, zone: &TimeZone) -> String {
    time.to_zoned_datetime(zone.clone()).strftime("%H:%M:%S").to_string()
}

fn rough(duration: SignedDuration) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    match duration.as_secs() {
        seconds if seconds < MINUTE => format!("{seconds} s"),
        seconds if seconds < HOUR => format!("{} min", seconds / MINUTE),
        seconds if seconds < 2 * DAY => format!("{} h", seconds / HOUR),
        seconds => format!("{} d", seconds / DAY),
    }
}

/// Seconds as they are configured: "60 s", "5 min", "1 h".
pub(crate) fn interval(seconds: u64) -> String {
    match seconds {
        seconds if seconds >= 7200 && seconds % 3600 == 0 => format!("{} h", seconds / 3600),
        seconds if seconds >= 120 && seconds % 60 == 0 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}

/// Milliseconds as measured: "0 ms", "412 ms", "3.1 s".
pub(crate) fn measured(milliseconds: i64) -> String {
    if milliseconds < 1000 {
        return format!("{milliseconds} ms");
    }
    let tenths = milliseconds / 100;
    format!("{}.{} s", tenths / 10, tenths % 10)
}

/// Reads what people write: `30s`, `5m`, `1h 30m`, `7d`, `2 weeks`, ISO 8601. A day has 24 hours.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    const FORM: &str = "give a number with a unit, for example 30s, 5m, 12h or 7d";
    if text.trim().bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("the unit is missing ({FORM})"));
    }
    let span: jiff::Span = text.trim().parse().map_err(|_| FORM.to_owned())?;
    let duration = span
        .to_duration(jiff::SpanRelativeTo::days_are_24_hours())
        .map_err(|_| format!("months and years have no fixed length ({FORM})"))?;
    if duration.is_negative() {
        return Err("it is negative".to_owned());
    }
    Duration::try_from(duration).map_err(|_| FORM.to_owned())
}

/// The same for what is shown and kept in seconds.
pub(crate) fn whole_seconds(text: &str) -> Result<Duration, String> {
    let duration = parse_duration(text)?;
    if duration.subsec_nanos() == 0 { Ok(duration) } else { Err("give whole seconds".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn an_age_is_one_unit() {
        let now = at("2026-11-23T12:00:00Z");
        for (time, words) in [
            ("2026-11-23T12:00:00Z", "just now"),
            ("2026-11-23T11:59:59.5Z", "just now"),
            ("2026-11-23T11:59:48Z", "12 s ago"),
            ("2026-11-23T11:56:01Z", "3 min ago"),
            ("2026-11-23T09:00:00Z", "3 h ago"),
            ("2026-11-21T13:00:00Z", "47 h ago"),
            ("2026-11-21T11:00:00Z", "2 d ago"),
            ("2026-11-23T12:00:29Z", "in 59 s"),
            ("2026-11-24T11:59:58Z", "in 24 h"),
            ("2026-11-24T12:00:00Z", "in 24 h"),
        ] {
            assert_eq!(age(at(time), now), words);
        }
    }

    #[test]
    fn a_moment_names_the_day_only_if_it_is_another() {
        let now = at("2026-11-23T12:00:00Z");
        let moment = |time: &str| moment(at(time), now, &TimeZone::UTC);
        assert_eq!(moment("2026-11-23T11:56:01Z"), "11:56:01 (3 min ago)");
        assert_eq!(moment("2026-11-20T11:00:00Z"), "2026-11-20 11:00 (3 d ago)");
    }

    #[test]
    fn a_day_is_that_of_the_reader() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let shown = moment(at("2026-11-22T23:00:00Z"), at("2026-11-23T12:00:00Z"), &zone);
        assert_eq!(shown, "01:00:00 (13 h ago)");
    }

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, seconds) in
            [("30s", 30), ("5m", 300), ("1h 30m", 5400), ("7d", 604_800), ("2 weeks", 1_209_600)]
        {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)));
        }
        assert!(parse_duration("60").unwrap_err().starts_with("the unit is missing"));
        assert!(parse_duration("soon").unwrap_err().starts_with("give a number with a unit"));
        assert!(parse_duration("1mo").unwrap_err().starts_with("months and years"));
        assert_eq!(parse_duration("-5s"), Err("it is negative".into()));
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(whole_seconds("1.5s"), Err("give whole seconds".into()));
        assert_eq!(whole_seconds("90s"), parse_duration("1m 30s"));
    }

    #[test]
    fn measured_times_keep_a_sensible_precision() {
        assert_eq!(measured(0), "0 ms");
        assert_eq!(measured(412), "412 ms");
        assert_eq!(measured(3149), "3.1 s");
        assert_eq!(interval(60), "60 s");
        assert_eq!(interval(300), "5 min");
        assert_eq!(interval(7200), "2 h");
        assert_eq!(interval(90), "90 s");
    }
}
