//! The laboratory by hand: a company, a home and a café of network namespaces, with a machine to carry between them.
//! `cargo xtask lab` builds and starts it.
//!
//! It reads commands from its standard input and ends, with everything in it, at their end, at `quit` and at Ctrl-C.

#![expect(clippy::print_stdout, reason = "a program for people at a terminal")]

mod command;
mod news;
mod stage;

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use landmark_tests::lab::Lab;
use landmark_tests::scratch::Scratch;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::command::{Command, HELP};
use crate::stage::Stage;

/// Lines that are typed while a command runs; who types ahead further waits.
const TYPED_AHEAD: usize = 16;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let scratch = Scratch::new()?;
    let mut terminate = signal(SignalKind::terminate()).context("listen for signals")?;
    let ended = tokio::select! {
        biased;
        ended = tokio::signal::ctrl_c() => ended.map_err(anyhow::Error::from),
        _ = terminate.recv() => Ok(()),
        ended = attend(&scratch) => ended,
    };
    println!("\nThe laboratory is taken down.");
    if ended.is_err() {
        println!("{}", scratch.logs());
    }
    ended
}

async fn attend(scratch: &Scratch) -> Result<()> {
    let Some(lab) = Lab::build(scratch)? else { return Ok(()) };
    let mut stage = Stage::set(scratch, lab).await?;
    println!("{}\n{HELP}", stage.directions());
    let mut lines = typed();
    let mut news = stage.news()?;
    loop {
        prompt(&stage);
        let line = loop {
            tokio::select! {
                biased;
                line = lines.recv() => break line,
                Some(line) = news.next() => {
                    // In place of the prompt.
                    let clear = if std::io::stdin().is_terminal() { "\r\x1b[K" } else { "" };
                    println!("{clear}{line}");
                    prompt(&stage);
                }
            }
        };
        let Some(line) = line else { return Ok(()) };
        let done = match Command::parse(&line) {
            Ok(None) => continue,
            Ok(Some(Command::Quit)) => return Ok(()),
            Ok(Some(command)) => stage.perform(command).await,
            Err(what) => Err(anyhow::Error::msg(what)),
        };
        match done {
            Ok(said) if said.trim().is_empty() => {}
            Ok(said) => println!("{}", said.trim_end()),
            // Whatever goes wrong, the laboratory stands.
            Err(error) => println!("error: {error:#}"),
        }
    }
}

/// Only for who sits at a terminal.
fn prompt(stage: &Stage) {
    if std::io::stdin().is_terminal() {
        print!("{}> ", stage.place());
        std::io::stdout().flush().unwrap_or_default();
    }
}

/// The lines of the standard input. On a thread of its own, which nobody waits for: a read cannot be broken off.
fn typed() -> mpsc::Receiver<String> {
    let (lines_tx, lines_rx) = mpsc::channel(TYPED_AHEAD);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            if lines_tx.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines_rx
}
