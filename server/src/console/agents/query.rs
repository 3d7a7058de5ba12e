//! Which agents, in which order, from where on: as the address of the page has it.

use landmark_proto::wire;

use crate::console::fields::Fields;
use crate::console::format::encoded;

/// Rows of one page.
const PAGE_SIZE: u32 = 50;

/// A choice: what stands in the address, what people read, and what the contract calls it.
type Choice<T> = (&'static str, &'static str, T);

pub(super) const LOCATIONS: &[Choice<wire::Location>] = &[
    ("internal", "Internal", wire::Location::Internal),
    ("external", "External", wire::Location::External),
    ("unknown", "Unknown", wire::Location::Unknown),
];

pub(super) const CONNECTIONS: &[Choice<wire::Connection>] =
    &[("online", "Online", wire::Connection::Online), ("offline", "Offline", wire::Connection::Offline)];

pub(super) const STATES: &[Choice<wire::AssignmentState>] = &[
    ("current", "Current", wire::AssignmentState::Current),
    ("behind", "Behind", wire::AssignmentState::Behind),
    ("rejected", "Rejected", wire::AssignmentState::Rejected),
];

pub(super) const ENFORCEMENTS: &[Choice<wire::EnforcementState>] = &[
    ("applied", "In force", wire::EnforcementState::Applied),
    ("repaired", "Repaired", wire::EnforcementState::Repaired),
    ("observed", "Only observed", wire::EnforcementState::Observed),
    ("failed", "Failed", wire::EnforcementState::Failed),
    ("unavailable", "Not available", wire::EnforcementState::Unavailable),
    ("nothing", "Nothing to enforce", wire::EnforcementState::Nothing),
];

const ORDERS: &[(&str, wire::AgentOrder)] = &[
    ("name", wire::AgentOrder::HostName),
    ("connection", wire::AgentOrder::Connection),
    ("location", wire::AgentOrder::Location),
    ("since", wire::AgentOrder::LocationSince),
    ("revision", wire::AgentOrder::HeldRevision),
    ("enforcement", wire::AgentOrder::Enforcement),
    ("seen", wire::AgentOrder::LastSeen),
];

/// As the address says; what it cannot say is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) text: String,
    pub(super) location: &'static str,
    pub(super) connection: &'static str,
    pub(super) state: &'static str,
    pub(super) enforcement: &'static str,
    pub(super) cloned: bool,
    pub(super) sort: &'static str,
    pub(super) reverse: bool,
    pub(super) after: String,
}

impl Query {
    pub(super) fn read(fields: &Fields) -> Self {
        Self {
            text: fields.text("text").to_owned(),
            location: known(LOCATIONS.iter().map(|it| it.0), fields.text("location")),
            connection: known(CONNECTIONS.iter().map(|it| it.0), fields.text("connection")),
            state: known(STATES.iter().map(|it| it.0), fields.text("state")),
            enforcement: known(ENFORCEMENTS.iter().map(|it| it.0), fields.text("enforcement")),
            cloned: fields.is_set("cloned"),
            sort: known(ORDERS.iter().map(|it| it.0), fields.text("sort")),
            reverse: fields.is_set("reverse"),
            after: fields.text("after").to_owned(),
        }
    }

    /// As the contract has it.
    pub(super) fn request(&self) -> wire::ListAgentsRequest {
        let filter = wire::AgentFilter {
            text: self.text.clone(),
            location: chosen(LOCATIONS, self.location).unwrap_or_default().into(),
            connection: chosen(CONNECTIONS, self.connection).unwrap_or_default().into(),
            assignment_state: chosen(STATES, self.state).unwrap_or_default().into(),
            enforcement_state: chosen(ENFORCEMENTS, self.enforcement).unwrap_or_default().into(),
            cloned: self.cloned,
        };
        let order = ORDERS.iter().find(|(name, _)| *name == self.sort).map(|(_, order)| *order);
        wire::ListAgentsRequest {
            filter: Some(filter),
            page_size: PAGE_SIZE,
            page_token: self.after.clone(),
            order: order.unwrap_or_default().into(),
            descending: self.reverse,
        }
    }

