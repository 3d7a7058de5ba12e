//! Gives the verdict of an evidence again, from nothing but what the evidence says and the settings of its revision.
//!
//! It must not know how an agent came to it.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use landmark_proto::decision::{Decision, decide, probed};
use landmark_proto::location::{Basis, LinkState, Location, Verdict};
use landmark_proto::port::{Port, Ports};
use landmark_proto::reference_server::{ReferenceServer, ReferenceServerList};
use landmark_proto::settings::{LocationRules, ServerConnection, Settings};
use serde_json::{Value, json};

/// Knows the settings of the assignments that it was shown.
#[derive(Debug, Default)]
pub struct Replayer {
    assigned: BTreeMap<u64, Settings>,
}

impl Replayer {
    /// Learns an assignment, as `landmarkctl assignments show --json` prints it.
    ///
    /// # Errors
    /// It is none.
    pub fn learn(&mut self, assignment: &Value) -> Result<()> {
        let read = || Some((assignment["revision"].as_u64()?, settings(&assignment["settings"])?));
        let (revision, settings) = read().with_context(|| format!("not an assignment: {assignment}"))?;
        self.assigned.insert(revision, settings);
        Ok(())
    }

    /// Fails unless the verdict follows from the evidence, as `landmark-agent explain --json` prints it.
    ///
    /// # Errors
    /// It does not, or the assignment is not known.
    pub fn replay(&self, evidence: &Value) -> Result<()> {
        let again = self.verdict(evidence)?;
        let same = evidence["location"] == again["location"] && evidence["basis"] == again["basis"];
        ensure!(same, "the evidence gives {again}: {evidence}");
        Ok(())
    }

    fn verdict(&self, evidence: &Value) -> Result<Value> {
        let link = if evidence["link"] == "connected" { LinkState::Connected } else { LinkState::Lost };
        let held = match evidence["revision"].as_u64() {
            None => None,
            Some(revision) => {
                let known = self.assigned.get(&revision);
                Some(known.with_context(|| format!("revision {revision} is not known: {evidence}"))?)
            }
        };
        let verdict = match decide(link, held) {
            Decision::Decided(verdict) => verdict,
            Decision::Probe(list) => {
                probed(list, |index| evidence["attempts"][index]["outcome"] == "answered")
            }
        };
        Ok(document(&verdict))
    }
}

fn settings(settings: &Value) -> Option<Settings> {
    let list = &settings["reference_servers"];
    let servers = list["servers"].as_array()?.iter().map(|server| {
        let port = |port: &Value| port.as_u64()?.to_string().parse::<Port>().ok();
        let ports = server["ports"].as_array()?.iter().map(port).collect::<Option<Vec<_>>>()?;
        Some(ReferenceServer { host: server["host"].as_str()?.parse().ok()?, ports: Ports::new(ports).ok()? })
    });
    let servers = servers.collect::<Option<Vec<_>>>()?;
    let server_connection = match settings["location"]["server_connection"].as_str()? {
        "means_internal" => ServerConnection::MeansInternal,
        "says_nothing" => ServerConnection::SaysNothing,
        _ => return None,
    };
    Some(Settings {
        reference_servers: ReferenceServerList::new(list["enabled"].as_bool()?, servers).ok()?,
        location: LocationRules { server_connection, ..LocationRules::default() },
    })
}

/// In the words of the agent's documents.
fn document(verdict: &Verdict) -> Value {
    let location = match verdict.location {
        Location::Internal => "internal",
        Location::External => "external",
        Location::Unknown => "unknown",
    };
    let basis = match &verdict.basis {
        Basis::ManagementServer => json!({ "kind": "management_server" }),
        Basis::ReferenceServer { host, port, position } => json!({
            "kind": "reference_server",
            "host": host.to_string(),
            "port": port.get(),
            "position": position + 1,
        }),
        Basis::NoneReachable { n_attempts } => json!({ "kind": "none_reachable", "n_attempts": n_attempts }),
        Basis::ListDisabled => json!({ "kind": "list_disabled" }),
        Basis::NoAssignment => json!({ "kind": "no_assignment" }),
    };
    json!({ "location": location, "basis": basis })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replayer() -> Replayer {
        let mut replayer = Replayer::default();
        let servers = json!([
            { "position": 1, "host": "10.20.1.11", "ports": [80, 443] },
            { "position": 2, "host": "10.20.1.12", "ports": [21] },
        ]);
        let settings = json!({
            "reference_servers": { "enabled": true, "servers": servers },
            "location": { "server_connection": "means_internal" },
        });
        replayer.learn(&json!({ "revision": 3, "settings": settings })).unwrap();
        replayer
    }

    fn evidence(outcomes: [&str; 3], location: &str, basis: &Value) -> Value {
        let attempts: Vec<Value> = outcomes.iter().map(|outcome| json!({ "outcome": outcome })).collect();
        json!({ "link": "lost", "revision": 3, "attempts": attempts, "location": location, "basis": basis })
    }

    #[test]
    fn only_the_first_that_answered_is_the_basis() {
        let second = json!({ "kind": "reference_server", "host": "10.20.1.12", "port": 21, "position": 2 });
        let honest = evidence(["refused", "timeout", "answered"], "internal", &second);
        replayer().replay(&honest).unwrap();
        let wrong = evidence(["refused", "answered", "answered"], "internal", &second);
        assert!(replayer().replay(&wrong).unwrap_err().to_string().contains("443"));
    }

    #[test]
    fn a_verdict_that_does_not_follow_is_found() {
        let none = json!({ "kind": "none_reachable", "n_attempts": 3 });
        replayer().replay(&evidence(["refused"; 3], "external", &none)).unwrap();
        assert!(replayer().replay(&evidence(["answered"; 3], "external", &none)).is_err());
        let mut connected = evidence(["refused"; 3], "external", &none);
        connected["link"] = "connected".into();
        assert!(replayer().replay(&connected).is_err());
        let mut unknown = connected;
        unknown["revision"] = 4.into();
        assert!(replayer().replay(&unknown).unwrap_err().to_string().contains("not known"));
    }
}
