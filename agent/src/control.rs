//! The local control socket: how people on this machine ask the running agent.
//!
//! One line of JSON asks, one line of JSON answers (`watch`: a line for every change). Nothing can be changed here; the
//! most that can be asked for is to look again.
//!
//! | Request | Answer |
//! |---|---|
//! | `{"version":1,"request":"status"}` | `{"version":1,"status":{…}}` |
//! | `{"version":1,"request":"watch"}` | the same, again at every change |
//! | `{"version":1,"request":"explain","last":3}` | `{"version":1,"explanations":[{"text":…,"evidence":{…}}]}`, oldest first |
//! | `{"version":1,"request":"recheck"}` | `{"version":1,"decided":{…}}` |
//!
//! What cannot be answered is `{"version":1,"error":"…"}`. [`status`] and [`evidence`] are the documents, [`server`]
//! answers, [`client`] asks, [`socket`] finds the way even where its path is too long for the system.

pub mod client;
pub mod server;
pub mod socket;
pub mod status;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Of the protocol.
pub const VERSION: u32 = 1;

/// A question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// [`VERSION`].
    pub version: u32,
    /// What is asked.
    #[serde(flatten)]
    pub ask: Ask,
}

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case")]
pub enum Ask {
    /// How things are.
    Status,
    /// The same, at every change.
    Watch,
    /// Why the last evaluations gave what they gave.
    Explain {
        /// Of them, at most.
        last: usize,
    },
    /// Look again now.
    Recheck,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// [`VERSION`].
    pub version: u32,
    /// The answer itself.
    #[serde(flatten)]
    pub answer: Answer,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// To `status` and `watch`.
    Status(Value),
    /// To `explain`.
    Explanations(Vec<Explanation>),
    /// To `recheck`.
    Decided(Value),
    /// It cannot be answered.
    Error(String),
}

/// Why one evaluation gave what it gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// For people.
    pub text: String,
    /// For programs.
    pub evidence: Value,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_and_answers_look_as_documented() {
        let text = |ask| serde_json::to_string(&Request { version: VERSION, ask }).unwrap();
        assert_eq!(text(Ask::Status), r#"{"version":1,"request":"status"}"#);
        assert_eq!(text(Ask::Explain { last: 3 }), r#"{"version":1,"request":"explain","last":3}"#);
        let answer = Response { version: VERSION, answer: Answer::Error("no".into()) };
        assert_eq!(serde_json::to_string(&answer).unwrap(), r#"{"version":1,"error":"no"}"#);
        assert_eq!(serde_json::from_str::<Response>(r#"{"version":1,"error":"no"}"#).unwrap(), answer);
    }
}
