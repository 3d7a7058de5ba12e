//! Edits: what an administrator does to a draft. All of them or none.

mod firewall;
mod gateways;
mod servers;

use landmark_proto::gateway::{Gateway, GatewayList};
use landmark_proto::host::Host;
use landmark_proto::location_rules::{
    Confirmations, Criterion, LocationRules, MinimumDwell, RecheckInterval, RequiredSuccesses,
    ServerConnection, Tunnels,
};
use landmark_proto::port::{Port, Ports};
use landmark_proto::reference_server::{
    DEFAULT_MAX_SERVERS, InvalidList, MAX_SERVERS, Probe, ReferenceServer, ReferenceServerList,
};
use landmark_proto::settings::{EncodedSettings, MAX_SETTINGS_BYTES, Settings};
use landmark_proto::violation::{Findings, Path, Violations};
use thiserror::Error;

use self::servers::Servers;

pub use self::firewall::{ExceptionsOf, FirewallEdit};

/// One edit, already checked for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// A host that is on the list already gets the ports and the pins added to it; its place stays, and so does its
    /// probe kind where no pin is given.
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
        /// What shall count as an answer.
        new_probe: Option<Probe>,
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
    SetLocationRules(NewRules),
    /// Those that are on the list already stay where they are.
    AddGateways(Vec<Gateway>),
    /// An entry without a hardware address takes all of that address away.
    RemoveGateways(Vec<Gateway>),
    /// Puts another list in the place of the present one.
    ReplaceGateways(Vec<Gateway>),
    /// Changes the firewall.
    Firewall(FirewallEdit),
}

/// Rules to change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewRules {
    /// What a location shall depend on.
    pub criterion: Option<Criterion>,
    /// What being connected shall mean.
    pub server_connection: Option<ServerConnection>,
    /// How often to look again.
    pub recheck_interval: Option<RecheckInterval>,
    /// How many reference servers must answer.
    pub required_successes: Option<RequiredSuccesses>,
    /// What is beyond a tunnel.
    pub tunnels: Option<Tunnels>,
    /// Findings in a row that a change to internal needs.
    pub confirmations_to_internal: Option<Confirmations>,
    /// The same the other way.
    pub confirmations_to_external: Option<Confirmations>,
    /// How long a location stands at least.
    pub minimum_dwell: Option<MinimumDwell>,
}

impl NewRules {
    fn set(&self, rules: &mut LocationRules) {
        let Self {
            criterion,
            server_connection,
            recheck_interval,
            required_successes,
            tunnels,
            confirmations_to_internal,
            confirmations_to_external,
            minimum_dwell,
        } = *self;
        rules.criterion = criterion.unwrap_or(rules.criterion);
        rules.server_connection = server_connection.unwrap_or(rules.server_connection);
        rules.recheck_interval = recheck_interval.unwrap_or(rules.recheck_interval);
        rules.required_successes = required_successes.unwrap_or(rules.required_successes);
        rules.tunnels = tunnels.unwrap_or(rules.tunnels);
        let hysteresis = &mut rules.hysteresis;
        hysteresis.confirmations_to_internal =
            confirmations_to_internal.unwrap_or(hysteresis.confirmations_to_internal);
        hysteresis.confirmations_to_external =
            confirmations_to_external.unwrap_or(hysteresis.confirmations_to_external);
        hysteresis.minimum_dwell = minimum_dwell.unwrap_or(hysteresis.minimum_dwell);
    }
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
            Self::SetLocationRules(_) => "set_location_rules",
            Self::AddGateways(_) => "add_gateways",
            Self::RemoveGateways(_) => "remove_gateways",
            Self::ReplaceGateways(_) => "replace_gateways",
            Self::Firewall(edit) => edit.name(),
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
/// can still be shortened. All of it must fit in a push.
///
/// # Errors
/// Every edit that cannot be made, by its path (`edits[2].move_reference_server.host`); then none of them is made.
pub fn apply(settings: &Settings, edits: &[Edit], max_servers: MaxServers) -> Result<Settings, Violations> {
    let mut findings = Findings::default();
    let list = &settings.reference_servers;
    let mut draft = Draft {
        enabled: list.is_enabled(),
        servers: Servers { entries: list.servers().to_vec(), max: max_servers },
        location: settings.location.clone(),
        gateways: settings.gateways.clone(),
        firewall: settings.firewall.clone().into(),
    };
    for (index, edit) in edits.iter().enumerate() {
        let path = Path::root().field("edits").index(index).field(edit.name());
        findings.keep(draft.apply(edit, &path));
    }
    let path = Path::root().field("edits");
    let list = ReferenceServerList::new(draft.enabled, draft.servers.entries);
    let reference_servers = findings.keep_at(&path, list);
    let firewall = findings.keep(draft.firewall.finish(&path));
    let edited = findings.finish(reference_servers.zip(firewall).map(|(reference_servers, firewall)| {
        Settings { reference_servers, location: draft.location, gateways: draft.gateways, firewall }
    }))?;
    check_size(settings, &edited, &path)?;
    Ok(edited)
}

/// What is larger than a push could never be assigned, nor read again. Settings that were too large may become smaller.
fn check_size(before: &Settings, after: &Settings, path: &Path) -> Result<(), Violations> {
    let size = |settings: &Settings| EncodedSettings::encode(settings).bytes().len();
    let n_bytes = size(after);
    if n_bytes <= MAX_SETTINGS_BYTES || n_bytes <= size(before) {
        return Ok(());
    }
    let message = format!(
        "the settings would have {n_bytes} bytes, and agents take at most {MAX_SETTINGS_BYTES}: remove exceptions or \
         policies that are not needed, and write prefixes and ranges instead of single addresses"
    );
    Err(Violations::one(path, message))
}

/// Whether a place is one of a list, counted from 0.
fn check_position(position: usize, max: usize, path: &Path) -> Result<(), Violations> {
    if position > max {
        let message = format!("{position} is beyond the end of the list (0 to {max})");
        return Err(Violations::one(&path.field("position"), message));
    }
    Ok(())
}

/// Settings under edit. Every edit either makes its change whole or none of it.
struct Draft {
    enabled: bool,
    servers: Servers,
    location: LocationRules,
    gateways: GatewayList,
    firewall: firewall::Draft,
}

impl Draft {
    fn apply(&mut self, edit: &Edit, path: &Path) -> Result<(), Violations> {
        match edit {
            Edit::AddReferenceServer { server, position } => self.servers.add(server, *position, path),
            Edit::EditReferenceServer { host, new_host, new_ports, new_probe } => {
                let wish = servers::Wish {
                    host: new_host.as_ref(),
                    ports: new_ports.as_ref(),
                    probe: new_probe.as_ref(),
                };
                self.servers.edit(host, &wish, path)
            }
            Edit::MoveReferenceServer { host, position } => self.servers.move_to(host, *position, path),
            Edit::RemoveReferenceServers(removals) => self.servers.remove(removals, path),
            Edit::EnableReferenceServers(enabled) => {
                self.enabled = *enabled;
                Ok(())
            }
            Edit::ReplaceReferenceServers(servers) => self.servers.replace(servers, path),
            Edit::SetLocationRules(rules) => {
                rules.set(&mut self.location);
                Ok(())
            }
            Edit::AddGateways(more) => gateways::add(&mut self.gateways, more, path),
            Edit::RemoveGateways(gone) => gateways::remove(&mut self.gateways, gone, path),
            Edit::ReplaceGateways(others) => gateways::replace(&mut self.gateways, others, path),
            Edit::Firewall(edit) => self.firewall.apply(edit, path),
        }
    }
}

#[cfg(test)]
mod tests;
