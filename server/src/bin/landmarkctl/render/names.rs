//! What agents are called where the host name alone does not say which: with the beginning of their id, as commands take
//! it.

use std::collections::HashMap;

use crate::view::agent::Agent;

/// A shorter beginning is no easier to read.
const SHORTEST: usize = 8;

/// What is shown of the id beside the host name, by id; agents that are not here are named by their host name alone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names(HashMap<String, String>);

impl Names {
    pub(crate) fn add(&mut self, agent_id: &str, beginning: impl Into<String>) {
        self.0.insert(agent_id.to_owned(), beginning.into());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// "web-1", or "vm (01a20963-44f2)".
    pub(crate) fn of(&self, host_name: &str, agent_id: &str) -> String {
        self.0.get(agent_id).map_or_else(|| host_name.to_owned(), |beginning| named(host_name, beginning))
    }
}

/// Where the host name alone does not say which.
pub(crate) fn named(host_name: &str, id: &str) -> String {
    format!("{host_name} ({id})")
}

/// Those of a page that share their host name, whatever its case.
pub(crate) fn doubles(rows: &[Agent]) -> impl Iterator<Item = &Agent> {
    let mut n_named: HashMap<String, usize> = HashMap::new();
    for agent in rows {
        *n_named.entry(agent.host_name.to_lowercase()).or_default() += 1;
    }
    rows.iter().filter(move |agent| n_named.get(&agent.host_name.to_lowercase()).is_some_and(|n| *n > 1))
}

/// The shortest beginning of an id that no other id has.
pub(crate) fn beginning<'a>(agent_id: &'a str, ids: impl Iterator<Item = &'a str>) -> &'a str {
    let common =
        |other: &str| agent_id.bytes().zip(other.bytes()).take_while(|(one, two)| one == two).count();
    let longest = ids.filter(|other| *other != agent_id).map(common).max().unwrap_or(0);
    // One byte more than any other has in common; ids are ASCII.
    agent_id.get(..(longest + 1).max(SHORTEST)).unwrap_or(agent_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_is_as_long_as_it_must_be() {
        let ids = [
            "01a20963-44f2-7abc-9f30-0c2b6f1f9a77",
            "01a20963-44f2-7abd-9f30-0c2b6f1f9a77",
            "01a20963-44f3-7abc-9f30-0c2b6f1f9a77",
            "01b00000-44f3-7abc-9f30-0c2b6f1f9a77",
        ];
        let shown = ids.map(|id| beginning(id, ids.iter().copied()));
        assert_eq!(shown, ["01a20963-44f2-7abc", "01a20963-44f2-7abd", "01a20963-44f3", "01b00000"]);
        for beginning in shown {
            assert_eq!(ids.iter().filter(|id| id.starts_with(beginning)).count(), 1, "{beginning}");
        }
        assert_eq!(beginning("short", [].into_iter()), "short");
    }
}
