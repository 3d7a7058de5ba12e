//! `landmarkctl servers import` and `export`: lists of reference servers in files.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use landmark_daemon::durable::{self, Mode};
use landmark_daemon::error::Chain;
use serde::Serialize;

use super::Run;
use super::edits::{self, Save};
use crate::cli::edits::Import;
use crate::client::{Client, Edit, Entry};
use crate::difference;
use crate::errors::{Exit, Failure, Origins, refused};
use crate::render::changes::changes;
use crate::sheet::{self, Encoding, LineProblem, Row, Sheet};
use crate::view::change::Change;
use crate::view::draft::{Probe, ReferenceServer, ReferenceServers, Settings};

/// 320 servers with 8 ports and a page of comments each.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

#[derive(Serialize)]
struct DryRunDocument<'a> {
    n_reference_servers: usize,
    changes: &'a [Change],
}

/// What was written; the file itself is CSV.
#[derive(Serialize)]
struct ExportDocument<'a> {
    file: &'a Path,
    n_reference_servers: usize,
    n_ports: usize,
}

pub(super) async fn import(run: &Run, arguments: Import) -> Result<Exit, Failure> {
    let Import { file, replace, append: _, dry_run, encoding, etag } = arguments;
    let (name, text) = read_text(run, &file, encoding)?;
    let sheet = sheet::parse(&text).map_err(|problems| unusable(&name, problems))?;
    // An empty file is a failed export more often than a wish.
    if sheet.rows.is_empty() {
        return Err(Failure::new(
            Exit::File,
            format!("{name} names no reference server; nothing was changed"),
        )
        .hint("its lines are host,port; to empty the list: landmarkctl servers remove HOST…"));
    }
    let mut client = run.client().await?;
    let before = edits::read(&mut client).await?;
    let expected = expected(&before.settings.reference_servers, &sheet, replace);
    let changes = difference::lists(&before.settings.reference_servers, &expected);
    if dry_run {
        return show(run, &mut client, &expected, &changes).await;
    }
    let save = Save {
        doing: &format!("import {name}; nothing was changed"),
        origins: origins(&sheet, replace, &name),
        edits: to_edits(&sheet, replace),
        // The list that was compared is the one that is changed.
        etag: etag.etag.or_else(|| Some(before.etag.clone())),
    };
    let after = edits::save(run, &mut client, &before, save).await?;
    run.out.remark_lines(&changes_text(&changes));
    let n_servers = after.settings.reference_servers.servers.len();
    edits::tell(run, &after, &[format!("imported {name}; the list has {n_servers} reference servers now")])?;
    edits::remark_own_machine(run, &after);
    Ok(Exit::Done)
}

async fn show(
    run: &Run,
    client: &mut Client,
    expected: &ReferenceServers,
    changes: &[Change],
) -> Result<Exit, Failure> {
    let n_reference_servers = expected.servers.len();
    let info = client.info().await.map_err(|error| refused("ask the server", error, &Origins::none()))?;
    run.out.result(&DryRunDocument { n_reference_servers, changes }, || changes_text(changes))?;
    if usize::try_from(info.max_reference_servers).is_ok_and(|max| max != 0 && n_reference_servers > max) {
        run.out.warning(format!(
            "the list would have {n_reference_servers} reference servers; the server takes at most {}",
            info.max_reference_servers
        ));
    }
    run.out.remark("nothing was changed (--dry-run)");
    Ok(Exit::Done)
}

pub(super) fn changes_text(list: &[Change]) -> String {
    if list.is_empty() { "no change\n".to_owned() } else { changes(list) }
}

fn to_edits(sheet: &Sheet, replace: bool) -> Vec<Edit> {
    let entries = sheet.rows.iter().map(to_entry);
    if replace {
        return vec![Edit::Replace(entries.collect())];
    }
    entries.map(|entry| Edit::Add { entry, position: None }).collect()
}

fn to_entry(row: &Row) -> Entry {
    Entry {
        host: row.host.clone(),
        ports: row.ports.iter().map(|cell| cell.port).collect(),
        pins: row.pins.clone(),
    }
}

/// As problems name it.
pub(super) fn place(file: &str, line: usize) -> String {
    format!("{file}, line {line}")
}

/// Each value of the request came from a line.
fn origins(sheet: &Sheet, replace: bool, name: &str) -> Origins {
    let mut origins = Origins::none();
    origins.add("edits", name);
    for (index, row) in sheet.rows.iter().enumerate() {
        let path = if replace {
            format!("edits[0].replace_reference_servers.servers[{index}]")
        } else {
            format!("edits[{index}].add_reference_server")
        };
        origins.add(path.clone(), place(name, row.line));
        for (index, cell) in row.ports.iter().enumerate() {
            origins.add(format!("{path}.ports[{index}]"), place(name, cell.line));
        }
    }
    origins
}

/// What the list will be, for showing: the server decides.
fn expected(before: &ReferenceServers, sheet: &Sheet, replace: bool) -> ReferenceServers {
    let mut servers = if replace { Vec::new() } else { before.servers.clone() };
    for row in &sheet.rows {
        let ports = row.ports.iter().map(|cell| cell.port);
        match servers.iter_mut().find(|server| server.host == row.host) {
            Some(server) => {
                let new: Vec<u32> = ports.filter(|port| !server.ports.contains(port)).collect();
                server.ports.extend(new);
                let mut pins = server.probe.pins().to_vec();
                pins.extend(row.pins.iter().filter(|pin| !server.probe.pins().contains(pin)));
                server.probe = Probe::new(pins);
            }
            None => servers.push(ReferenceServer {
                position: servers.len() + 1,
                host: row.host.clone(),
                ports: ports.collect(),
                probe: Probe::new(row.pins.clone()),
            }),
        }
    }
    ReferenceServers { enabled: before.enabled, servers }
}

