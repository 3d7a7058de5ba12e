//! `landmark-agent status`: asks the running agent, or tells what its disk says.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use landmark_agent::config::{Config, STATE_DIR_NAME};
use landmark_agent::control::client::{AskError, Asking, ask};
use landmark_agent::control::status::{Who, of_disk};
use landmark_agent::control::{Answer, Ask};
use landmark_agent::identity::Identity;
use landmark_agent::ledger::Ledger;
use landmark_daemon::exit::Exit;
use landmark_daemon::state_dir::default_state_dir;
use landmark_proto::explain::words;
use serde_json::Value;

use crate::print;

/// Prints the status, once or at every change.
pub(crate) async fn status(config: &Config, json: bool, watch: bool) -> anyhow::Result<Exit> {
    if watch {
        return follow(config, json).await;
    }
    match ask(&config.control_socket, Ask::Status).await {
        Ok(Answer::Status(status)) => print(&if json { pretty(&status) } else { render(&status) }),
        Ok(Answer::Explanations(_) | Answer::Decided(_) | Answer::Error(_)) => {
            Err(AskError::Answer(None).into())
        }
        Err(AskError::NotRunning) => {
            let status = on_disk(config)?;
            print(&if json { pretty(&status) } else { render(&status) })?;
            Ok(Exit::Unavailable)
        }
        Err(error) => Err(error.into()),
    }
}

async fn follow(config: &Config, json: bool) -> anyhow::Result<Exit> {
    let mut asking = Asking::begin(&config.control_socket, Ask::Watch).await?;
    let mut is_first = true;
    while let Some(answer) = asking.next().await? {
        if let Answer::Status(status) = answer {
            let separator = if is_first || json { "" } else { "\n" };
            is_first = false;
            let text = if json { format!("{status}\n") } else { render_at(&status) };
            print(&format!("{separator}{text}"))?;
        }
    }
    Err(AskError::NotRunning.into())
}

/// What the disk says of an agent that does not run. A folder that does not exist says that nobody is enrolled.
fn on_disk(config: &Config) -> anyhow::Result<Value> {
    let identity = Identity::load(&config.state_dir)?;
    let (accepted, damages) = Ledger::peek(&config.state_dir);
    let who = identity.as_ref().map(Who::of);
    let status = of_disk(who.as_ref(), accepted.as_ref(), &damages, SystemTime::now());
    let mut status = serde_json::to_value(status)?;
    let system = Path::new("/var/lib").join(STATE_DIR_NAME);
    if let Some(folder) = elsewhere(&config.state_dir, &default_state_dir(STATE_DIR_NAME), system)
        && identity.is_none()
    {
        status["agent_elsewhere"] = folder.display().to_string().into();
    }
    Ok(status)
}

/// The state folder of the machine's agent, where only a folder of the user's own was looked into because nobody named
/// one, and the user may not use that of the system.
fn elsewhere(looked_into: &Path, default: &Path, system: PathBuf) -> Option<PathBuf> {
    (looked_into == default && looked_into != system && system.exists()).then_some(system)
}

pub(crate) fn pretty(document: &Value) -> String {
    let mut text = serde_json::to_string_pretty(document).unwrap_or_default();
    text.push('\n');
    text
}

/// With the time, for one state of many.
fn render_at(status: &Value) -> String {
    format!("{:<12} {}\n{}", "Time", text(&status["at"]), render(status))
}

/// For people. Reads the document, so that agents of other versions can be shown as well.
pub(crate) fn render(status: &Value) -> String {
    let mut lines = Lines { text: String::new(), at: instant(&status["at"]) };
    if status["running"] != true {
        lines.line("Agent", "not running; this is what its disk says");
    }
    let identity = match (status["agent_id"].as_str(), status["agent_elsewhere"].as_str()) {
        (Some(agent_id), _) => format!("{agent_id} of fleet {}", text(&status["fleet_id"])),
        (None, Some(folder)) => format!(
            "none of yours; the agent of this machine lies in {folder}: ask as the user that it runs as \
             (sudo landmark-agent status)"
        ),
        (None, None) => "none; make this machine an agent with: landmark-agent enroll JOIN_STRING".to_owned(),
    };
    lines.line("Identity", &identity);
    lines.location(status);
    lines.rules(&status["rules"]);
    lines.watched(&status["watched"]);
    lines.enforcement(&status["enforcement"]);
    lines.assignment(status);
    lines.refused(&status["refused"]);
    lines.link(&status["link"]);
    lines.outbox(&status["outbox"]);
    if let Some(expires_at) = instant(&status["certificate_expires_at"]) {
        let is_over = lines.at.is_some_and(|at| at > expires_at);
        let tense = if is_over { "ended" } else { "good until" };
        lines.line("Certificate", &format!("{tense} {}", text(&status["certificate_expires_at"])));
    }
    for damage in status["ledger_damage"].as_array().into_iter().flatten() {
        lines.line("Warning", &format!("at the start: {}", text(damage)));
    }
    lines.text
}

