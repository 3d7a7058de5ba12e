//! `landmark-agent enroll`.

use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use landmark_agent::config::Config;
use landmark_agent::enroll::enroll as enroll_machine;
use landmark_agent::link::dial::TcpConnector;
use landmark_agent::machine::Machine;
use landmark_daemon::state_dir::{StateDir, StateDirError};
use landmark_proto::join::JoinTicket;
use zeroize::Zeroizing;

use crate::cli::EnrollArgs;

/// Longer than any join string.
const MAX_BYTES: u64 = 64 * 1024;

/// Enrols, and says what to do next.
pub(crate) async fn enroll(config: &Config, args: EnrollArgs) -> anyhow::Result<String> {
    let text = join_string(args.source.join_string, args.source.join_file.as_deref())?;
    let ticket: JoinTicket = text.parse()?;
    let state = open(&config.state_dir)?;
    let facts = Machine::read(config.machine_name.as_deref(), &config.labels)?.facts;
    let connector = TcpConnector { connect_timeout: config.connect_timeout };
    let identity = enroll_machine(state.path(), &ticket, &facts, &connector, args.force).await?;
    let addresses: Vec<String> = identity.addresses.iter().map(ToString::to_string).collect();
    Ok(format!(
        "This machine is agent {} of fleet {}.\nIts server holds sessions at {}.\nStart it:  landmark-agent run{}\n",
        identity.agent_id,
        identity.fleet_id,
        addresses.join(", "),
        if state.path() == landmark_daemon::state_dir::default_state_dir("landmark-agent") {
            String::new()
        } else {
            format!(" --state-dir {}", state.path().display())
        }
    ))
}

fn open(folder: &Path) -> anyhow::Result<StateDir> {
    let opened = StateDir::open(folder);
    match opened {
        Err(StateDirError::Held { .. }) => {
            opened.context("this machine is not enrolled while its agent runs; stop that one first")
        }
        other => Ok(other?),
    }
}

fn join_string(argument: Option<String>, file: Option<&Path>) -> anyhow::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    match (argument, file) {
        (Some(argument), _) if argument != "-" => *text = argument,
        (_, Some(file)) => {
            let opened =
                std::fs::File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
            opened
                .take(MAX_BYTES)
                .read_to_string(&mut text)
                .with_context(|| format!("cannot read {}", file.display()))?;
        }
        (_, None) => {
            std::io::stdin()
                .take(MAX_BYTES)
                .read_to_string(&mut text)
                .context("cannot read the join string from standard input")?;
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use landmark_daemon::error::Chain;
    use landmark_daemon::exit::Exit;

    use super::*;
    use crate::cli::failure;

    #[test]
    fn whoever_enrols_beside_a_running_agent_is_told_to_stop_it() {
        let folder = tempfile::tempdir().unwrap();
        let _running = StateDir::open(folder.path().join("state")).unwrap();
        let error = open(&folder.path().join("state")).unwrap_err();
        let told = Chain(error.as_ref()).to_string();
        assert!(told.contains("stop that one first: the state folder"), "{told}");
        assert_eq!(failure::exit(&error), Exit::Unavailable);
    }
}
