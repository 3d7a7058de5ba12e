//! What of the machine a firewall's rules depend on, besides the policy.

use std::collections::BTreeMap;
use std::net::IpAddr;

use landmark_proto::host::Name;

/// What rules are rendered on. Everything in it is in canonical form (no IPv4 written as IPv6).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ground {
    /// Name servers that the machine is configured to ask.
    pub resolvers: Resolvers,
    /// The addresses that the names in exceptions have at the time, ascending, each once; one that was never found is not
    /// there.
    pub names: BTreeMap<Name, Vec<IpAddr>>,
}

/// Name servers that a machine is configured to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolvers {
    /// These, ascending, each once; loopback ones left out.
    These(Vec<IpAddr>),
    /// A resolver of its own, which does not say whom it asks in turn.
    Any,
}

impl Default for Resolvers {
    fn default() -> Self {
        Self::These(Vec::new())
    }
}

impl Resolvers {
    /// Whether it may be one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        match self {
            Self::These(these) => these.contains(&address),
            Self::Any => true,
        }
    }
}

impl Ground {
    /// The addresses of a name; none if it was never found.
    pub fn addresses(&self, name: &Name) -> &[IpAddr] {
        self.names.get(name).map_or(&[], Vec::as_slice)
    }
}