struct Lines {
    text: String,
    at: Option<jiff::Timestamp>,
}

impl Lines {
    fn line(&mut self, name: &str, value: &str) {
        // Writing to a string never fails.
        writeln!(self.text, "{name:<12} {value}").ok();
    }

    fn location(&mut self, status: &Value) {
        if status["running"] != true {
            return;
        }
        self.line("Location", text(&status["location"]));
        let decided = &status["decided"];
        if decided.is_null() {
            self.line("", "not decided yet");
            return;
        }
        let provisional =
            if decided["is_provisional"] == true { " (an earlier one may still answer)" } else { "" };
        self.line("", &format!("because: {}{provisional}", text(&status["why"])));
        let triggers: Vec<String> = decided["triggers"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|trigger| trigger_in_words(text(trigger)))
            .collect();
        let took = decided["decided_in_ms"].as_f64().unwrap_or_default();
        self.line(
            "",
            &format!(
                "decided {} in {took:.1} ms; trigger: {}",
                self.ago(&decided["at"]),
                triggers.join(", ")
            ),
        );
        let held_back = &status["held_back"];
        if !held_back.is_null() {
            self.line("", &format!("{} was found: {}", text(&held_back["found"]), text(&held_back["lacks"])));
        }
        let n_flips = status["n_flips_last_hour"].as_u64().unwrap_or_default();
        if n_flips > 1 {
            self.line("", &format!("changed {n_flips} times in the last hour"));
        }
    }

    /// Those that are not as usual.
    fn rules(&mut self, rules: &Value) {
        let mut told = Vec::new();
        if rules["criterion"] == "gateway" {
            told.push(format!("by the default gateway, of which {} are known", rules["n_gateways"]));
        }
        if rules["server_connection_means_internal"] == false {
            told.push("a connection to the server says nothing".to_owned());
        }
        if rules["required_successes"].as_u64().is_some_and(|n| n > 1) {
            told.push(format!("{} reference servers must answer", rules["required_successes"]));
        }
        if rules["tunnels"] == "ignore" {
            told.push("what is beyond a tunnel does not count".to_owned());
        }
        for (name, to) in
            [("confirmations_to_internal", "internal"), ("confirmations_to_external", "external")]
        {
            if rules[name].as_u64().is_some_and(|n| n > 1) {
                told.push(format!("{to} once found {} times in a row", rules[name]));
            }
        }
        if let Some(dwell) = rules["minimum_dwell_s"].as_f64().filter(|dwell| *dwell > 0.0) {
            told.push(format!("a location stands for {dwell} s at least"));
        }
        if !told.is_empty() {
            self.line("Rules", &told.join("; "));
        }
    }

    fn watched(&mut self, watched: &Value) {
        let blind: Vec<&str> = [
            ("network", "changes of the network"),
            ("resolver", "changes of the resolver"),
            ("wake", "wakes from sleep"),
        ]
        .into_iter()
        .filter_map(|(name, words)| (watched[name] == false).then_some(words))
        .collect();
        if !blind.is_empty() {
            let blind = blind.join(", ");
            self.line("Warning", &format!("not noticed at once on this machine: {blind} (see the log)"));
        }
    }

    fn enforcement(&mut self, enforcement: &Value) {
        if enforcement.is_null() {
            return;
        }
        let policy = policy_of(enforcement);
        let backend = text(&enforcement["backend"]);
        let reason = text(&enforcement["reason"]);
        let age = self.age(&enforcement["since"]);
        let line = match text(&enforcement["state"]) {
            "applied" => format!("{policy}: in force for {age} (by {backend})"),
            "repaired" => format!("{policy}: drifted and repaired {age} ago (by {backend})"),
            "observed" => format!("{policy}: would be in force, but nothing is dropped"),
            "unavailable" => format!("{policy}: NOT in force: {reason}"),
            "failed" => format!("{policy}: NOT in force for {age}: {reason}"),
            _ => format!("nothing to enforce: {reason}"),
        };
        self.line("Policy", &line);
        if matches!(text(&enforcement["state"]), "repaired" | "observed") {
            self.line("", reason);
        }
    }

