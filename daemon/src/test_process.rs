//! Lets a test be another process: for what happens to a whole process, such as a signal, its log, or its exit code.

use std::env;
use std::process::{Command, Stdio};

const VARIABLE: &str = "LANDMARK_DAEMON_TEST_PROCESS";

/// Whether this process was started by [`command`], and shall play its part instead of testing.
pub(crate) fn is_other() -> bool {
    env::var_os(VARIABLE).is_some()
}

/// A command that runs the test of this path, such as `signals::tests::…`, in another process.
pub(crate) fn command(test: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", test, "--nocapture"])
        .env(VARIABLE, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}
