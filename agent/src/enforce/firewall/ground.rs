//! What of the machine a firewall's rules depend on, besides the policy.

use std::collections::BTreeMap;
use std::net::IpAddr;

use landmark_proto::host::Name;

/// What rules are rendered on. Everything in it is in canonical form (no IPv4 written as IPv6).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ground {
    /// Name servers that the machine is configured to ask, ascending, each once; loopback ones left out.
    pub resolvers: Vec<IpAddr>,
    /// The addresses that the names in exceptions have at the time, ascending, each once; one that was never found is not
    /// there.
    pub names: BTreeMap<Name, Vec<IpAddr>>,
}

impl Ground {
    /// The addresses of a name; none if it was never found.
    pub fn addresses(&self, name: &Name) -> &[IpAddr] {
        self.names.get(name).map_or(&[], Vec::as_slice)
    }
}