    fn assignment(&mut self, status: &Value) {
        let line = match status["held_revision"].as_u64() {
            None => "none is held".to_owned(),
            Some(revision) => {
                let digest: String = text(&status["held_digest"]).chars().take(12).collect();
                let n_servers = status["n_reference_servers"].as_u64().unwrap_or_default();
                let plural = if n_servers == 1 { "" } else { "s" };
                let disabled = if status["list_enabled"] == false { " (the list is disabled)" } else { "" };
                format!("{revision} ({digest}), {n_servers} reference server{plural}{disabled}")
            }
        };
        self.line("Assignment", &line);
    }

    fn refused(&mut self, refused: &Value) {
        let Some(revision) = refused["revision"].as_u64() else { return };
        let reason = match text(&refused["code"]) {
            "outdated" => "it is older than one that was accepted",
            "conflict" => "another content was accepted under its number",
            "digest" => "it was changed on the way",
            "invalid" => "it breaks a rule",
            "unsupported" => "this agent does not understand all of it",
            "too_large" => "it is too large",
            "storage" => "it could not be stored",
            other => other,
        };
        self.line("Refused", &format!("assignment {revision}, {}: {reason}", self.ago(&refused["at"])));
        for violation in refused["violations"].as_array().into_iter().flatten() {
            let message = text(&violation["message"]);
            match violation["subject"].as_str() {
                Some(subject) => self.line("", &format!("{subject}: {message}")),
                None => self.line("", message),
            }
        }
    }

    fn link(&mut self, link: &Value) {
        if link.is_null() {
            return;
        }
        let age = self.age(&link["since"]);
        let server = link["server"].as_str().unwrap_or("no address yet");
        if link["state"] == "connected" {
            self.line("Link", &format!("connected to {server} for {age}"));
            return;
        }
        self.line("Link", &format!("lost for {age} ({server})"));
        if let Some(reason) = link["reason"].as_str() {
            self.line("", reason);
        }
        if link["needs_administrator"] == true {
            self.line("", "trying again will not help before an administrator acts");
        }
        if let (Some(at), Some(next)) = (self.at, instant(&link["next_dial_at"]))
            && next > at
        {
            let wait = next.duration_since(at);
            let wait = if wait.as_secs() == 0 { "a moment".to_owned() } else { readable(wait) };
            self.line("", &format!("next try in {wait}"));
        }
    }

    fn outbox(&mut self, outbox: &Value) {
        let count = |name: &str| outbox[name].as_u64().unwrap_or_default();
        let changes = |n: u64| if n == 1 { "1 change".to_owned() } else { format!("{n} changes") };
        match (count("n_records"), count("n_dropped")) {
            (0, 0) => {}
            (n, 0) => self.line("History", &format!("{} of location not yet at the server", changes(n))),
            (n, lost) => self.line(
                "History",
                &format!("{} of location not yet at the server, {} lost", changes(n), changes(lost)),
            ),
        }
        let n_waiting = count("n_not_on_disk");
        if n_waiting > 0 {
            self.line(
                "Warning",
                &format!("the disk does not take the history: {} in memory only", changes(n_waiting)),
            );
        }
    }

    /// How long something is so already.
    fn age(&self, since: &Value) -> String {
        match self.passed(since) {
            Some(age) if age.as_secs() <= 0 => "less than a second".to_owned(),
            Some(age) => readable(age),
            None => "an unknown time".to_owned(),
        }
    }

    /// When something happened.
    fn ago(&self, at: &Value) -> String {
        match self.passed(at) {
            Some(age) if age.as_secs() <= 0 => "just now".to_owned(),
            Some(age) => format!("{} ago", readable(age)),
            None => "an unknown time ago".to_owned(),
        }
    }

    fn passed(&self, since: &Value) -> Option<jiff::SignedDuration> {
        Some(self.at?.duration_since(instant(since)?))
    }
}

/// The policy that shall be in force: that of the firewall's profile, or of the location alone.
pub(crate) fn policy_of(enforcement: &Value) -> String {
    let place = if enforcement["location"] == "internal" { "internal" } else { "external" };
    match (enforcement["policy"].as_str(), enforcement["profile"].as_str()) {
        (Some(policy), Some(profile)) => format!("{place}: \"{policy}\" of profile \"{profile}\""),
        _ => place.to_owned(),
    }
}

/// As `explain` calls it.
fn trigger_in_words(word: &str) -> String {
    words::trigger_of(word).map_or_else(|| word.replace('_', " "), |trigger| trigger.to_string())
}

fn instant(value: &Value) -> Option<jiff::Timestamp> {
    value.as_str()?.parse().ok()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("unknown")
}

/// In the largest unit that says enough.
fn readable(duration: jiff::SignedDuration) -> String {
    let seconds = duration.as_secs().max(0);
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests;
