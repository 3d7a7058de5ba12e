//! `landmark-agent`: reads the command line and the configuration, does what is asked, and says how it ended.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{CommandFactory as _, Parser as _};
use landmark_agent::app;
use landmark_agent::config::{Config, DEFAULT_FILE, default_config};
use landmark_agent::link::dial::TcpConnector;
use landmark_daemon::config::Effective;
use landmark_daemon::exit::Exit;
use landmark_daemon::telemetry;
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tracing::{debug, info, warn};

mod cli;

use self::cli::{Cli, Command, enforce, enroll, explain, failure, status};

/// How long the process waits at its end for what blocks a thread: time enough to finish a file, while looking up a name
/// takes a dead resolver half a minute and cannot be cancelled.
const LEFTOVERS: Duration = Duration::from_secs(1);

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
    match dispatch(cli) {
        Ok(exit) => exit.into(),
        Err(error) => {
            failure::print(&error);
            failure::exit(&error).into()
        }
    }
}

fn dispatch(Cli { command, settings }: Cli) -> anyhow::Result<Exit> {
    match command {
        Command::Run => run(Config::load(settings.into_flags())?),
        Command::Enroll(args) => {
            let (config, _) = Config::load(settings.into_flags())?;
            let said = block_on(enroll::enroll(&config, args))??;
            print(&said)
        }
        Command::Status { json, watch } => {
            let (config, _) = Config::load(settings.into_flags())?;
            block_on(status::status(&config, json, watch))?
        }
        Command::Explain { last, json } => {
            let (config, _) = Config::load(settings.into_flags())?;
            print(&block_on(explain::explain(&config, last, json))??)
        }
        Command::Recheck { json } => {
            let (config, _) = Config::load(settings.into_flags())?;
            print(&block_on(explain::recheck(&config, json))??)
        }
        Command::Enforce(what) => {
            let (config, _) = Config::load(settings.into_flags())?;
            block_on(enforce::enforce(&config, what))?
        }
        Command::CheckConfig { file } => {
            let file = file.or(settings.into_flags().file).unwrap_or_else(|| DEFAULT_FILE.into());
            check_config(&file)
        }
        Command::PrintDefaultConfig => print(&default_config()),
        Command::Completion { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "landmark-agent", &mut script);
            print(&String::from_utf8_lossy(&script))
        }
        Command::Man => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).section("1").render(&mut page)?;
            print(&String::from_utf8_lossy(&page))
        }
    }
}

fn run((config, effective): (Config, Vec<Effective>)) -> anyhow::Result<Exit> {
    telemetry::init(&config.log.filter, config.log.format)?;
    match landmark_daemon::limits::raise_open_files() {
        Ok(limit) => debug!(limit, "open files"),
        Err(error) => warn!(%error, "limit on open files not raised"),
    }
    info!(version = env!("CARGO_PKG_VERSION"), "starting");
    for Effective { key, value, origin } in &effective {
        debug!(key, value, %origin, "setting");
    }
    for warning in config.warnings(&effective) {
        warn!(warning, "the configuration is doubtful");
    }
    let runtime = runtime()?;
    let ended = runtime.block_on(async {
        let connector = TcpConnector { connect_timeout: config.connect_timeout };
        let mut running = app::start(&config, Box::new(connector)).await?;
        running.attach_to_process()?;
        running.wait().await?;
        info!("stopped");
        Ok(Exit::Clean)
    });
    runtime.shutdown_timeout(LEFTOVERS);
    ended
}

fn check_config(file: &Path) -> anyhow::Result<Exit> {
    let (config, effective) = Config::check(file)?;
    failure::warn(&config.warnings(&effective));
    print(&format!("{}: no problem found\n", file.display()))
}

/// One thread that decides: what blocks (disk, system calls that look at the network) has threads of its own as long as it
/// takes, and nothing else takes long. A local runtime, for the other kinds bring the scheduler of many threads along.
fn runtime() -> anyhow::Result<LocalRuntime> {
    Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())
        .context("cannot start the asynchronous runtime")
}

/// For the commands that ask something once.
fn block_on<F: Future>(future: F) -> anyhow::Result<F::Output> {
    let runtime = runtime()?;
    let output = runtime.block_on(future);
    runtime.shutdown_timeout(LEFTOVERS);
    Ok(output)
}

fn print(text: &str) -> anyhow::Result<Exit> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        // As for any filter: whoever reads has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(Exit::Clean),
        other => other.map(|()| Exit::Clean).context("cannot write to standard output"),
    }
}
