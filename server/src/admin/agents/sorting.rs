//! In which order agents are listed, on the wire, and the tokens of pages: a place in a list of one order, and of no other.

use landmark_proto::wire;

use crate::admin::error::AdminError;
use crate::fleet::{AgentKey, AgentOrder, Place, Sorting};

/// By what a list is ordered.
pub(super) fn sorting_from_wire(order: i32, descending: bool) -> Result<Sorting, AdminError> {
    let order = match wire::AgentOrder::try_from(order) {
        Ok(wire::AgentOrder::Unspecified | wire::AgentOrder::HostName) => AgentOrder::HostName,
        Ok(wire::AgentOrder::Connection) => AgentOrder::Connection,
        Ok(wire::AgentOrder::Location) => AgentOrder::Location,
        Ok(wire::AgentOrder::LocationSince) => AgentOrder::LocationSince,
        Ok(wire::AgentOrder::HeldRevision) => AgentOrder::HeldRevision,
        Ok(wire::AgentOrder::Enforcement) => AgentOrder::Enforcement,
        Ok(wire::AgentOrder::LastSeen) => AgentOrder::LastSeen,
        Err(_) => return Err(AdminError::field("order", format!("{order} is not a known order"))),
    };
    Ok(Sorting { order, descending })
}

/// Where a page ends, as the next one's token. The name comes last: it may have anything in it.
pub(super) fn place_to_token(sorting: Sorting, Place { rank, key }: &Place) -> String {
    let AgentKey { host_name, agent_id } = key;
    format!("{}/{rank}/{agent_id}/{host_name}", name(sorting))
}

/// `None` for an empty token: the beginning.
pub(super) fn place_from_token(sorting: Sorting, token: &str) -> Result<Option<Place>, AdminError> {
    if token.is_empty() {
        return Ok(None);
    }
    let invalid = || AdminError::field("page_token", "is not a token of a list of agents");
    let mut parts = token.splitn(4, '/');
    let mut part = || parts.next().ok_or_else(invalid);
    let (of, rank, agent_id, host_name) = (part()?, part()?, part()?, part()?);
    let known = all().find(|known| name(*known) == of).ok_or_else(invalid)?;
    if known != sorting {
        let message = format!(
            "is of a list ordered by {}, not by {}: leave it out to begin anew",
            name(known),
            name(sorting)
        );
        return Err(AdminError::field("page_token", message));
    }
    let agent_id = agent_id.parse().map_err(|_| invalid())?;
    let key = AgentKey { host_name: host_name.into(), agent_id };
    Ok(Some(Place { rank: rank.parse().map_err(|_| invalid())?, key }))
}

fn name(Sorting { order, descending }: Sorting) -> String {
    format!("{}{}", order.name(), if descending { "-descending" } else { "" })
}

fn all() -> impl Iterator<Item = Sorting> {
    let both = |order| [false, true].map(|descending| Sorting { order, descending });
    AgentOrder::ALL.into_iter().flat_map(both)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        let agent_id = "0190a3b2-0000-7000-8000-000000000000".parse().unwrap();
        Place { rank: u64::MAX, key: AgentKey { host_name: "web/1".into(), agent_id } }
    }

    #[test]
    fn a_page_token_gives_its_place_back() {
        for sorting in all() {
            let token = place_to_token(sorting, &place());
            assert_eq!(place_from_token(sorting, &token).unwrap(), Some(place()), "{token}");
            assert_eq!(place_from_token(sorting, "").unwrap(), None);
        }
        for nonsense in ["nonsense", "/", "///", "location/x/y/z", "host-name/1/2/3", "0190a3b2/web"] {
            let error = place_from_token(Sorting::default(), nonsense).unwrap_err();
            assert!(error.to_string().starts_with("page_token: "), "{error}");
        }
    }

    #[test]
    fn a_page_token_of_another_order_is_refused() {
        let by = |order, descending| Sorting { order, descending };
        let token = place_to_token(by(AgentOrder::Location, true), &place());
        let refused = |sorting| place_from_token(sorting, &token).unwrap_err().to_string();
        assert_eq!(
            refused(by(AgentOrder::Location, false)),
            "page_token: is of a list ordered by location-descending, not by location: leave it out to begin anew"
        );
        assert!(refused(by(AgentOrder::LastSeen, true)).contains("not by last-seen-descending"));
    }

    #[test]
    fn every_order_of_the_contract_is_known() {
        let orders: Vec<_> = (1..=7).map(|number| sorting_from_wire(number, false).unwrap().order).collect();
        assert_eq!(orders, AgentOrder::ALL);
        assert_eq!(sorting_from_wire(0, true).unwrap(), Sorting { descending: true, ..Sorting::default() });
        assert_eq!(sorting_from_wire(8, false).unwrap_err().to_string(), "order: 8 is not a known order");
    }
}
