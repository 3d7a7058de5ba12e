//! Structured logs on standard error, and panics among them.

use std::env;
use std::ffi::OsStr;
use std::io::{self, IsTerminal as _};
use std::panic::PanicHookInfo;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter does not follow the syntax `target[span{field=value}]=level,…`.
    #[error("{filter:?} is not a log filter (such as info or info,landmark_agent::link=debug)")]
    InvalidFilter {
        /// The filter as it was given.
        filter: String,
        /// What tracing says about it.
        source: ParseError,
    },
    /// The process logs already.
    #[error("cannot set up logging")]
    AlreadySet(#[source] TryInitError),
}

/// Logs to standard error from here on, for the whole process, and logs panics as errors.
///
/// `filter` has the syntax of [`EnvFilter`], such as `info,landmark_agent::link=debug`. Colours are used only on a
/// terminal, and not with `NO_COLOR` (<https://no-color.org>).
///
/// # Errors
///
/// If the filter is wrong, or if logging was set up before.
pub fn init(filter: &str, format: LogFormat) -> Result<(), TelemetryError> {
    let filter = parse_filter(filter)?;
    let colours = colours(io::stderr().is_terminal(), env::var_os("NO_COLOR").as_deref());
    // A log that cannot be written (a full disk, a reader that went) ends no daemon: by default tracing would complain
    // with `eprintln!`, which panics where standard error is the very thing that fails.
    let builder =
        fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(colours).log_internal_errors(false);
    match format {
        LogFormat::Text => builder.finish().try_init(),
        LogFormat::Json => builder.json().finish().try_init(),
    }
    .map_err(TelemetryError::AlreadySet)?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// Tells whether `filter` is one that [`init`] would take, so that configuration can be checked without logging.
///
/// # Errors
///
/// [`TelemetryError::InvalidFilter`], naming it.
pub fn check_filter(filter: &str) -> Result<(), TelemetryError> {
    parse_filter(filter).map(drop)
}

fn parse_filter(filter: &str) -> Result<EnvFilter, TelemetryError> {
    EnvFilter::builder()
        .parse(filter)
        .map_err(|source| TelemetryError::InvalidFilter { filter: filter.to_owned(), source })
}

fn colours(is_terminal: bool, no_color: Option<&OsStr>) -> bool {
    is_terminal && no_color.is_none_or(OsStr::is_empty)
}

/// The hook of the standard library prints several lines of plain text, which breaks a log of JSON objects.
fn log_panic(info: &PanicHookInfo<'_>) {
    let reason = info.payload_as_str().unwrap_or("(no text)");
    let location = info.location().map(ToString::to_string);
    let thread = std::thread::current();
    let backtrace = std::backtrace::Backtrace::capture();
    let backtrace =
        (backtrace.status() == std::backtrace::BacktraceStatus::Captured).then(|| backtrace.to_string());
    tracing::error!(reason, location, thread = thread.name(), backtrace, "panicked");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Chain;
    use crate::test_process;

    #[test]
    fn colours_need_a_terminal_and_no_objection() {
        assert!(colours(true, None));
        assert!(colours(true, Some(OsStr::new(""))));
        assert!(!colours(true, Some(OsStr::new("1"))));
        assert!(!colours(false, None));
    }

    #[test]
    fn takes_levels_and_targets() {
        for filter in ["info", "warn,landmark_agent::link=debug", "off", "info,h2=warn"] {
            assert!(check_filter(filter).is_ok(), "{filter}");
        }
    }

    #[test]
    fn names_a_filter_that_is_wrong() {
        let error = check_filter("info,link=loud").unwrap_err();
        assert_eq!(
            error.to_string(),
            "\"info,link=loud\" is not a log filter (such as info or info,landmark_agent::link=debug)"
        );
        assert!(Chain(&error).to_string().contains("expected one of"));
    }

    #[test]
    fn a_log_that_cannot_be_written_ends_nothing() {
        if test_process::is_other() {
            init("info", LogFormat::Text).unwrap();
            tracing::info!("to a full disk");
            assert!(std::thread::spawn(|| panic!("to a full disk")).join().is_err());
            println!("still there");
            return;
        }
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let test = "telemetry::tests::a_log_that_cannot_be_written_ends_nothing";
        let output = test_process::command(test).stderr(full).output().unwrap();
        assert!(output.status.success(), "{}", output.status);
        assert!(String::from_utf8_lossy(&output.stdout).contains("still there"));
    }

    #[test]
    fn a_panic_is_one_json_object_in_the_log() {
        if test_process::is_other() {
            init("warn", LogFormat::Json).unwrap();
            tracing::info!("below the filter");
            assert!(std::thread::spawn(|| panic!("row {} is missing", 7)).join().is_err());
            assert!(matches!(init("warn", LogFormat::Text), Err(TelemetryError::AlreadySet(_))));
            return;
        }
        let test = "telemetry::tests::a_panic_is_one_json_object_in_the_log";
        let output = test_process::command(test).output().unwrap();
        assert!(output.status.success());
        let log = String::from_utf8(output.stderr).unwrap();
        assert_eq!(log.lines().count(), 1, "{log}");
        assert!(log.starts_with('{') && log.ends_with("}\n"), "{log}");
        for part in
            ["\"level\":\"ERROR\"", "\"message\":\"panicked\"", "row 7 is missing", "src/telemetry.rs:"]
        {
            assert!(log.contains(part), "{part} in {log}");
        }
    }
}
