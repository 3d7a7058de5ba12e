use std::os::unix::fs::PermissionsExt as _;
use std::time::Instant;

use landmark_daemon::error::Chain;
use landmark_proto::location::Location;
use landmark_proto::revision::{Digest, Held, Revision};

use super::*;
use crate::policy::Policy;

fn desired() -> Desired {
    let held = Held { revision: Revision::new(7).unwrap(), digest: Digest::of(b"") };
    Desired { held, location: Location::External, policy: Policy::External, firewall: None }
}

struct Script {
    folder: tempfile::TempDir,
    command: Command,
}

impl Script {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        landmark_daemon::durable::write(
            &program,
            format!("#!/bin/sh\n{text}\n").as_bytes(),
            landmark_daemon::durable::Mode::Private,
        )
        .unwrap();
        let script = Self {
            command: Command {
                program,
                arguments: vec!["an argument".to_owned()],
                time_limit: Duration::from_secs(20),
            },
            folder,
        };
        script.mode(0o700);
        script
    }

    fn mode(&self, mode: u32) {
        fs::set_permissions(&self.command.program, fs::Permissions::from_mode(mode)).unwrap();
    }

    async fn fail(&self) -> String {
        let error = self.command.run(&desired()).await.unwrap_err();
        Chain(&error).to_string().replace(&self.folder.path().display().to_string(), "FOLDER")
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap()
    }
}

/// What /proc knows of a process group, zombies left out (proc_pid_stat(5)).
fn living_members(group: &str) -> Vec<String> {
    let stats = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| fs::read_to_string(entry.ok()?.path().join("stat")).ok());
    stats
        .filter(|stat| {
            let fields: Vec<_> = stat.rsplit(") ").next().unwrap().split(' ').collect();
            fields[2] == group && fields[0] != "Z"
        })
        .collect()
}

#[tokio::test]
async fn the_program_gets_the_document_its_arguments_and_no_environment() {
    let script = Script::new("cd \"$(dirname \"$0\")\"; cat > stdin; env > env; echo \"$@\" > arguments");
    script.command.run(&desired()).await.unwrap();
    assert_eq!(script.read("stdin"), document::render(&desired()));
    assert_eq!(script.read("arguments"), "an argument\n");
    let environment = script.read("env");
    let names: Vec<_> =
        environment.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    assert!(
        names.iter().all(|name| ["PATH", "LANG", "PWD", "OLDPWD", "SHLVL", "_"].contains(name)),
        "{names:?}"
    );
}

#[tokio::test]
async fn a_failure_is_told_with_the_last_words() {
    let script = Script::new("echo out; echo first >&2; echo cannot load rules >&2; exit 3");
    assert_eq!(script.fail().await, "FOLDER/program ended with exit status: 3: cannot load rules");
}

#[tokio::test]
async fn a_program_that_does_not_read_its_input_may_succeed() {
    Script::new("exec <&-; exit 0").command.run(&desired()).await.unwrap();
}

#[tokio::test]
async fn a_program_that_hangs_is_ended_with_all_its_children() {
    let mut script =
        Script::new("cd \"$(dirname \"$0\")\"; (trap '' TERM; echo $$ > leader; sleep 60) & sleep 60");
    script.command.time_limit = Duration::from_millis(300);
    let started = Instant::now();
    assert_eq!(script.fail().await, "FOLDER/program did not end within 300ms");
    assert!(started.elapsed() < Duration::from_secs(10));
    // A killed process is not gone at once.
    let leader = script.read("leader");
    let left = || living_members(leader.trim());
    while started.elapsed() < Duration::from_secs(10) && !left().is_empty() {
        sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(left(), Vec::<String>::new());
}

#[tokio::test]
async fn much_output_neither_blocks_nor_stays() {
    let script = Script::new("head -c 3000000 /dev/zero | tr '\\0' 'x'; echo; echo end; exit 1");
    assert_eq!(script.fail().await, "FOLDER/program ended with exit status: 1: end");
}

#[tokio::test]
async fn what_a_program_leaves_running_does_not_hold_us_up() {
    let script = Script::new("sleep 5 & exit 0");
    let started = Instant::now();
    script.command.run(&desired()).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn a_program_that_others_can_change_is_not_run() {
    let script = Script::new("touch \"$(dirname \"$0\")/ran\"");
    script.mode(0o722);
    assert_eq!(
        script.fail().await,
        "FOLDER/program is not safe to run: others may write to it (mode 0722); run: chmod go-w"
    );
    script.mode(0o700);
    fs::set_permissions(script.folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    assert_eq!(
        script.fail().await,
        "FOLDER is not safe to run: others may write to it (mode 0777); run: chmod go-w"
    );
    assert!(!script.folder.path().join("ran").exists());
}

#[tokio::test]
async fn what_cannot_be_run_is_named() {
    let script = Script::new("exit 0");
    script.mode(0o600);
    assert_eq!(script.fail().await, "FOLDER/program is not safe to run: it is not executable; run: chmod +x");
    fs::remove_file(&script.command.program).unwrap();
    assert!(script.fail().await.starts_with("cannot examine FOLDER/program: No such file"));
}

#[test]
fn only_root_and_the_agent_may_own_the_program() {
    let script = Script::new("");
    let metadata = fs::metadata(&script.command.program).unwrap();
    assert_eq!(objection(&metadata, true, metadata.uid()), None);
    if metadata.uid() != 0 {
        assert!(objection(&metadata, true, metadata.uid() + 1).unwrap().starts_with("it belongs to user "));
    }
}
