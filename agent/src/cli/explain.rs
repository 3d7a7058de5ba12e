//! `landmark-agent explain` and `recheck`.

use anyhow::Context as _;
use landmark_agent::config::Config;
use landmark_agent::control::client::{AskError, ask};
use landmark_agent::control::{Answer, Ask};
use serde_json::{Value, json};

use crate::cli::status::pretty;

/// The evidence of the last evaluations, oldest first.
pub(crate) async fn explain(config: &Config, last: u16, json: bool) -> anyhow::Result<String> {
    let answer = ask(&config.control_socket, Ask::Explain { last: last.into() }).await;
    let answer = match answer {
        Err(AskError::NotRunning) => {
            return answer.map(|_| String::new()).context("evidence is kept by the running agent only");
        }
        other => other?,
    };
    let Answer::Explanations(explanations) = answer else { return Err(AskError::Answer(None).into()) };
    if json {
        let evaluations: Vec<Value> =
            explanations.into_iter().map(|explanation| explanation.evidence).collect();
        return Ok(pretty(&json!({ "evaluations": evaluations })));
    }
    if explanations.is_empty() {
        return Ok("The location was not decided yet.\n".to_owned());
    }
    let texts: Vec<String> = explanations.into_iter().map(|explanation| explanation.text).collect();
    Ok(texts.join("\n"))
}

/// Looks again.
pub(crate) async fn recheck(config: &Config, json: bool) -> anyhow::Result<String> {
    let answer = ask(&config.control_socket, Ask::Recheck).await?;
    let Answer::Decided(status) = answer else { return Err(AskError::Answer(None).into()) };
    if json {
        return Ok(pretty(&status));
    }
    let word = |name: &str| status[name].as_str().unwrap_or("unknown").to_owned();
    let held_back = &status["held_back"];
    if let (Some(found), Some(lacks)) = (held_back["found"].as_str(), held_back["lacks"].as_str()) {
        return Ok(format!("still {}; {found} was found: {lacks}\n", word("location")));
    }
    Ok(format!("{}: {}\n", word("location"), word("why")))
}
