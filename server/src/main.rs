//! `landmark-server`: reads the command line and the configuration, runs the server, and says how it ended.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{CommandFactory as _, Parser as _};
use landmark_daemon::config::{Effective, InvalidConfig};
use landmark_daemon::exit::Exit;
use landmark_daemon::telemetry;
use landmark_server::app::{App, Listeners, Running};
use landmark_server::config::{Config, default_config};
use tracing::{debug, info, warn};

mod cli;

use self::cli::{Cli, Command, RunArgs, failure, welcome};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Clean };
            // Nowhere to complain about a terminal that is gone.
            error.print().ok();
            return exit.into();
        }
    };
    let done = match cli.command {
        Command::Run(args) => run(args),
        Command::CheckConfig { file } => check_config(&file),
        Command::PrintDefaultConfig => print(default_config().as_bytes()),
        Command::Completion { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "landmark-server", &mut script);
            print(&script)
        }
        Command::Man => man(),
    };
    match done {
        Ok(()) => Exit::Clean.into(),
        Err(error) => {
            failure::print(&error);
            failure::exit(&error).into()
        }
    }
}

fn run(args: RunArgs) -> anyhow::Result<()> {
    let quiet = args.quiet;
    let (config, effective) = Config::load(args.into_flags())?;
    telemetry::init(&config.log.filter, config.log.format)?;
    match landmark_daemon::limits::raise_open_files() {
        Ok(limit) => debug!(limit, "open files"),
        Err(error) => warn!(%error, "limit on open files not raised"),
    }
    info!(version = env!("CARGO_PKG_VERSION"), "starting");
    for Effective { key, value, origin } in &effective {
        debug!(key, value, %origin, "setting");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the asynchronous runtime")?;
    runtime.block_on(serve(config, quiet))
}

async fn serve(config: Config, quiet: bool) -> anyhow::Result<()> {
    let listeners = Listeners::bind(&config.listen)?;
    let mut running = App::start(&config, listeners).await?;
    running.attach_to_process()?;
    if !quiet {
        // Words for people; a server whose output nobody takes is as good a server.
        if let Err(error) = print(welcome::text(&config, &welcome_facts(&running)).as_bytes()) {
            warn!(error = %format!("{error:#}"), "greeting not written");
        }
    }
    running.wait().await
}

fn welcome_facts(running: &Running) -> welcome::Facts {
    welcome::Facts {
        fleet_id: running.fleet_id(),
        addresses: *running.addresses(),
        advertised: running.advertised().clone(),
        sign_in: running.sign_in().clone(),
    }
}

fn check_config(file: &Path) -> anyhow::Result<()> {
    Config::check(file).map_err(|error: InvalidConfig| anyhow::Error::from(error))?;
    print(format!("{}: no problem found\n", file.display()).as_bytes())
}

fn man() -> anyhow::Result<()> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).section("8").render(&mut page)?;
    print(&page)
}

fn print(bytes: &[u8]) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        // As for any filter: whoever reads has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot write to standard output"),
    }
}
