//! The rules that turn a link state, the held settings and what was seen into a verdict.
//!
//! Both the agent, which decides, and the server, which checks an agent's evidence, use these functions; they know
//! neither time nor network.
//!
//! ```text
//! decide ─► decided
//!        ├► probe the list  ─► answers that count ─► probed   ─┐
//!        └► read the routes ─► routes that count  ─► by_gateway ┴► finding ─► hysteresis ─► verdict
//! ```

use std::net::IpAddr;

use crate::attempt::Outcome;
use crate::gateway::GatewayList;
use crate::host::Host;
use crate::location::{Basis, LinkState, Location, Verdict};
use crate::location_rules::{Criterion, ServerConnection, Tunnels};
use crate::network::{DefaultRoute, Interface};
use crate::port::Port;
use crate::reference_server::{ReferenceServerList, Target};
use crate::settings::Settings;

/// What the rules say before anything was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision<'a> {
    /// There is nothing to look at.
    Decided(Verdict),
    /// The list decides: see [`probed`].
    Probe(&'a ReferenceServerList),
    /// The default routes decide: see [`by_gateway`].
    ReadRoutes(&'a GatewayList),
}

/// Decides, or says what must be looked at.
///
/// The rules in their order. Without an assignment connected means internal, else the place is unknown. Criterion
/// gateway: the default routes. Criterion connection status: connected means internal (unless the settings deny it); an
/// enabled list that is not empty is probed; otherwise external.
pub fn decide(link: LinkState, held: Option<&Settings>) -> Decision<'_> {
    if let Some(Settings { gateways, location, .. }) = held
        && location.criterion == Criterion::Gateway
    {
        return Decision::ReadRoutes(gateways);
    }
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

/// Whether an attempt that ended so is an answer that counts. Where tunnels are ignored, the way out must be known to be
/// none: what cannot be told is not trusted.
pub fn counts(tunnels: Tunnels, outcome: Outcome, way_out: Option<&Interface>) -> bool {
    let may_count = match tunnels {
        Tunnels::Count => true,
        Tunnels::Ignore => way_out.is_some_and(|interface| !interface.is_tunnel),
    };
    outcome == Outcome::Answered && may_count
}

/// The verdict once the list was probed: `answered` tells of the target with this index (in the order of
/// [`ReferenceServerList::targets`]) whether it answered in a way that counts; `n_required` different servers must.
pub fn probed(list: &ReferenceServerList, n_required: usize, answered: impl Fn(usize) -> bool) -> Verdict {
    let mut first: Option<Target<'_>> = None;
    let mut last_position = None;
    let (mut n_answered, mut n_attempts) = (0, 0);
    for (index, target) in list.targets().enumerate() {
        n_attempts += 1;
        if last_position == Some(target.position) || !answered(index) {
            continue;
        }
        last_position = Some(target.position);
        n_answered += 1;
        let first = *first.get_or_insert(target);
        if n_answered >= n_required {
            return internal_by(first);
        }
    }
    let basis = match n_answered {
        0 => Basis::NoneReachable { n_attempts },
        _ => Basis::TooFewAnswered { n_answered, n_required, n_attempts },
    };
    Verdict { location: Location::External, basis }
}

/// Internal, because this target answered.
fn internal_by(Target { position, host, port, .. }: Target<'_>) -> Verdict {
    let (host, port): (Host, Port) = (host.clone(), port);
    Verdict { location: Location::Internal, basis: Basis::ReferenceServer { host, port, position } }
}

/// The verdict once the default routes were read: internal if a gateway of a preferred route is on the list.
///
/// Preferred are, of each family by itself, the routes with the lowest metric (several next hops may share it). Where
/// tunnels are ignored, routes through them are passed over.
pub fn by_gateway(gateways: &GatewayList, tunnels: Tunnels, routes: &[DefaultRoute]) -> Verdict {
    let counting = |route: &&DefaultRoute| tunnels == Tunnels::Count || !route.interface.is_tunnel;
    let lowest = |is_ipv6: bool| {
        let family = routes.iter().filter(counting).filter(move |route| route.is_ipv6 == is_ipv6);
        family.map(|route| route.metric).min()
    };
    let (lowest_v4, lowest_v6) = (lowest(false), lowest(true));
    let is_preferred = |route: &&DefaultRoute| {
        let lowest = if route.is_ipv6 { lowest_v6 } else { lowest_v4 };
        Some(route.metric) == lowest
    };
    let mut seen: Option<IpAddr> = None;
    for route in routes.iter().filter(counting).filter(is_preferred) {
        let Some(address) = route.gateway else { continue };
        seen.get_or_insert(address);
        if let Some(position) = gateways.find(address, route.mac) {
            let entry = gateways.as_slice().get(position);
            let mac = entry.and_then(|entry| entry.mac());
            let basis = Basis::Gateway { address: address.to_canonical(), mac, position };
            return Verdict { location: Location::Internal, basis };
        }
    }
    Verdict { location: Location::External, basis: Basis::NoGateway { seen } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::location_rules::LocationRules;
    use crate::network::MacAddress;
    use crate::reference_server::{Probe, ReferenceServer};

    fn settings(enabled: bool, hosts: &[&str], server_connection: ServerConnection) -> Settings {
        let ports = crate::port::Ports::new(vec!["80".parse().unwrap(), "443".parse().unwrap()]).unwrap();
        let servers = hosts
            .iter()
            .map(|host| ReferenceServer {
                host: host.parse().unwrap(),
                ports: ports.clone(),
                probe: Probe::Tcp,
            })
            .collect();
        Settings {
            reference_servers: ReferenceServerList::new(enabled, servers).unwrap(),
            location: LocationRules { server_connection, ..LocationRules::default() },
            ..Settings::default()
        }
    }

    fn decided(link: LinkState, held: Option<&Settings>) -> Option<(Location, Basis)> {
        match decide(link, held) {
            Decision::Decided(verdict) => Some((verdict.location, verdict.basis)),
            Decision::Probe(_) | Decision::ReadRoutes(_) => None,
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
        let verdict = probed(&settings.reference_servers, 1, |index| index == 3 || index == 1);
        assert_eq!(verdict.basis.to_string(), "reference server 1: a:443");
        let verdict = probed(&settings.reference_servers, 1, |_| false);
        assert_eq!(verdict.location, Location::External);
        assert_eq!(verdict.basis, Basis::NoneReachable { n_attempts: 4 });
    }

    #[test]
    fn several_required_answers_are_of_different_servers() {
        let settings = settings(true, &["a", "b", "c"], ServerConnection::MeansInternal);
        let verdict = |n_required, answered: &[usize]| {
            probed(&settings.reference_servers, n_required, |index| answered.contains(&index))
        };
        let both_ports_of_one = verdict(2, &[0, 1]);
        assert_eq!(both_ports_of_one.location, Location::External);
        let basis = Basis::TooFewAnswered { n_answered: 1, n_required: 2, n_attempts: 6 };
        assert_eq!(both_ports_of_one.basis, basis);
        let two = verdict(2, &[1, 4]);
        assert_eq!(two.basis.to_string(), "reference server 1: a:443");
        assert_eq!(verdict(4, &[0, 2, 4]).location, Location::External, "more than there are");
    }

    #[test]
    fn what_came_through_a_tunnel_or_nobody_knows_how_does_not_count_where_tunnels_are_ignored() {
        let interface = |is_tunnel| Interface { name: "x".into(), kind: "tun".into(), is_tunnel };
        let (wire, tunnel) = (interface(false), interface(true));
        for (tunnels, outcome, way_out, expected) in [
            (Tunnels::Count, Outcome::Answered, None, true),
            (Tunnels::Count, Outcome::Answered, Some(&tunnel), true),
            (Tunnels::Count, Outcome::PinMismatch, Some(&wire), false),
            (Tunnels::Ignore, Outcome::Answered, Some(&wire), true),
            (Tunnels::Ignore, Outcome::Answered, Some(&tunnel), false),
            (Tunnels::Ignore, Outcome::Answered, None, false),
            (Tunnels::Ignore, Outcome::Refused, Some(&wire), false),
        ] {
            assert_eq!(counts(tunnels, outcome, way_out), expected, "{tunnels} {outcome} {way_out:?}");
        }
    }

    fn route(gateway: Option<&str>, mac: Option<u8>, metric: u32, is_tunnel: bool) -> DefaultRoute {
        let gateway: Option<IpAddr> = gateway.map(|it| it.parse().unwrap());
        DefaultRoute {
            gateway,
            mac: mac.map(|last| MacAddress::new([0, 0, 0, 0, 0, last])),
            interface: Interface { name: "x".into(), kind: String::new(), is_tunnel },
            metric,
            is_ipv6: gateway.is_some_and(|it| it.is_ipv6()),
        }
    }

    #[test]
    fn the_gateways_of_the_preferred_routes_decide() {
        use crate::gateway::Gateway;
        let mac = |last| Some(MacAddress::new([0, 0, 0, 0, 0, last]));
        let gateway = |address: &str, mac| Gateway::new(address.parse().unwrap(), mac).unwrap();
        let entries =
            vec![gateway("10.0.0.1", None), gateway("192.168.1.1", mac(1)), gateway("fe80::1", mac(1))];
        let list = GatewayList::new(entries).unwrap();
        let office = |metric| route(Some("10.0.0.1"), None, metric, false);
        let cafe = |metric| route(Some("10.9.9.9"), None, metric, false);
        let vpn = |metric| route(None, None, metric, true);
        let v6 = |mac, metric| route(Some("fe80::1"), mac, metric, false);
        use Location::{External, Internal};
        use Tunnels::{Count, Ignore};
        for (tunnels, routes, expected) in [
            (Count, vec![], External),
            (Count, vec![office(100)], Internal),
            (Count, vec![office(600), cafe(100)], External),
            (Count, vec![cafe(600), office(100)], Internal),
            (Count, vec![cafe(100), office(100)], Internal),
            (Count, vec![route(Some("192.168.1.1"), Some(1), 0, false)], Internal),
            (Count, vec![route(Some("192.168.1.1"), Some(2), 0, false)], External),
            (Count, vec![route(Some("192.168.1.1"), None, 0, false)], External),
            (Count, vec![cafe(100), v6(Some(1), 1024)], Internal),
            (Count, vec![office(100), v6(Some(2), 0)], Internal),
            (Count, vec![cafe(100), v6(Some(2), 0)], External),
            (Count, vec![vpn(50), office(100)], External),
            (Ignore, vec![vpn(50), office(100)], Internal),
            (Ignore, vec![route(Some("10.0.0.1"), None, 50, true), cafe(100)], External),
        ] {
            let verdict = by_gateway(&list, tunnels, &routes);
            assert_eq!(verdict.location, expected, "{tunnels} {routes:?} {verdict:?}");
        }
        let seen = by_gateway(&list, Count, &[cafe(1)]).basis;
        assert_eq!(seen.to_string(), "gateway 10.9.9.9 is not on the list");
    }

    #[test]
    fn under_the_criterion_gateway_the_link_says_nothing() {
        let mut settings = settings(true, &["a"], ServerConnection::MeansInternal);
        settings.location.criterion = Criterion::Gateway;
        for link in [LinkState::Connected, LinkState::Lost] {
            assert_eq!(decide(link, Some(&settings)), Decision::ReadRoutes(&settings.gateways));
        }
    }
}
