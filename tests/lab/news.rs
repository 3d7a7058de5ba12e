//! What the agent comes to, as it comes to it: a line an evaluation.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use anyhow::{Context as _, Result};
use landmark_tests::fleet::Agent;
use serde_json::Value;
use tokio::sync::mpsc;

/// Lines while a command runs. Of more the newest are lost; `explain` has them.
const KEPT: usize = 32;

/// The news. Dropping it ends them.
pub(crate) struct News {
    lines: mpsc::Receiver<String>,
    watching: Child,
}

impl News {
    /// Of this agent, which runs.
    pub(crate) fn of(agent: &Agent) -> Result<Self> {
        let mut command = agent.command(&["status", "--watch", "--json"])?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut watching = command.spawn().context("watch the agent")?;
        let output = watching.stdout.take().context("no output")?;
        let (lines_tx, lines_rx) = mpsc::channel(KEPT);
        std::thread::spawn(move || {
            let mut told = None;
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let status = serde_json::from_str(&line).unwrap_or(Value::Null);
                let evaluation = status["decided"]["evaluation"].as_u64();
                if evaluation == told || status["decided"]["is_provisional"] == true {
                    continue;
                }
                told = evaluation;
                // Full: the terminal is busy.
                lines_tx.try_send(tell(&status)).unwrap_or_default();
            }
        });
        Ok(Self { lines: lines_rx, watching })
    }

    /// The next line; none once the agent is gone. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<String> {
        self.lines.recv().await
    }
}

impl Drop for News {
    fn drop(&mut self) {
        // It may have ended with the agent.
        self.watching.kill().and_then(|()| self.watching.wait()).map(drop).unwrap_or_default();
    }
}

fn tell(status: &Value) -> String {
    let decided = &status["decided"];
    let triggers = decided["triggers"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let triggers = triggers.map(|trigger| trigger.replace('_', " ")).collect::<Vec<_>>().join(", ");
    let location = status["location"].as_str().unwrap_or_default();
    let why = status["why"].as_str().unwrap_or_default();
    let took = decided["decided_in_ms"].as_f64().unwrap_or_default();
    let mut line = format!("  agent: {location}: {why} ({triggers}; {took:.0} ms)");
    if let Some(lacks) = status["held_back"]["lacks"].as_str() {
        line.push_str(&format!(
            "; held back: {}: {lacks}",
            status["held_back"]["found"].as_str().unwrap_or_default()
        ));
    }
    line
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_says_where_why_and_what_made_it_look() {
        let mut status = json!({
            "location": "internal",
            "why": "reference server 1",
            "decided": { "triggers": ["network_change", "link_lost"], "decided_in_ms": 1.2 },
            "held_back": null,
        });
        assert_eq!(tell(&status), "  agent: internal: reference server 1 (network change, link lost; 1 ms)");
        status["held_back"] = json!({ "found": "external", "lacks": "found 1 of 3 times" });
        assert!(tell(&status).ends_with("; held back: external: found 1 of 3 times"));
    }
}
