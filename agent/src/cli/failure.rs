//! How the agent says that it failed, and with which exit code: decided by the error's type, never by its text.

use std::io::{self, Write as _};

use landmark_agent::app::NotEnrolled;
use landmark_agent::control::client::AskError;
use landmark_agent::enroll::EnrollError;
use landmark_agent::identity::IdentityError;
use landmark_daemon::config::InvalidConfig;
use landmark_daemon::durable::DurableError;
use landmark_daemon::error::Chain;
use landmark_daemon::exit::Exit;
use landmark_daemon::state_dir::StateDirError;
use landmark_daemon::telemetry::TelemetryError;
use landmark_proto::join::InvalidJoinString;

use crate::cli::enforce::AgentRuns;

/// On standard error, the causes on one line; the problems of a configuration one a line.
pub(crate) fn print(error: &anyhow::Error) {
    let mut stderr = io::stderr().lock();
    let written = match error.downcast_ref::<InvalidConfig>() {
        Some(invalid) => writeln!(stderr, "{invalid}"),
        None => writeln!(stderr, "landmark-agent: {}", Chain(error.as_ref())),
    };
    // There is nowhere else to say it; the exit code still does.
    written.ok();
}

/// What is no failure, but surely not meant: on standard error, one a line.
#[expect(clippy::print_stderr, reason = "people read this")]
pub(crate) fn warn(warnings: &[String]) {
    for warning in warnings {
        eprintln!("warning: {warning}");
    }
}

/// The exit code that an error stands for.
pub(crate) fn exit(error: &anyhow::Error) -> Exit {
    if let Some(error) = error.downcast_ref::<EnrollError>() {
        return error.exit();
    }
    if error.is::<InvalidJoinString>() {
        return Exit::Usage;
    }
    let damaged = matches!(error.downcast_ref::<IdentityError>(), Some(IdentityError::Damaged { .. }));
    if damaged || error.is::<InvalidConfig>() || error.is::<NotEnrolled>() || error.is::<TelemetryError>() {
        return Exit::Configuration;
    }
    let may_not_ask = matches!(error.downcast_ref::<AskError>(), Some(AskError::Permission));
    if may_not_ask || error.chain().any(is_permission) {
        return Exit::Privilege;
    }
    let held = matches!(error.downcast_ref::<StateDirError>(), Some(StateDirError::Held { .. }));
    if held || error.is::<AskError>() || error.is::<AgentRuns>() {
        return Exit::Unavailable;
    }
    Exit::Internal
}

fn is_permission(cause: &(dyn std::error::Error + 'static)) -> bool {
    let io_error = cause.downcast_ref::<io::Error>();
    let writable =
        matches!(cause.downcast_ref::<DurableError>(), Some(DurableError::WritableByOthers { .. }));
    writable || io_error.is_some_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_failure_has_its_exit_code() {
        let held = StateDirError::Held { path: "/x".into(), holder: Some(7) };
        assert_eq!(exit(&held.into()), Exit::Unavailable);
        assert_eq!(exit(&AskError::NotRunning.into()), Exit::Unavailable);
        assert_eq!(exit(&AskError::Permission.into()), Exit::Privilege);
        assert_eq!(exit(&InvalidJoinString::Damaged.into()), Exit::Usage);
        assert_eq!(exit(&anyhow::anyhow!("anything else")), Exit::Internal);
        let unreachable = EnrollError::Unreachable { tried: Vec::new() };
        assert_eq!(exit(&unreachable.into()), Exit::TemporaryFailure);
        let damaged = IdentityError::Damaged { path: "/x".into(), why: String::new() };
        assert_eq!(exit(&damaged.into()), Exit::Configuration);
    }
}
