//! Finds what agents that share their host name are to be called: only what the server takes for that agent is shown.

use crate::client::Client;
use crate::render::names::{Names, beginning, doubles};
use crate::view::agent::Agent;
use crate::view::progress::AgentRejection;

/// Further beginnings, should the server know of ids that were not seen here: after each group of an id.
const LONGER: [usize; 3] = [13, 18, 23];
/// Agents of a page that are asked for; more that share their names are shown with their whole ids.
const MAX_ASKED: usize = 200;

/// For a page of a list. `is_fleet`: no other agent is known to the server.
pub(super) async fn of_page(client: &mut Client, rows: &[Agent], is_fleet: bool) -> Names {
    let ids = || rows.iter().map(|agent| agent.agent_id.as_str());
    let mut names = Names::default();
    for (index, agent) in doubles(rows).enumerate() {
        let id = agent.agent_id.as_str();
        let shortest = beginning(id, ids());
        if is_fleet {
            names.add(id, shortest);
        } else if index < MAX_ASKED {
            names.add(id, accepted_beginning(client, id, shortest).await);
        } else {
            names.add(id, id);
        }
    }
    names
}

/// For those that refused: anybody else may share their names.
pub(super) async fn of_rejections(client: &mut Client, rows: &[AgentRejection]) -> Names {
    let mut names = Names::default();
    for rejection in rows {
        let id = rejection.agent_id.as_str();
        if !is_accepted(client, &rejection.host_name, id).await {
            let shortest = beginning(id, rows.iter().map(|other| other.agent_id.as_str()));
            names.add(id, accepted_beginning(client, id, shortest).await);
        }
    }
    names
}

async fn accepted_beginning<'a>(client: &mut Client, id: &'a str, shortest: &'a str) -> &'a str {
    let longer = LONGER.into_iter().filter(|length| *length > shortest.len());
    for candidate in std::iter::once(shortest).chain(longer.filter_map(|length| id.get(..length))) {
        if is_accepted(client, candidate, id).await {
            return candidate;
        }
    }
    id
}

async fn is_accepted(client: &mut Client, text: &str, id: &str) -> bool {
    client.agent(text).await.is_ok_and(|detail| detail.agent.agent_id == id)
}