/// How the file is called, and its text.
pub(super) fn read_text(run: &Run, file: &Path, encoding: Encoding) -> Result<(String, String), Failure> {
    let from_stdin = file == Path::new("-");
    if from_stdin && run.global.wanted()?.token_file.as_deref() == Some(Path::new("-")) {
        return Err(Failure::usage("standard input cannot be both the list and the API token"));
    }
    let name = if from_stdin { "standard input".to_owned() } else { file.display().to_string() };
    let cannot_read = |error: io::Error| Failure::new(Exit::File, format!("cannot read {name}: {error}"));
    let bytes = if from_stdin { read(io::stdin().lock()) } else { File::open(file).and_then(read) };
    let text = sheet::decode(&bytes.map_err(cannot_read)?, encoding).map_err(|error| {
        Failure::new(Exit::File, format!("cannot read {name}: {error}"))
            .hint("name its encoding with --encoding")
    })?;
    Ok((name, text))
}

/// Every line that cannot be understood.
pub(super) fn unusable(name: &str, problems: Vec<LineProblem>) -> Failure {
    let failure = Failure::new(Exit::File, format!("{name} cannot be imported; nothing was changed"));
    problems
        .into_iter()
        .fold(failure, |failure, problem| failure.problem(place(name, problem.line), problem.message))
}

fn read(source: impl io::Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= MAX_BYTES) {
        return Ok(bytes);
    }
    Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is longer than 4 MiB"))
}

/// Where to write; standard output without one. What is there is only replaced if that was said.
pub(super) fn free_place(file: Option<&Path>, force: bool) -> Result<Option<&Path>, Failure> {
    let file = file.filter(|file| *file != Path::new("-"));
    if let Some(file) = file.filter(|file| !force && file.exists()) {
        return Err(Failure::new(Exit::File, format!("{} is there already", file.display()))
            .hint("--force replaces it"));
    }
    Ok(file)
}

pub(super) fn write_file(file: &Path, text: &str) -> Result<(), Failure> {
    durable::write(file, text.as_bytes(), Mode::Public)
        .map_err(|error| Failure::new(Exit::File, Chain(&error).to_string()))
}

pub(super) async fn export(
    run: &Run,
    file: Option<&Path>,
    assigned: bool,
    force: bool,
) -> Result<Exit, Failure> {
    let file = free_place(file, force)?;
    let mut client = run.client().await?;
    let settings: Settings = if assigned {
        let detail = client.assignment(None).await;
        detail.map_err(|error| refused("read the assignment in force", error, &Origins::none()))?.settings
    } else {
        edits::read(&mut client).await?.settings
    };
    let list = &settings.reference_servers;
    let text = sheet::write(list);
    let Some(file) = file else {
        run.out.result(list, || text)?;
        return Ok(Exit::Done);
    };
    write_file(file, &text)?;
    if run.out.is_json() {
        let document =
            ExportDocument { file, n_reference_servers: list.servers.len(), n_ports: list.n_ports() };
        run.out.document(&document)?;
    }
    run.out.remark(format!(
        "wrote {} reference servers with {} ports to {}",
        list.servers.len(),
        list.n_ports(),
        file.display()
    ));
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(servers: &[(&str, &[u32])]) -> ReferenceServers {
        let servers = servers.iter().zip(1..).map(|((host, ports), position)| ReferenceServer {
            position,
            host: (*host).into(),
            ports: ports.to_vec(),
            probe: Probe::Tcp,
        });
        ReferenceServers { enabled: true, servers: servers.collect() }
    }

    #[test]
    fn appending_adds_ports_to_hosts_that_are_there() {
        let sheet = sheet::parse("b,2\nn,9\nb,3\n").unwrap();
        let before = list(&[("a", &[1]), ("b", &[2])]);
        assert_eq!(expected(&before, &sheet, false), list(&[("a", &[1]), ("b", &[2, 3]), ("n", &[9])]));
        assert_eq!(expected(&before, &sheet, true), list(&[("b", &[2, 3]), ("n", &[9])]));
    }

    #[test]
    fn a_refusal_leads_to_the_line_of_its_port() {
        use crate::client::{CallError, Refusal};
        use crate::view::Violation;
        let sheet = sheet::parse("host,port\nb,2\nn,9\nb,3\n").unwrap();
        let violation = |path: &str| Violation { path: path.into(), message: "no".into() };
        let refusal = Refusal {
            code: tonic::Code::InvalidArgument,
            message: String::new(),
            reason: None,
            violations: vec![
                violation("edits[0].add_reference_server.ports[1]"),
                violation("edits[1].add_reference_server"),
                violation("edits"),
            ],
            preconditions: vec![],
            present: None,
        };
        let error = CallError::Refused(Box::new(refusal));
        insta::assert_snapshot!(refused("import", error, &origins(&sheet, false, "list.csv")), @r"
        landmarkctl: cannot import
          list.csv, line 4: no
          list.csv, line 3: no
          list.csv: no
        ");
    }

    #[test]
    fn hosts_are_sent_once_with_all_their_ports() {
        let sheet = sheet::parse("b,2\nn,9\nb,3\n").unwrap();
        let edits = to_edits(&sheet, false);
        assert_eq!(edits.len(), 2);
        assert_eq!(
            edits[0],
            Edit::Add { entry: Entry { host: "b".into(), ports: vec![2, 3], pins: vec![] }, position: None }
        );
        assert!(matches!(&to_edits(&sheet, true)[..], [Edit::Replace(entries)] if entries.len() == 2));
    }
}
