//! Edits: what an administrator does to a draft. All of them or none.

use landmark_proto::gateway::GatewayList;
use landmark_proto::host::Host;
use landmark_proto::location_rules::{LocationRules, RecheckInterval, ServerConnection};
use landmark_proto::port::{InvalidPorts, Port, Ports};
use landmark_proto::reference_server::{
    DEFAULT_MAX_SERVERS, InvalidList, MAX_SERVERS, ReferenceServer, ReferenceServerList,
};
use landmark_proto::settings::Settings;
use landmark_proto::violation::{Findings, Path, Violations};
use thiserror::Error;

/// One edit, already checked for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// A host that is on the list already gets the ports added to it; its place stays.
    AddReferenceServer {
        /// What to add.
        server: ReferenceServer,
        /// Place of a new entry, from 0; at the end if there is none.
        position: Option<usize>,
    },
    /// Changes an entry where it stands.
    EditReferenceServer {
        /// The entry.
        host: Host,
        /// What it shall be called.
        new_host: Option<Host>,
        /// The ports it shall have.
        new_ports: Option<Ports>,
    },
    /// Puts an entry somewhere else.
    MoveReferenceServer {
        /// The entry.
        host: Host,
        /// From 0, counted after the entry was taken out.
        position: usize,
    },
    /// Takes entries away, or some of their ports.
    RemoveReferenceServers(Vec<Removal>),
    /// Switches the use of the list on or off; its entries stay.
    EnableReferenceServers(bool),
    /// Puts another list in the place of the present one.
    ReplaceReferenceServers(Vec<ReferenceServer>),
    /// What is not given stays as it is.
    SetLocationRules {
        /// What being connected means.
        server_connection: Option<ServerConnection>,
        /// How often to look again while the link is lost.
        recheck_interval: Option<RecheckInterval>,
    },
}

impl Edit {
    /// As its field is called on the wire, and so in paths.
    pub fn name(&self) -> &'static str {
        match self {
            Self::AddReferenceServer { .. } => "add_reference_server",
            Self::EditReferenceServer { .. } => "edit_reference_server",
            Self::MoveReferenceServer { .. } => "move_reference_server",
            Self::RemoveReferenceServers(_) => "remove_reference_servers",
            Self::EnableReferenceServers(_) => "enable_reference_servers",
            Self::ReplaceReferenceServers(_) => "replace_reference_servers",
            Self::SetLocationRules { .. } => "set_location_rules",
        }
    }
}

/// An entry to take away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// The entry.
    pub host: Host,
    /// Only these ports; the whole entry if there are none. The last port takes the entry with it.
    pub ports: Vec<Port>,
}

/// How long a list may become: [`DEFAULT_MAX_SERVERS`] to [`MAX_SERVERS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxServers(usize);

impl MaxServers {
    /// Checks the range.
    ///
    /// # Errors
    /// Out of range.
    pub fn new(max: usize) -> Result<Self, InvalidMaxServers> {
        if (DEFAULT_MAX_SERVERS..=MAX_SERVERS).contains(&max) {
            Ok(Self(max))
        } else {
            Err(InvalidMaxServers(max))
        }
    }

    /// The number.
    pub fn get(self) -> usize {
        self.0
    }

    fn check(self, n_servers: usize) -> Result<(), InvalidList> {
        if n_servers > self.0 { Err(InvalidList::TooMany { n_servers, max: self.0 }) } else { Ok(()) }
    }
}

impl Default for MaxServers {
    fn default() -> Self {
        Self(DEFAULT_MAX_SERVERS)
    }
}

/// Out of range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{0} is out of range ({DEFAULT_MAX_SERVERS} to {MAX_SERVERS} reference servers)")]
pub struct InvalidMaxServers(usize);

/// Applies the edits in their order, each to what the ones before it made.
///
/// Only an edit that makes the list longer is refused for its length, so that a list from before the limit was lowered
/// can still be shortened.
///
/// # Errors
/// Every edit that cannot be made, by its path (`edits[2].move_reference_server.host`); then none of them is made.
pub fn apply(settings: &Settings, edits: &[Edit], max_servers: MaxServers) -> Result<Settings, Violations> {
    let mut findings = Findings::default();
    let list = &settings.reference_servers;
    let mut draft = Draft {
        enabled: list.is_enabled(),
        servers: list.servers().to_vec(),
        location: settings.location.clone(),
        gateways: settings.gateways.clone(),
        max_servers,
    };
    for (index, edit) in edits.iter().enumerate() {
        let path = Path::root().field("edits").index(index).field(edit.name());
        findings.keep(draft.apply(edit, &path));
    }
    let list = ReferenceServerList::new(draft.enabled, draft.servers);
    let reference_servers = findings.keep_at(&Path::root().field("edits"), list);
    findings.finish(reference_servers.map(|reference_servers| Settings {
        reference_servers,
        location: draft.location,
        gateways: draft.gateways,
    }))
}

