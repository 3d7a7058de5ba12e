//! Exceptions on the wire.

use crate::firewall::port_set::InvalidPortSet;
use crate::firewall::remote::InvalidRemote;
use crate::firewall::{Action, Direction, Exception, ItemName, PortRange, PortSet, Remote, Remotes, Traffic};
use crate::port::Port;
use crate::violation::{Findings, Path, Violations};
use crate::wire;

/// One exception.
pub fn exception_to_wire(exception: &Exception) -> wire::FirewallException {
    let Exception { name, action, direction, traffic, remotes } = exception;
    let protocol = match traffic {
        Traffic::All => wire::FirewallProtocol::All,
        Traffic::Tcp(_) => wire::FirewallProtocol::Tcp,
        Traffic::Udp(_) => wire::FirewallProtocol::Udp,
        Traffic::TcpUdp(_) => wire::FirewallProtocol::TcpUdp,
        Traffic::Icmp => wire::FirewallProtocol::Icmp,
        Traffic::Icmpv6 => wire::FirewallProtocol::Icmpv6,
    };
    let range = |range: &PortRange| wire::PortRange {
        first: range.first().get().into(),
        last: range.last().get().into(),
    };
    wire::FirewallException {
        name: name.to_string(),
        action: action_to_wire(*action).into(),
        direction: direction_to_wire(*direction).into(),
        protocol: protocol.into(),
        ports: traffic.ports().map(PortSet::ranges).unwrap_or_default().iter().map(range).collect(),
        remotes: remotes.as_slice().iter().map(Remote::to_string).collect(),
    }
}

/// Checks one exception.
///
/// # Errors
/// Every broken rule, with its path below `path`.
pub fn exception_from_wire(exception: wire::FirewallException, path: &Path) -> Result<Exception, Violations> {
    let wire::FirewallException { name, action, direction, protocol, ports, remotes } = exception;
    let mut findings = Findings::default();
    let name = findings.keep_at(&path.field("name"), name.parse::<ItemName>());
    let action = findings.keep(action_from_wire(action, &path.field("action")));
    let direction = findings.keep(direction_from_wire(direction, &path.field("direction")));
    let traffic = findings.keep(traffic_from_wire(protocol, &ports, path));
    let remotes = findings.keep(remotes_from_wire(&remotes, &path.field("remotes")));
    let exception = (|| {
        Some(Exception {
            name: name?,
            action: action?,
            direction: direction?,
            traffic: traffic?,
            remotes: remotes?,
        })
    })();
    findings.finish(exception)
}

/// What becomes of a connection.
pub fn action_to_wire(action: Action) -> wire::FirewallAction {
    match action {
        Action::Allow => wire::FirewallAction::Allow,
        Action::Block => wire::FirewallAction::Block,
    }
}

/// Checks what becomes of a connection.
///
/// # Errors
/// Absent, or a number that stands for nothing.
pub fn action_from_wire(number: i32, path: &Path) -> Result<Action, Violations> {
    match wire::FirewallAction::try_from(number) {
        Ok(wire::FirewallAction::Allow) => Ok(Action::Allow),
        Ok(wire::FirewallAction::Block) => Ok(Action::Block),
        Ok(wire::FirewallAction::Unspecified) => Err(Violations::one(path, "is missing (allow or block)")),
        Err(_) => Err(Violations::one(path, format!("{number} is not a firewall action"))),
    }
}

/// Which side began a connection.
pub fn direction_to_wire(direction: Direction) -> wire::FirewallDirection {
    match direction {
        Direction::Inbound => wire::FirewallDirection::Inbound,
        Direction::Outbound => wire::FirewallDirection::Outbound,
        Direction::Both => wire::FirewallDirection::Both,
    }
}

/// Checks which side began a connection.
///
/// # Errors
/// Absent, or a number that stands for nothing.
pub fn direction_from_wire(number: i32, path: &Path) -> Result<Direction, Violations> {
    match wire::FirewallDirection::try_from(number) {
        Ok(wire::FirewallDirection::Inbound) => Ok(Direction::Inbound),
        Ok(wire::FirewallDirection::Outbound) => Ok(Direction::Outbound),
        Ok(wire::FirewallDirection::Both) => Ok(Direction::Both),
        Ok(wire::FirewallDirection::Unspecified) => {
            Err(Violations::one(path, "is missing (inbound, outbound or both)"))
        }
        Err(_) => Err(Violations::one(path, format!("{number} is not a direction"))),
    }
}

fn traffic_from_wire(protocol: i32, ports: &[wire::PortRange], path: &Path) -> Result<Traffic, Violations> {
    let at_protocol = path.field("protocol");
    let at_ports = path.field("ports");
    let without_ports = |traffic: Traffic| {
        if ports.is_empty() {
            Ok(traffic)
        } else {
            let message =
                format!("{} has no ports; leave them out, or choose tcp, udp or tcp+udp", traffic.protocol());
            Err(Violations::one(&at_ports, message))
        }
    };
    match wire::FirewallProtocol::try_from(protocol) {
        Ok(wire::FirewallProtocol::All) => without_ports(Traffic::All),
        Ok(wire::FirewallProtocol::Icmp) => without_ports(Traffic::Icmp),
        Ok(wire::FirewallProtocol::Icmpv6) => without_ports(Traffic::Icmpv6),
        Ok(wire::FirewallProtocol::Tcp) => ports_from_wire(ports, &at_ports).map(Traffic::Tcp),
        Ok(wire::FirewallProtocol::Udp) => ports_from_wire(ports, &at_ports).map(Traffic::Udp),
        Ok(wire::FirewallProtocol::TcpUdp) => ports_from_wire(ports, &at_ports).map(Traffic::TcpUdp),
        Ok(wire::FirewallProtocol::Unspecified) => {
            Err(Violations::one(&at_protocol, "is missing (all, tcp, udp, tcp+udp, icmp or icmpv6)"))
        }
        Err(_) => Err(Violations::one(&at_protocol, format!("{protocol} is not a protocol"))),
    }
}

fn ports_from_wire(ports: &[wire::PortRange], path: &Path) -> Result<PortSet, Violations> {
    if ports.len() > PortSet::MAX {
        return Err(Violations::one(path, InvalidPortSet::TooMany(ports.len())));
    }
    let mut findings = Findings::default();
    let mut ranges = Vec::with_capacity(ports.len());
    for (index, wire::PortRange { first, last }) in ports.iter().enumerate() {
        let at = path.index(index);
        let first = findings.keep_at(&at.field("first"), Port::try_from(*first));
        let last = findings.keep_at(&at.field("last"), Port::try_from(*last));
        if let Some((first, last)) = first.zip(last) {
            ranges.extend(findings.keep_at(&at, PortRange::new(first, last)));
        }
    }
    let set = findings.keep_at(path, PortSet::new(ranges));
    findings.finish(set)
}

fn remotes_from_wire(remotes: &[String], path: &Path) -> Result<Remotes, Violations> {
    if remotes.len() > Remotes::MAX {
        return Err(Violations::one(path, InvalidRemote::TooMany));
    }
    let mut findings = Findings::default();
    let mut checked = Vec::with_capacity(remotes.len());
    for (index, remote) in remotes.iter().enumerate() {
        checked.extend(findings.keep_at(&path.index(index), remote.parse::<Remote>()));
    }
    let remotes = findings.keep_at(path, Remotes::new(checked));
    findings.finish(remotes)
}
