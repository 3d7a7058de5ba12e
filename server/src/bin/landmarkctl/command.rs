//! Does what the command line asks: parses it, finds the server, runs one command, prints how it ended.

mod accounts;
mod agents;
mod api_tokens;
mod assign;
mod assignments;
mod contexts;
mod draft;
mod edits;
mod firewall;
mod gateways;
mod health;
mod lint;
mod location;
mod login;
mod names;
mod places;
mod servers;
mod sheets;
mod shell;
mod status;
mod tokens;
mod wait;

use std::ffi::OsString;

use landmark_daemon::state_dir::default_state_dir;

use crate::cli::{Cli, Command, Global, Server};
use crate::client::Client;
use crate::context::{ContextFileError, Contexts, Credentials, Folder, Target, resolve};
use crate::errors::{self, Exit, Failure, Origins, refused};
use crate::output::Output;
use crate::render::table::facts;
use crate::view::info::Info;

/// What one run of the program knows.
#[derive(Debug)]
struct Run {
    global: Global,
    out: Output,
}

/// The whole program.
pub(crate) fn main(arguments: impl Iterator<Item = OsString>) -> Exit {
    let arguments: Vec<OsString> = arguments.collect();
    let json = arguments.iter().any(|argument| argument == "--json");
    let Cli { global, command } = match Cli::read(arguments) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, json),
    };
    let run = Run { out: Output::new(global.json), global };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            run.out.failure(&Failure::new(Exit::Internal, format!("cannot start: {error}")));
            return Exit::Internal;
        }
    };
    let done = runtime.block_on(dispatch(&run, command));
    // A person who has not answered yet is not waited for.
    runtime.shutdown_background();
    match done {
        Ok(exit) => exit,
        Err(failure) => {
            run.out.failure(&failure);
            failure.exit()
        }
    }
}

/// Help and version are data; everything else is a wrong command line.
fn usage(error: &clap::Error, json: bool) -> Exit {
    if json && error.use_stderr() {
        let text = error.to_string();
        Output::new(true).failure(&Failure::usage(text.trim().trim_start_matches("error: ")));
        return Exit::Usage;
    }
    // A reader that has gone, as of `--help | head`, is no failure.
    drop(error.print());
    if error.use_stderr() { Exit::Usage } else { Exit::Done }
}

async fn dispatch(run: &Run, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Servers(command) => servers::run(run, command).await,
        Command::Draft(command) => draft::run(run, command).await,
        Command::Assign(command) => assign::run(run, command).await,
        Command::Assignments(command) => assignments::run(run, command).await,
        Command::Status => status::run(run).await,
        Command::Agents(command) => agents::run(run, command).await,
        Command::Tokens(command) => tokens::run(run, command).await,
        Command::Login(arguments) => login::login(run, arguments).await,
        Command::Logout => login::logout(run).await,
        Command::Whoami => login::whoami(run).await,
        Command::ChangePassword => login::change_password(run).await,
        Command::Accounts(command) => accounts::run(run, command).await,
        Command::ApiTokens(command) => api_tokens::run(run, command).await,
        Command::Location(command) => location::run(run, command).await,
        Command::Gateways(command) => gateways::run(run, command).await,
        Command::Firewall(command) => firewall::run(run, command).await,
        Command::Server(Server::Info) => info(run).await,
        Command::Context(command) => contexts::run(run, command),
        Command::Completion { shell } => shell::completion(&run.out, shell),
        Command::Man { dir } => shell::man(&run.out, dir.as_deref()),
    }
}

async fn info(run: &Run) -> Result<Exit, Failure> {
    let mut client = run.client().await?;
    let info = client.info().await.map_err(|error| refused("ask the server", error, &Origins::none()))?;
    run.out.result(&info, || {
        let paper = run.out.paper();
        let Info {
            version,
            fleet_id,
            started_at,
            authority_pin,
            assigned_revision,
            max_reference_servers,
            n_agents,
            n_agents_online,
        } = &info;
        facts(&[
            ("version", Some(version.clone())),
            ("started", Some(paper.moment(*started_at))),
            ("fleet", Some(fleet_id.clone())),
            ("pin", authority_pin.clone()),
            ("assignment", Some(assigned_revision.map_or_else(|| "none yet".to_owned(), |n| n.to_string()))),
            ("agents", Some(format!("{n_agents}, {n_agents_online} of them online"))),
            ("reference servers", Some(format!("at most {max_reference_servers}"))),
        ])
    })?;
    Ok(Exit::Done)
}

impl Run {
    /// Decides which server is meant.
    fn target(&self) -> Result<Target, Failure> {
        let wanted = self.global.wanted()?;
        let named_outright = wanted.server.is_some() || wanted.ca.is_some() || wanted.state_dir.is_some();
        let contexts = match &wanted.context {
            Some(_) => folder()?.load()?,
            None if named_outright => Contexts::default(),
            None => Contexts::of_user(user_folder())?,
        };
        Ok(resolve(&wanted, &contexts, || default_state_dir("landmark-server"))?)
    }

    /// Connects to the server that is meant.
    async fn client(&self) -> Result<Client, Failure> {
        let target = self.target()?;
        let credentials = Credentials::load(&target).map_err(|error| errors::credentials(&error, &target))?;
        if let Some(path) = &credentials.exposed {
            let path = path.display();
            self.out.warning(format!("other users may read the API token {path}; run: chmod 600 {path}"));
        }
        let Credentials { trust, bearer, exposed: _ } = credentials;
        Client::connect(&target.address, &trust, Some(bearer))
            .await
            .map_err(|error| errors::connect(&error, &target))
    }
}

/// Asks before something that cannot be undone; without a terminal `--yes` is needed. `deed` as in "would …".
async fn confirm(run: &Run, deed: &str, consequence: &str) -> Result<(), Failure> {
    if !run.out.can_ask() {
        return Err(unasked(deed, consequence));
    }
    run.out.remark(consequence);
    if run.out.agreed(&format!("{deed}?")).await {
        Ok(())
    } else {
        Err(Failure::new(Exit::Interrupted, "not done"))
    }
}

fn unasked(deed: &str, consequence: &str) -> Failure {
    Failure::usage(format!("would {deed}, and there is no terminal to ask on; nothing was changed"))
        .detail(consequence)
        .hint("--yes does it without asking")
}

fn folder() -> Result<Folder, Failure> {
    Ok(user_folder()?)
}

fn user_folder() -> Result<Folder, ContextFileError> {
    Folder::of_user(std::env::var_os("XDG_CONFIG_HOME"), std::env::var_os("HOME"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_told_what_would_have_been_done() {
        insta::assert_snapshot!(unasked("throw 9 unassigned changes away", "they are lost then"), @r"
        landmarkctl: would throw 9 unassigned changes away, and there is no terminal to ask on; nothing was changed
          they are lost then
        hint: --yes does it without asking
        ");
    }
}
