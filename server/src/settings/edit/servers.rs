//! Edits of the reference server list.

use landmark_proto::host::Host;
use landmark_proto::port::{InvalidPorts, Port, Ports};
use landmark_proto::reference_server::{InvalidList, Probe, ReferenceServer, ReferenceServerList};
use landmark_proto::violation::{Findings, Path, Violations};

use super::{MaxServers, Removal, check_position};

/// The list under edit, and how long it may become.
pub(super) struct Servers {
    pub(super) entries: Vec<ReferenceServer>,
    pub(super) max: MaxServers,
}

/// What shall become of an entry; what is not given stays.
pub(super) struct Wish<'a> {
    pub(super) host: Option<&'a Host>,
    pub(super) ports: Option<&'a Ports>,
    pub(super) probe: Option<&'a Probe>,
}

impl Servers {
    pub(super) fn add(
        &mut self,
        server: &ReferenceServer,
        position: Option<usize>,
        path: &Path,
    ) -> Result<(), Violations> {
        if let Some(present) = self.entries.iter_mut().find(|present| present.host == server.host) {
            return extend(present, server, path);
        }
        let n_servers = self.entries.len();
        self.max.check(n_servers + 1).map_err(|error| Violations::one(path, error))?;
        let position = position.unwrap_or(n_servers);
        check_position(position, n_servers, path)?;
        self.entries.insert(position, server.clone());
        Ok(())
    }

    pub(super) fn edit(&mut self, host: &Host, wish: &Wish<'_>, path: &Path) -> Result<(), Violations> {
        let position = self.position(host, &path.field("host"))?;
        if let Some(new_host) = wish.host
            && new_host != host
            && self.entries.iter().any(|other| other.host == *new_host)
        {
            let message = format!("{new_host} is on the list already; add the ports to that entry");
            return Err(Violations::one(&path.field("new_host"), message));
        }
        if let Some(server) = self.entries.get_mut(position) {
            server.host = wish.host.unwrap_or(host).clone();
            server.ports = wish.ports.unwrap_or(&server.ports).clone();
            server.probe = wish.probe.unwrap_or(&server.probe).clone();
        }
        Ok(())
    }

    pub(super) fn move_to(&mut self, host: &Host, to: usize, path: &Path) -> Result<(), Violations> {
        let from = self.position(host, &path.field("host"))?;
        check_position(to, self.entries.len() - 1, path)?;
        let server = self.entries.remove(from);
        self.entries.insert(to, server);
        Ok(())
    }

    pub(super) fn remove(&mut self, removals: &[Removal], path: &Path) -> Result<(), Violations> {
        let mut findings = Findings::default();
        let mut servers = self.entries.clone();
        for (index, removal) in removals.iter().enumerate() {
            findings.keep(remove_one(&mut servers, removal, &path.field("servers").index(index)));
        }
        self.entries = findings.finish(Some(servers))?;
        Ok(())
    }

    pub(super) fn replace(&mut self, servers: &[ReferenceServer], path: &Path) -> Result<(), Violations> {
        let path = path.field("servers");
        self.max.check(servers.len()).map_err(|error| Violations::one(&path, error))?;
        let list = ReferenceServerList::new(true, servers.to_vec()).map_err(|error| {
            let path = match &error {
                InvalidList::TooMany { .. } => path,
                InvalidList::Twice { index, .. } => path.index(*index).field("host"),
            };
            Violations::one(&path, error)
        })?;
        self.entries = list.servers().to_vec();
        Ok(())
    }

    fn position(&self, host: &Host, path: &Path) -> Result<usize, Violations> {
        self.entries
            .iter()
            .position(|server| server.host == *host)
            .ok_or_else(|| Violations::one(path, format!("{host} is not on the list")))
    }
}

fn remove_one(servers: &mut Vec<ReferenceServer>, removal: &Removal, path: &Path) -> Result<(), Violations> {
    let Removal { host, ports } = removal;
    let Some(position) = servers.iter().position(|server| server.host == *host) else {
        return Err(Violations::one(&path.field("host"), format!("{host} is not on the list")));
    };
    let Some(server) = servers.get_mut(position) else { return Ok(()) };
    let mut findings = Findings::default();
    for (index, port) in ports.iter().enumerate() {
        if !server.ports.as_slice().contains(port) {
            let message = format!("{host} does not have port {port} (it has {})", server.ports);
            findings.push(&path.field("ports").index(index), message);
        }
    }
    findings.finish(Some(()))?;
    let left: Vec<Port> =
        server.ports.as_slice().iter().copied().filter(|port| !ports.contains(port)).collect();
    match Ports::new(left) {
        Ok(left) if !ports.is_empty() => server.ports = left,
        // Named without ports, or none is left.
        _ => {
            servers.remove(position);
        }
    }
    Ok(())
}

/// Ports and pins that are not there yet; all of them or none.
fn extend(present: &mut ReferenceServer, more: &ReferenceServer, path: &Path) -> Result<(), Violations> {
    let mut findings = Findings::default();
    let ports = present.ports.with(&more.ports);
    let ports = findings.keep(ports.map_err(|error| ports_violation(&path.field("ports"), &error)));
    let probe = match (&present.probe, &more.probe) {
        (present, Probe::Tcp) => Ok(present.clone()),
        (Probe::Tcp, Probe::Tls(pins)) => Ok(Probe::Tls(pins.clone())),
        (Probe::Tls(pins), Probe::Tls(more)) => pins.with(more).map(Probe::Tls),
    };
    let probe = findings.keep_at(&path.field("tls").field("pins"), probe);
    (present.ports, present.probe) = findings.finish(ports.zip(probe))?;
    Ok(())
}

fn ports_violation(path: &Path, error: &InvalidPorts) -> Violations {
    match error {
        InvalidPorts::Twice { index, .. } => Violations::one(&path.index(*index), error),
        InvalidPorts::None | InvalidPorts::TooMany(_) => Violations::one(path, error),
    }
}
