//! The demo: the whole story on one machine, told while it happens. `cargo xtask demo` builds and starts it.
//!
//! It uses the real programs over real TLS on loopback, as an administrator would; the three reference servers are plain
//! TCP listeners, for nothing more is asked of one. Played by root it has one more scene, in network namespaces of its own.

#![expect(clippy::print_stdout, reason = "a program for people at a terminal")]

mod beacon;
mod firewall;
mod stage;
mod story;
mod tell;

use std::process::ExitCode;

use landmark_tests::scratch::Scratch;

#[tokio::main]
async fn main() -> ExitCode {
    let keep = match arguments() {
        Ok(keep) => keep,
        Err(usage) => {
            println!("{usage}");
            return ExitCode::from(64);
        }
    };
    let scratch = match Scratch::new() {
        Ok(scratch) => scratch,
        Err(error) => {
            println!("cannot begin: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let told = tokio::select! {
        biased;
        result = tokio::signal::ctrl_c() => result.map_err(anyhow::Error::from),
        result = story::tell(&scratch, keep) => result,
    };
    match told {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{}", scratch.logs());
            println!("the story did not go as it should: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn arguments() -> Result<bool, &'static str> {
    let usage =
        "usage: landmark-demo [--keep]\n\n  --keep  leave everything running at the end; Ctrl-C ends it";
    let mut keep = false;
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--keep" => keep = true,
            _ => return Err(usage),
        }
    }
    Ok(keep)
}
