//! The rules that turn a link state, the held settings and the results of probes into a verdict.
//!
//! Both the agent, which decides, and the server, which checks an agent's evidence, use these functions; they know
//! neither time nor network.

use crate::host::Host;
use crate::location::{Basis, LinkState, Location, Verdict};
use crate::port::Port;
use crate::reference_server::{ReferenceServerList, Target};
use crate::settings::{ServerConnection, Settings};

/// What the rules say before any probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision<'a> {
    /// No probe is needed.
    Decided(Verdict),
    /// The list decides: see [`probed`].
    Probe(&'a ReferenceServerList),
}

/// Decides, or says that the reference servers must be probed.
///
/// The rules in their order: connected means internal (unless the settings deny it); without an assignment the place is
/// unknown; an enabled list that is not empty is probed; otherwise external.
pub fn decide(link: LinkState, held: Option<&Settings>) -> Decision<'_> {
    let meaning = held.map_or(ServerConnection::default(), |settings| settings.location.server_connection);
    if link == LinkState::Connected && meaning == ServerConnection::MeansInternal {
        return Decision::Decided(Verdict { location: Location::Internal, basis: Basis::ManagementServer });
    }
    let Some(settings) = held else {
        return Decision::Decided(Verdict { location: Location::Unknown, basis: Basis::NoAssignment });
    };
    let list = &settings.reference_servers;
    if list.is_enabled() && !list.servers().is_empty() {
        Decision::Probe(list)
    } else {
        Decision::Decided(Verdict { location: Location::External, basis: Basis::ListDisabled })
    }
}

/// The verdict once the list was probed: `answered` tells of the target with this index (in the order of
/// [`ReferenceServerList::targets`]) whether it answered.
pub fn probed(list: &ReferenceServerList, answered: impl Fn(usize) -> bool) -> Verdict {
    let mut n_attempts = 0;
    for (index, target) in list.targets().enumerate() {
        if answered(index) {
            return internal_by(target);
        }
        n_attempts = index + 1;
    }
    Verdict { location: Location::External, basis: Basis::NoneReachable { n_attempts } }
}

/// Internal, because this target answered.
pub fn internal_by(Target { position, host, port }: Target<'_>) -> Verdict {
    let (host, port): (Host, Port) = (host.clone(), port);
    Verdict { location: Location::Internal, basis: Basis::ReferenceServer { host, port, position } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference_server::ReferenceServer;
    use crate::settings::LocationRules;

    fn settings(enabled: bool, hosts: &[&str], server_connection: ServerConnection) -> Settings {
        let ports = crate::port::Ports::new(vec!["80".parse().unwrap(), "443".parse().unwrap()]).unwrap();
        let servers = hosts
            .iter()
            .map(|host| ReferenceServer { host: host.parse().unwrap(), ports: ports.clone() })
            .collect();
        Settings {
            reference_servers: ReferenceServerList::new(enabled, servers).unwrap(),
            location: LocationRules { server_connection, ..LocationRules::default() },
        }
    }

    fn decided(link: LinkState, held: Option<&Settings>) -> Option<(Location, Basis)> {
        match decide(link, held) {
            Decision::Decided(verdict) => Some((verdict.location, verdict.basis)),
            Decision::Probe(_) => None,
        }
    }

    #[test]
    fn the_whole_truth_table_of_the_rules() {
        use LinkState::{Connected, Lost};
        use ServerConnection::{MeansInternal, SaysNothing};
        let by_server = Some((Location::Internal, Basis::ManagementServer));
        let unknown = Some((Location::Unknown, Basis::NoAssignment));
        let disabled = Some((Location::External, Basis::ListDisabled));
        let probe = None;
        let full = |meaning| settings(true, &["a"], meaning);
        let off = |meaning| settings(false, &["a"], meaning);
        let empty = |meaning| settings(true, &[], meaning);
        for (link, held, expected) in [
            (Connected, None, by_server.clone()),
            (Lost, None, unknown),
            (Connected, Some(full(MeansInternal)), by_server.clone()),
            (Connected, Some(off(MeansInternal)), by_server.clone()),
            (Connected, Some(empty(MeansInternal)), by_server),
            (Connected, Some(full(SaysNothing)), probe.clone()),
            (Connected, Some(off(SaysNothing)), disabled.clone()),
            (Connected, Some(empty(SaysNothing)), disabled.clone()),
            (Lost, Some(full(MeansInternal)), probe.clone()),
            (Lost, Some(off(MeansInternal)), disabled.clone()),
            (Lost, Some(empty(MeansInternal)), disabled.clone()),
            (Lost, Some(full(SaysNothing)), probe),
            (Lost, Some(off(SaysNothing)), disabled.clone()),
            (Lost, Some(empty(SaysNothing)), disabled),
        ] {
            assert_eq!(decided(link, held.as_ref()), expected, "{link} {held:?}");
        }
    }

    #[test]
    fn the_first_in_list_order_that_answered_is_the_basis() {
        let settings = settings(true, &["a", "b"], ServerConnection::MeansInternal);
        let verdict = probed(&settings.reference_servers, |index| index == 3 || index == 1);
        assert_eq!(verdict.basis.to_string(), "reference server 1: a:443");
        let verdict = probed(&settings.reference_servers, |_| false);
        assert_eq!(verdict.location, Location::External);
        assert_eq!(verdict.basis, Basis::NoneReachable { n_attempts: 4 });
    }
}
