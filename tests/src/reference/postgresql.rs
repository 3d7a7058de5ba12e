//! PostgreSQL as a reference server: a database inside the company.

use std::net::Ipv4Addr;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use rustix::process::Signal;

use super::{Kind, ReferenceServer, User, in_system_folders, installed};
use crate::place::Place;
use crate::ports::Port;
use crate::process;
use crate::scratch::Scratch;
use crate::skip;

const HOST: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 13);

/// The user that Debian's package makes, and one that is everywhere.
const USERS: [&str; 2] = ["postgres", "nobody"];

/// Starts it on a database of its own. `None`: it is not installed, and that has been said.
///
/// # Errors
/// It does not come up, or nothing may be skipped here.
pub async fn start(scratch: &Scratch) -> Result<Option<ReferenceServer>> {
    let Some(program) = installed("PostgreSQL", "postgresql", &candidates())? else { return Ok(None) };
    let port = Port::reserve()?;
    let folder = scratch.make_folder(&format!("postgresql-{}", port.number()))?;
    let user = user()?;
    if let Some(user) = user {
        chown(&folder, Some(user.id), Some(user.group))?;
    }
    let data = folder.join("data").display().to_string();
    make_database(scratch, &program, &data, user).await?;

    let mut arguments: Vec<String> = vec!["-D".into(), data, "-h".into(), HOST.to_string()];
    arguments.extend(["-p".into(), port.number().to_string()]);
    arguments.extend(["-k".into(), folder.display().to_string()]);
    // Durable writes are not what it is here for.
    for setting in
        ["fsync=off", "shared_buffers=16MB", "max_connections=10", "max_wal_senders=0", "autovacuum=off"]
    {
        arguments.extend(["-c".into(), setting.into()]);
    }
    // SIGINT: disconnect clients and shut down.
    let kind = Kind {
        name: "PostgreSQL",
        place: Place::here(),
        host: HOST.into(),
        program,
        arguments,
        user,
        stop_signal: Signal::INT,
    };
    let mut server = ReferenceServer::new(scratch, port, kind);
    server.start().await?;
    Ok(Some(server))
}

/// Debian keeps each version in a folder of its own, outside of the usual path.
fn candidates() -> Vec<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut candidates: Vec<PathBuf> = versions.map(|version| version.path().join("bin/postgres")).collect();
    candidates.extend(in_system_folders("postgres"));
    candidates
}

/// PostgreSQL refuses to run as root.
fn user() -> Result<Option<User>> {
    if !skip::is_root() {
        return Ok(None);
    }
    let users = std::fs::read_to_string("/etc/passwd").context("read the list of users")?;
    let found = USERS.iter().find_map(|name| {
        let fields: Vec<&str> =
            users.lines().find(|line| line.starts_with(&format!("{name}:")))?.split(':').collect();
        Some(User { id: fields.get(2)?.parse().ok()?, group: fields.get(3)?.parse().ok()? })
    });
    found.map(Some).with_context(|| format!("there is none of the users {USERS:?}"))
}

async fn make_database(scratch: &Scratch, program: &Path, data: &str, user: Option<User>) -> Result<()> {
    use std::os::unix::process::CommandExt as _;

    let mut command = Command::new(program.with_file_name("initdb"));
    command.args(["-D", data, "-U", "landmark", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]);
    command.args(["--no-instructions"]);
    if let Some(user) = user {
        command.uid(user.id).gid(user.group);
    }
    process::run(command, scratch.journal()).await?.success().map(drop)
}
