use std::io::Write as _;
use std::path::Path;
use std::sync::mpsc;
use std::thread;

use landmark_daemon::durable;
use rustix::fs::{CWD, Mode, mkfifoat};
use tempfile::TempDir;

use super::*;

fn paths(folder: &TempDir) -> Paths {
    let path = |name| folder.path().join(name);
    Paths { resolv_conf: path("resolv.conf"), hosts: path("hosts"), port: 53 }
}

fn write(path: &Path, text: &str) {
    durable::write(path, text.as_bytes(), durable::Mode::Private).unwrap();
}

fn servers(known: &Known) -> Vec<String> {
    known.resolv_conf.servers.iter().map(|it| it.at(53).unwrap().ip().to_string()).collect()
}

fn db(known: &Known) -> Vec<String> {
    known.hosts.addresses("db", 8).iter().map(|it| it.ip().to_string()).collect()
}

#[test]
fn without_files_this_machine_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let known = System::new(paths(&folder)).known();
    assert_eq!(servers(&known), ["127.0.0.1"]);
    assert_eq!(db(&known), [""; 0]);
}

#[test]
fn a_file_that_is_gone_or_broken_leaves_what_was_read_before() {
    let folder = tempfile::tempdir().unwrap();
    let paths = paths(&folder);
    let (resolv_conf, hosts) = (paths.resolv_conf.clone(), paths.hosts.clone());
    write(&resolv_conf, "nameserver 10.0.0.1");
    write(&hosts, "10.0.0.2 db");
    let system = System::new(paths);
    assert_eq!(servers(&system.known()), ["10.0.0.1"]);
    write(&resolv_conf, "nameserver nonsense");
    std::fs::remove_file(&hosts).unwrap();
    for _ in 0..2 {
        let known = system.known();
        assert_eq!((servers(&known), db(&known)), (vec!["10.0.0.1".to_owned()], vec!["10.0.0.2".to_owned()]));
    }
    std::fs::remove_file(&resolv_conf).unwrap();
    assert_eq!(servers(&system.known()), ["10.0.0.1"]);
    write(&resolv_conf, "nameserver 10.0.0.3");
    write(&hosts, "10.0.0.4 db");
    let known = system.known();
    assert_eq!((servers(&known), db(&known)), (vec!["10.0.0.3".to_owned()], vec!["10.0.0.4".to_owned()]));
}

#[test]
fn a_pipe_in_place_of_a_file_keeps_nobody_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let paths = paths(&folder);
    for path in [&paths.resolv_conf, &paths.hosts] {
        mkfifoat(CWD, path, Mode::RUSR).unwrap();
    }
    let hosts = paths.hosts.clone();
    let system = Arc::new(System::new(paths));
    let (known_tx, known_rx) = mpsc::channel();
    let asked = Arc::clone(&system);
    // On a thread, for which no test waits.
    thread::spawn(move || known_tx.send(asked.known()));
    let known = known_rx.recv_timeout(Duration::from_secs(10)).expect("nobody writes into the pipe");
    assert_eq!((servers(&known), db(&known)), (vec!["127.0.0.1".to_owned()], Vec::new()));
    write(&hosts, "10.0.0.2 db");
    assert_eq!(db(&system.known()), ["10.0.0.2"]);
}

#[test]
fn a_change_in_place_to_the_same_size_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let paths = paths(&folder);
    let hosts = paths.hosts.clone();
    write(&hosts, "10.0.0.1 db");
    let system = System::new(paths);
    for last in 1..=9 {
        let mut file = File::options().write(true).open(&hosts).unwrap();
        file.write_all(format!("10.0.0.{last} db").as_bytes()).unwrap();
        assert_eq!(db(&system.known()), [format!("10.0.0.{last}")]);
    }
}

#[test]
fn a_settled_file_is_not_read_again_until_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let paths = paths(&folder);
    let resolv_conf = paths.resolv_conf.clone();
    write(&resolv_conf, "nameserver 10.0.0.1");
    let long_ago = SystemTime::now() - 10 * SETTLED_AFTER;
    File::options().write(true).open(&resolv_conf).unwrap().set_modified(long_ago).unwrap();
    let system = System::new(paths);
    let (first, second) = (system.known(), system.known());
    assert!(Arc::ptr_eq(&first.resolv_conf, &second.resolv_conf));
    write(&resolv_conf, "nameserver 10.0.0.2");
    assert_eq!(servers(&system.known()), ["10.0.0.2"]);
}

#[test]
fn of_an_absurd_file_the_beginning_counts_and_bytes_that_are_no_text_do_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let paths = paths(&folder);
    let mut text = b"10.0.0.1 db # \xff\xfe\n".to_vec();
    text.extend(b"0.0.0.0 blocked.example\n".repeat(100_000));
    text.extend(b"10.0.0.2 db\n");
    durable::write(&paths.hosts, &text, durable::Mode::Private).unwrap();
    let known = System::new(paths).known();
    assert_eq!(db(&known), ["10.0.0.1"]);
    assert_eq!(known.hosts.addresses("blocked.example", 8).len(), 1);
}
