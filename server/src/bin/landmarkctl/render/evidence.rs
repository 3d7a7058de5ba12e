//! What an agent saw, in the agent's own words, and what the server thinks of it.

use landmark_proto::evidence::replay;
use landmark_proto::explain::timeline;

use super::Paper;
use super::plain::printable;
use crate::view::evidence::{AgentEvidence, Received};

/// One after the other, oldest first.
pub(crate) fn evidence(agent: &AgentEvidence, paper: &Paper) -> String {
    let told: Vec<String> = agent.evaluations.iter().map(|received| one(received, paper)).collect();
    told.join("\n")
}

/// Why there is nothing to show.
pub(crate) fn empty(agent: &AgentEvidence, asked_for: &str) -> String {
    let name = printable(&agent.host_name);
    format!(
        "no evidence of {name} has come yet: an agent sends it when its location or the reason for it changes; to make \
         one now, while it is online: landmarkctl agents recheck {asked_for}"
    )
}

fn one(received: &Received, paper: &Paper) -> String {
    let Received { received_at, follows, evidence } = received;
    let Some(evidence) = evidence else {
        return format!(
            "A record that this version of landmarkctl cannot read, received {}\n",
            paper.moment(*received_at)
        );
    };
    // Names in it are the agent's; the line breaks are ours.
    let lines = timeline(evidence, &paper.zone);
    let mut text: String = lines.lines().map(|line| format!("{}\n", printable(line))).collect();
    text.push_str(&format!("  received      {}\n", paper.moment(*received_at)));
    if !follows {
        let expected = replay(evidence);
        text.push_str(&format!(
            "  WARNING       THE VERDICT DOES NOT FOLLOW: the rules make {} of this record ({}). A fault of the agent, or \
             someone who speaks in its name\n",
            expected.location, expected.basis
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use landmark_proto::evidence::Evidence;
    use landmark_proto::ids::{BootId, EvaluationId};
    use landmark_proto::location::{Basis, LinkState, Location, Trigger, Verdict};

    use super::*;

    fn received(location: Location, follows: bool) -> Received {
        let evidence = Evidence {
            evaluation: EvaluationId::new(7),
            boot_id: "0190a3b2-0000-7000-8000-000000000000".parse::<BootId>().unwrap(),
            started_at: SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_434_896_250),
            triggers: vec![Trigger::LinkLost],
            link: LinkState::Lost,
            held: None,
            attempts: Vec::new(),
            default_routes: Vec::new(),
            standing: None,
            verdict: Verdict { location, basis: Basis::NoAssignment },
            decided_in: Duration::from_micros(412),
            settled_in: Duration::from_micros(412),
        };
        let received_at = "2026-11-23T11:55:00Z".parse().ok();
        Received { received_at, follows, evidence: Some(evidence) }
    }

    fn agent(evaluations: Vec<Received>) -> AgentEvidence {
        AgentEvidence { agent_id: "0190a3b2".to_owned(), host_name: "web-1".to_owned(), evaluations }
    }

    #[test]
    fn the_agents_own_words_with_when_they_came() {
        let agent = agent(vec![received(Location::Unknown, true)]);
        insta::assert_snapshot!(evidence(&agent, &Paper::for_tests(None)), @r"
        Evaluation 7, 2026-11-23 11:54:56.250 UTC
          triggered by  link lost
          link          lost
          assignment    none
          rule          link lost, and no assignment: unknown

          verdict       unknown, because no assignment is held and the link to the management server is lost
          decided       0.4 ms after the first trigger
          received      11:55:00 (5 min ago)
        ");
    }

    #[test]
    fn a_verdict_that_does_not_follow_is_said_loudly() {
        let unreadable = Received { evidence: None, ..received(Location::Unknown, true) };
        let agent = agent(vec![unreadable, received(Location::Internal, false)]);
        insta::assert_snapshot!(evidence(&agent, &Paper::for_tests(None)), @r"
        A record that this version of landmarkctl cannot read, received 11:55:00 (5 min ago)

        Evaluation 7, 2026-11-23 11:54:56.250 UTC
          triggered by  link lost
          link          lost
          assignment    none
          rule          link lost, and no assignment: unknown

          verdict       internal, because no assignment is held and the link to the management server is lost
          decided       0.4 ms after the first trigger
          received      11:55:00 (5 min ago)
          WARNING       THE VERDICT DOES NOT FOLLOW: the rules make unknown of this record (no assignment). A fault of the agent, or someone who speaks in its name
        ");
    }

    #[test]
    fn nothing_to_show_says_what_makes_some() {
        let told = empty(&agent(Vec::new()), "01a2");
        assert!(
            told.contains("evidence of web-1") && told.ends_with("landmarkctl agents recheck 01a2"),
            "{told}"
        );
    }

    #[test]
    fn the_document_is_the_agents_own_with_what_the_server_adds() {
        let agent = agent(vec![received(Location::Internal, false)]);
        let document = serde_json::to_value(&agent).unwrap();
        let evaluation = &document["evaluations"][0];
        assert_eq!(evaluation["follows"], false);
        assert_eq!(evaluation["received_at"], "2026-11-23T11:55:00Z");
        assert_eq!(evaluation["evidence"]["evaluation"], 7);
        assert_eq!(evaluation["evidence"]["location"], "internal");
    }
}
