//! How the server says that it failed, and with which exit code: decided by the error's type, never by its text.

use std::io::{self, Write as _};

use landmark_daemon::config::InvalidConfig;
use landmark_daemon::durable::DurableError;
use landmark_daemon::error::Chain;
use landmark_daemon::exit::Exit;
use landmark_daemon::state_dir::StateDirError;
use landmark_server::app::BindError;

/// On standard error, the causes on one line; the problems of a configuration one a line.
pub(crate) fn print(error: &anyhow::Error) {
    let mut stderr = io::stderr().lock();
    let written = match error.downcast_ref::<InvalidConfig>() {
        Some(invalid) => writeln!(stderr, "{invalid}"),
        None => writeln!(stderr, "landmark-server: {}", Chain(error.as_ref())),
    };
    // There is nowhere else to say it; the exit code still does.
    written.ok();
}

/// The exit code that an error stands for.
pub(crate) fn exit(error: &anyhow::Error) -> Exit {
    if error.is::<InvalidConfig>() {
        return Exit::Configuration;
    }
    if error.chain().any(is_permission) {
        return Exit::Privilege;
    }
    let held = matches!(error.downcast_ref::<StateDirError>(), Some(StateDirError::Held { .. }));
    if held || error.is::<BindError>() {
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
        let bind = |kind: io::ErrorKind| {
            let address = "127.0.0.1:7443".parse().unwrap();
            anyhow::Error::from(BindError { plane: "agents", address, source: kind.into() })
        };
        assert_eq!(exit(&bind(io::ErrorKind::AddrInUse)), Exit::Unavailable);
        assert_eq!(exit(&bind(io::ErrorKind::PermissionDenied)), Exit::Privilege);
        let held = StateDirError::Held { path: "/x".into(), holder: Some(7) };
        assert_eq!(exit(&held.into()), Exit::Unavailable);
        assert_eq!(exit(&anyhow::anyhow!("anything else")), Exit::Internal);
        let invalid = landmark_server::config::Config::check("/nowhere/server.toml".as_ref()).unwrap_err();
        assert_eq!(exit(&invalid.into()), Exit::Configuration);
    }
}
