//! Signals reach a whole process, so that each test sends them to another one, which tells on its output what it does.

use std::future::pending;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, ExitStatus};
use std::time::Duration;

use rustix::process::{Pid, Signal as Number, kill_process};

use super::*;
use crate::test_process;

/// A daemon that reloads on request, and stops at once or never.
fn daemon(stops: bool) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let ended = runtime.block_on(async {
        let mut tasks = Tasks::new();
        let stop = tasks.stop_token();
        supervise(&mut tasks, || println!("reloading")).unwrap();
        tasks.spawn("worker", async move {
            println!("watching");
            stop.cancelled().await;
            println!("stopping");
            if !stops {
                pending::<()>().await;
            }
        });
        tasks.run(Duration::from_secs(60)).await
    });
    ended.unwrap();
}

struct Daemon {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Daemon {
    fn start(test: &str) -> Self {
        let mut child = test_process::command(&format!("signals::tests::{test}")).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut daemon = Self { child, output };
        daemon.wait_for("watching");
        daemon
    }

    fn wait_for(&mut self, word: &str) {
        let mut line = String::new();
        while !line.contains(word) {
            line.clear();
            assert_ne!(self.output.read_line(&mut line).unwrap(), 0, "ended before {word}");
        }
    }

    fn send(&self, signal: Number) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn wait(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

#[test]
fn the_first_signal_stops_in_order() {
    if test_process::is_other() {
        return daemon(true);
    }
    for signal in [Number::TERM, Number::INT] {
        let mut watched = Daemon::start("the_first_signal_stops_in_order");
        watched.send(signal);
        watched.wait_for("stopping");
        assert!(watched.wait().success());
    }
}

#[test]
fn a_second_signal_exits_at_once_with_its_number() {
    if test_process::is_other() {
        return daemon(false);
    }
    for (second, code) in [(Number::TERM, 143), (Number::INT, 130)] {
        let mut watched = Daemon::start("a_second_signal_exits_at_once_with_its_number");
        watched.send(Number::TERM);
        watched.wait_for("stopping");
        watched.send(second);
        assert_eq!(watched.wait().code(), Some(code));
    }
}

#[test]
fn a_hangup_reloads_and_stops_nothing() {
    if test_process::is_other() {
        return daemon(true);
    }
    let mut watched = Daemon::start("a_hangup_reloads_and_stops_nothing");
    watched.send(Number::HUP);
    watched.wait_for("reloading");
    watched.send(Number::HUP);
    watched.wait_for("reloading");
    watched.send(Number::TERM);
    assert!(watched.wait().success());
}
