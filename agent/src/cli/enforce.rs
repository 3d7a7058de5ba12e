//! `landmark-agent enforce`: what is in force at this machine, what would be, and to take it away.

use std::fmt::Write as _;
use std::io;

use anyhow::Context as _;
use clap::{Subcommand, ValueEnum};
use landmark_agent::config::Config;
use landmark_agent::control::client::{AskError, ask};
use landmark_agent::control::{Answer, Ask};
use landmark_agent::enforce::firewall::local::{self, Outlook};
use landmark_agent::enforce::firewall::plan::{Line, plan};
use landmark_agent::enforce::firewall::ruleset::{Count, Present, Ruleset};
use landmark_agent::enforce::firewall::text;
use landmark_daemon::exit::Exit;
use landmark_proto::location::Location;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use crate::cli::status::{policy_of, pretty};
use crate::print;

/// What is asked of the firewall.
#[derive(Debug, Subcommand)]
pub(crate) enum Enforce {
    /// Tells what is in force, why, and what its rules have counted. Needs root.
    Show {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Tells what the agent would change: the difference between the rules that stand and those that shall. Needs root.
    ///
    /// It goes by the assignment on the disk, and by the location that the running agent has decided; without one, the
    /// location is not known, and enforced like external. Changes nothing.
    Plan {
        /// What would stand if this machine were there.
        #[arg(long, value_enum)]
        location: Option<Place>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Takes the firewall's rules away. Needs root.
    ///
    /// Refused while the agent runs, for it would write them again at once: stop it first, or set enforce.backend to
    /// observe and restart it.
    Clear,
}

/// Where a machine may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Place {
    /// Inside the company network.
    Internal,
    /// Outside.
    External,
}

/// Does what is asked.
pub(crate) async fn enforce(config: &Config, what: Enforce) -> anyhow::Result<Exit> {
    match what {
        Enforce::Show { json } => show(config, json).await,
        Enforce::Plan { location, json } => tell_plan(config, location, json).await,
        Enforce::Clear => clear(config).await,
    }
}

async fn show(config: &Config, json: bool) -> anyhow::Result<Exit> {
    let status = running(config).await?;
    let present = present().await?;
    let enforcement = status.as_ref().map_or(&Value::Null, |status| &status["enforcement"]);
    if json {
        let table = match &present {
            Present::Nothing => Value::Null,
            Present::Ruleset(ruleset, counts) => json!(table(ruleset, counts)),
            Present::Strange(what) => json!({ "strange": what }),
        };
        return print(&pretty(&json!({ "enforcement": enforcement, "table": table })));
    }
    let mut said = why(status.as_ref());
    match &present {
        Present::Nothing => {
            said.push_str("No rules of Landmark's stand: everything passes that other tables let pass.\n");
        }
        Present::Ruleset(ruleset, counts) => said.push_str(&(table(ruleset, counts).join("\n") + "\n")),
        Present::Strange(what) => {
            writeln!(
                said,
                "Somebody else has written to the table: {what}. See: nft list table inet landmark"
            )
            .ok();
        }
    }
    print(&said)
}

/// What the running agent says of it.
fn why(status: Option<&Value>) -> String {
    let Some(status) = status else {
        return "The agent does not run; what it has written last stands until it is taken away.\n\n"
            .to_owned();
    };
    let enforcement = &status["enforcement"];
    let word = |value: &Value| value.as_str().unwrap_or("unknown").to_owned();
    let mut said = String::new();
    if enforcement["state"] != "nothing" {
        writeln!(said, "Policy       {}", policy_of(enforcement)).ok();
    }
    let reason = enforcement["reason"].as_str().map(|reason| format!(": {reason}")).unwrap_or_default();
    writeln!(
        said,
        "State        {} (by {}){reason}",
        word(&enforcement["state"]),
        word(&enforcement["backend"])
    )
    .ok();
    writeln!(said, "Location     {}: {}", word(&status["location"]), word(&status["why"])).ok();
    if let Some(revision) = enforcement["revision"].as_u64() {
        writeln!(said, "Assignment   {revision}").ok();
    }
    said.push('\n');
    said
}

/// The table with what its rules have counted, in the words of `nft list table inet landmark`.
fn table(ruleset: &Ruleset, counts: &[Vec<Count>]) -> Vec<String> {
    let mut lines = vec!["table inet landmark {".to_owned()];
    lines.extend(ruleset.sets.iter().map(|set| format!("    {}", text::set(set))));
    for (chain, counts) in ruleset.chains.iter().zip(counts) {
        let of_chain = text::chain(chain);
        // The rules stand between the head of the chain and its end.
        let first = of_chain.len() - 1 - chain.rules.len();
        for (index, line) in of_chain.iter().enumerate() {
            let rule =
                index.checked_sub(first).and_then(|index| chain.rules.get(index).zip(counts.get(index)));
            let line = match rule {
                Some((rule, count)) if rule.is_counted => counted(line, count),
                Some(_) | None => line.clone(),
            };
            lines.push(format!("    {line}"));
        }
    }
    lines.push("}".to_owned());
    lines
}

/// The word stands before any comment.
fn counted(line: &str, count: &Count) -> String {
    let Count { n_packets, n_bytes } = count;
    line.replacen("counter", &format!("counter packets {n_packets} bytes {n_bytes}"), 1)
}

async fn tell_plan(config: &Config, place: Option<Place>, json: bool) -> anyhow::Result<Exit> {
    let location = match place {
        Some(Place::Internal) => Location::Internal,
        Some(Place::External) => Location::External,
        None => located(running(config).await?.as_ref()),
    };
    let outlook = local::outlook(config, location).await?;
    let present = present().await?;
    // Who has lost what he held loosens nothing.
    let kept = match &present {
        Present::Ruleset(ruleset, _) if outlook.desired.is_none() && ruleset.can_drop() => Some(ruleset),
        Present::Nothing | Present::Ruleset(..) | Present::Strange(_) => None,
    };
    let plan = plan(&present, Some(kept.unwrap_or(&outlook.rendered.ruleset)));
    let lines = plan.difference();
    if json {
        let line = |line: &Line| match line {
            Line::Kept(text) => json!({ "kept": text }),
            Line::Added(text) => json!({ "added": text }),
            Line::Removed(text) => json!({ "removed": text }),
        };
        let chosen = outlook.desired.as_ref().and_then(|desired| desired.firewall.as_ref());
        return print(&pretty(&json!({
            "location": location.to_string(),
            "profile": chosen.map(|chosen| chosen.profile.to_string()),
            "policy": chosen.map(|chosen| chosen.policy.name.to_string()),
            "changes": !plan.is_empty(),
            "lines": lines.iter().map(line).collect::<Vec<_>>(),
        })));
    }
    let mut said = heading(&outlook, location, kept.is_some());
    if plan.is_empty() {
        said.push_str("Nothing would change: the rules stand as they shall.\n");
        return print(&said);
    }
    for line in &lines {
        let (sign, text) = match line {
            Line::Kept(text) => (' ', text),
            Line::Added(text) => ('+', text),
            Line::Removed(text) => ('-', text),
        };
        writeln!(said, "{sign} {text}").ok();
    }
    print(&said)
}

/// Which policy it would be, and why.
fn heading(outlook: &Outlook, location: Location, is_kept: bool) -> String {
    let mut said = String::new();
    let Some(desired) = &outlook.desired else {
        return if is_kept {
            "No assignment is held: the rules of an earlier one are kept until one comes.\n\n"
        } else {
            "No assignment is held: nothing is enforced, and these rules make the kernel follow connections.\n\n"
        }
        .to_owned();
    };
    let revision = desired.held.revision;
    for (profile, why) in &outlook.skipped {
        let why: Vec<String> = why.iter().map(ToString::to_string).collect();
        writeln!(said, "Not \"{profile}\": {}", why.join("; ")).ok();
    }
    match &desired.firewall {
        Some(chosen) => writeln!(
            said,
            "Where the location is {location}: policy \"{}\" ({}, {}) of profile \"{}\", assignment {revision}",
            chosen.policy.name, chosen.policy.level, chosen.policy.mode, chosen.profile,
        ),
        None => writeln!(said, "Where the location is {location}: no profile is for this machine, everything passes"),
    }
    .ok();
    said.push('\n');
    said
}

async fn clear(config: &Config) -> anyhow::Result<Exit> {
    if let Some(status) = running(config).await?
        && status["enforcement"]["backend"] == "nftables"
    {
        anyhow::bail!(AgentRuns);
    }
    let was_there = spawn_blocking(local::clear).await??;
    print(if was_there {
        "The firewall's rules are gone. They come back when the agent starts with enforce.backend = \"auto\" or \"nftables\".\n"
    } else {
        "There were no rules of Landmark's.\n"
    })
}

/// The rules would be there again at once.
#[derive(Debug, thiserror::Error)]
#[error(
    "the agent runs, and would write the rules again at once: stop it first (systemctl stop landmark-agent), or set \
     enforce.backend = \"observe\" and restart it"
)]
pub(crate) struct AgentRuns;

async fn present() -> anyhow::Result<Present> {
    let read = spawn_blocking(local::present).await?;
    match read {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Err(error).context("reading the firewall's rules needs root")
        }
        read => read.context("cannot read the firewall's rules"),
    }
}

/// What the running agent says; `None` if none runs.
async fn running(config: &Config) -> anyhow::Result<Option<Value>> {
    match ask(&config.control_socket, Ask::Status).await {
        Ok(Answer::Status(status)) => Ok(Some(status)),
        Ok(Answer::Explanations(_) | Answer::Decided(_) | Answer::Error(_)) => {
            Err(AskError::Answer(None).into())
        }
        Err(AskError::NotRunning) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn located(status: Option<&Value>) -> Location {
    match status.and_then(|status| status["location"].as_str()) {
        Some("internal") => Location::Internal,
        Some("external") => Location::External,
        _ => Location::Unknown,
    }
}