/// Settings under edit. Every method either makes its change whole or none of it.
struct Draft {
    enabled: bool,
    servers: Vec<ReferenceServer>,
    location: LocationRules,
    gateways: GatewayList,
    max_servers: MaxServers,
}

impl Draft {
    fn apply(&mut self, edit: &Edit, path: &Path) -> Result<(), Violations> {
        match edit {
            Edit::AddReferenceServer { server, position } => self.add(server, *position, path),
            Edit::EditReferenceServer { host, new_host, new_ports } => {
                self.edit(host, new_host.as_ref(), new_ports.as_ref(), path)
            }
            Edit::MoveReferenceServer { host, position } => self.move_to(host, *position, path),
            Edit::RemoveReferenceServers(removals) => self.remove(removals, path),
            Edit::EnableReferenceServers(enabled) => {
                self.enabled = *enabled;
                Ok(())
            }
            Edit::ReplaceReferenceServers(servers) => self.replace(servers, path),
            Edit::SetLocationRules { server_connection, recheck_interval } => {
                let rules = &mut self.location;
                rules.server_connection = server_connection.unwrap_or(rules.server_connection);
                rules.recheck_interval = recheck_interval.unwrap_or(rules.recheck_interval);
                Ok(())
            }
        }
    }

    fn add(
        &mut self,
        server: &ReferenceServer,
        position: Option<usize>,
        path: &Path,
    ) -> Result<(), Violations> {
        if let Some(present) = self.servers.iter_mut().find(|present| present.host == server.host) {
            let ports = present.ports.with(&server.ports);
            present.ports = ports.map_err(|error| ports_violation(&path.field("ports"), &error))?;
            return Ok(());
        }
        let n_servers = self.servers.len();
        self.max_servers.check(n_servers + 1).map_err(|error| Violations::one(path, error))?;
        let position = position.unwrap_or(n_servers);
        check_position(position, n_servers, path)?;
        self.servers.insert(position, server.clone());
        Ok(())
    }

    fn edit(
        &mut self,
        host: &Host,
        new_host: Option<&Host>,
        new_ports: Option<&Ports>,
        path: &Path,
    ) -> Result<(), Violations> {
        let position = self.position(host, &path.field("host"))?;
        if let Some(new_host) = new_host
            && new_host != host
            && self.servers.iter().any(|other| other.host == *new_host)
        {
            let message = format!("{new_host} is on the list already; add the ports to that entry");
            return Err(Violations::one(&path.field("new_host"), message));
        }
        if let Some(server) = self.servers.get_mut(position) {
            server.host = new_host.unwrap_or(host).clone();
            server.ports = new_ports.unwrap_or(&server.ports).clone();
        }
        Ok(())
    }

    fn move_to(&mut self, host: &Host, to: usize, path: &Path) -> Result<(), Violations> {
        let from = self.position(host, &path.field("host"))?;
        check_position(to, self.servers.len() - 1, path)?;
        let server = self.servers.remove(from);
        self.servers.insert(to, server);
        Ok(())
    }

    fn remove(&mut self, removals: &[Removal], path: &Path) -> Result<(), Violations> {
        let mut findings = Findings::default();
        let mut servers = self.servers.clone();
        for (index, removal) in removals.iter().enumerate() {
            findings.keep(remove_one(&mut servers, removal, &path.field("servers").index(index)));
        }
        self.servers = findings.finish(Some(servers))?;
        Ok(())
    }

    fn replace(&mut self, servers: &[ReferenceServer], path: &Path) -> Result<(), Violations> {
        let path = path.field("servers");
        self.max_servers.check(servers.len()).map_err(|error| Violations::one(&path, error))?;
        let list = ReferenceServerList::new(self.enabled, servers.to_vec()).map_err(|error| {
            let path = match &error {
                InvalidList::TooMany { .. } => path,
                InvalidList::Twice { index, .. } => path.index(*index).field("host"),
            };
            Violations::one(&path, error)
        })?;
        self.servers = list.servers().to_vec();
        Ok(())
    }

    fn position(&self, host: &Host, path: &Path) -> Result<usize, Violations> {
        self.servers
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

fn check_position(position: usize, max: usize, path: &Path) -> Result<(), Violations> {
    if position > max {
        let message = format!("{position} is beyond the end of the list (0 to {max})");
        return Err(Violations::one(&path.field("position"), message));
    }
    Ok(())
}

fn ports_violation(path: &Path, error: &InvalidPorts) -> Violations {
    match error {
        InvalidPorts::Twice { index, .. } => Violations::one(&path.index(*index), error),
        InvalidPorts::None | InvalidPorts::TooMany(_) => Violations::one(path, error),
    }
}

#[cfg(test)]
mod tests;