    /// Whether all agents match.
    pub(super) fn is_all(&self) -> bool {
        let Self { text, location, connection, state, enforcement, cloned, sort: _, reverse: _, after: _ } =
            self;
        [text.as_str(), location, connection, state, enforcement].iter().all(|it| it.is_empty()) && !cloned
    }

    /// `?text=…`, or nothing where nothing is set.
    pub(super) fn address(&self) -> String {
        let flag = |is_set: bool| if is_set { "on" } else { "" };
        let pairs = [
            ("text", self.text.as_str()),
            ("location", self.location),
            ("connection", self.connection),
            ("state", self.state),
            ("enforcement", self.enforcement),
            ("cloned", flag(self.cloned)),
            ("sort", self.sort),
            ("reverse", flag(self.reverse)),
            ("after", self.after.as_str()),
        ];
        let set: Vec<String> = pairs
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect();
        if set.is_empty() { String::new() } else { format!("?{}", set.join("&")) }
    }

    /// The page after this one.
    pub(super) fn next(&self, after: String) -> Self {
        Self { after, ..self.clone() }
    }

    /// The first page of the same.
    pub(super) fn first(&self) -> Self {
        self.next(String::new())
    }

    /// The same, by another column; by the same one, the other way round.
    pub(super) fn sorted(&self, by: &'static str) -> Self {
        let reverse = self.is_sorted(by) && !self.reverse;
        Self { sort: by, reverse, ..self.first() }
    }

    pub(super) fn is_sorted(&self, by: &str) -> bool {
        self.sort == by || (self.sort.is_empty() && by == "name")
    }

    /// For `aria-sort`.
    pub(super) fn direction(&self, by: &str) -> &'static str {
        match (self.is_sorted(by), self.reverse) {
            (false, _) => "none",
            (true, false) => "ascending",
            (true, true) => "descending",
        }
    }
}

fn known(mut names: impl Iterator<Item = &'static str>, text: &str) -> &'static str {
    names.find(|name| *name == text).unwrap_or_default()
}

fn chosen<T: Copy>(choices: &[Choice<T>], name: &str) -> Option<T> {
    choices.iter().find(|(known, ..)| *known == name).map(|(_, _, value)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Query {
        Query::read(&Fields::from_bytes(text.as_bytes()))
    }

    #[test]
    fn an_address_says_again_what_was_read_of_it() {
        let address = "text=web+01&location=external&state=rejected&cloned=on&sort=seen&reverse=on&after=abc";
        assert_eq!(read(address).address(), format!("?{address}"));
        assert_eq!(read("").address(), "");
        assert_eq!(read("location=moon&sort=size").address(), "");
    }

    #[test]
    fn the_contract_gets_what_the_address_says() {
        let request = read("text=a&location=external&enforcement=failed&sort=since&reverse=on").request();
        let filter = request.filter.unwrap();
        assert_eq!((filter.text.as_str(), filter.location()), ("a", wire::Location::External));
        assert_eq!(filter.enforcement_state(), wire::EnforcementState::Failed);
        assert_eq!(request.order, i32::from(wire::AgentOrder::LocationSince));
        assert!(request.descending);
    }

    #[test]
    fn a_second_press_on_a_column_turns_it_round() {
        let query = read("text=a&after=x");
        assert_eq!(query.sorted("seen").address(), "?text=a&sort=seen");
        assert_eq!(query.sorted("seen").sorted("seen").address(), "?text=a&sort=seen&reverse=on");
        assert_eq!(query.sorted("name").address(), "?text=a&sort=name&reverse=on");
        assert_eq!(query.direction("name"), "ascending");
        assert!(read("sort=seen&after=x").is_all() && !query.is_all());
    }
}
