//! Tests that cannot run on this machine say so, and fail where everything must run.

use std::fs::OpenOptions;
use std::io::Write as _;

use anyhow::{Result, bail};

/// Set to `1` where a skipped test is a failed one.
pub const REQUIRE_ALL_VARIABLE: &str = "LANDMARK_REQUIRE_ALL";
/// Names a file to which skips are added, for test runners that hide the output of tests that pass.
pub const SKIP_FILE_VARIABLE: &str = "LANDMARK_SKIP_FILE";

/// Says that the running test is skipped, and why.
///
/// # Errors
/// Nothing may be skipped here.
#[expect(clippy::print_stderr, reason = "a skip must be seen")]
pub fn skip(reason: &str) -> Result<()> {
    if std::env::var_os(REQUIRE_ALL_VARIABLE).is_some_and(|value| value == "1") {
        bail!("{reason}, and {REQUIRE_ALL_VARIABLE}=1 allows no skipped test");
    }
    let thread = std::thread::current();
    let line = format!("SKIP {}: {reason}", thread.name().unwrap_or("a test"));
    eprintln!("{line}");
    if let Some(path) = std::env::var_os(SKIP_FILE_VARIABLE) {
        writeln!(OpenOptions::new().create(true).append(true).open(path)?, "{line}")?;
    }
    Ok(())
}

/// Whether this process may mount file systems and change users.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
