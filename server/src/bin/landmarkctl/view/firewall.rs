//! The firewall of a fleet as a document: what `--json` prints, and what `landmarkctl firewall export` writes to a file and
//! `import` reads.
//!
//! Reading from the wire is lenient as everywhere here. What is sent is made of the model ([`Exception::to_model`] and its
//! kin), so that nothing that was not understood goes back.

pub(crate) mod answers;
mod words;

use landmark_proto::convert::firewall::exception_to_wire;
use landmark_proto::convert::firewall::{
    firewall_from_wire, firewall_to_wire, policy_to_wire, profile_to_wire,
};
use landmark_proto::firewall as model;
use landmark_proto::firewall::{ItemName, PortSet, Remotes};
use landmark_proto::violation::{Findings, Path, Violations};
use landmark_proto::wire;
use serde::{Deserialize, Deserializer, Serialize};

pub(crate) use answers::{Hits, RuleHits, Which};
pub(crate) use words::{Action, Direction, Level, Mode, Place, Platform, Protocol};

/// All of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Firewall {
    pub(crate) policies: Vec<Policy>,
    /// In order: the first that matches a machine is its own.
    pub(crate) profiles: Vec<Profile>,
    pub(crate) template: Vec<Exception>,
}

/// What may pass. Absent: a word of a newer server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Policy {
    pub(crate) name: String,
    #[serde(default, deserialize_with = "said")]
    pub(crate) level: Option<Level>,
    #[serde(default = "enforce", deserialize_with = "said")]
    pub(crate) mode: Option<Mode>,
    /// In order: the first that matches decides.
    #[serde(default)]
    pub(crate) exceptions: Vec<Exception>,
}

/// What a policy says of some connections. Absent: a word of a newer server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exception {
    pub(crate) name: String,
    #[serde(default, deserialize_with = "said")]
    pub(crate) action: Option<Action>,
    #[serde(default = "both", deserialize_with = "said")]
    pub(crate) direction: Option<Direction>,
    #[serde(default, deserialize_with = "said")]
    pub(crate) protocol: Option<Protocol>,
    /// "53", "137-139"; none for all.
    #[serde(default)]
    pub(crate) ports: Vec<String>,
    /// None for all.
    #[serde(default)]
    pub(crate) remotes: Vec<String>,
}

/// Gives machines a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profile {
    pub(crate) name: String,
    #[serde(default = "yes")]
    pub(crate) enabled: bool,
    pub(crate) policy: String,
    #[serde(default)]
    pub(crate) conditions: Conditions,
}

/// Which machines; of a kind one is enough, none of a kind stands for all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Conditions {
    /// Absent in it: a word of a newer server.
    pub(crate) locations: Vec<Option<Place>>,
    pub(crate) addresses: Vec<String>,
    pub(crate) host_names: Vec<String>,
    /// Absent in it: a word of a newer server.
    pub(crate) platforms: Vec<Option<Platform>>,
    pub(crate) labels: Vec<String>,
}

/// A word that is there is one that is known: what a newer server said must not become the usual one.
fn said<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

#[expect(clippy::unnecessary_wraps, reason = "serde asks for the type of the field")]
fn enforce() -> Option<Mode> {
    Some(Mode::Enforce)
}

#[expect(clippy::unnecessary_wraps, reason = "serde asks for the type of the field")]
fn both() -> Option<Direction> {
    Some(Direction::Both)
}

fn yes() -> bool {
    true
}

/// A new server has one, and settings without one have it too.
impl Default for Firewall {
    fn default() -> Self {
        firewall_to_wire(&model::Firewall::default()).into()
    }
}

impl Firewall {
    pub(crate) fn policy(&self, name: &ItemName) -> Option<&Policy> {
        self.policies.iter().find(|policy| policy.name == name.as_str())
    }

    /// The names of the profiles that give machines this policy.
    pub(crate) fn users_of<'a>(&'a self, policy: &'a str) -> impl Iterator<Item = &'a str> {
        let of_policy = move |profile: &&Profile| profile.policy == policy;
        self.profiles.iter().filter(of_policy).map(|profile| profile.name.as_str())
    }

    /// What can be sent.
    pub(crate) fn to_model(&self, path: &Path) -> Result<model::Firewall, Violations> {
        let Self { policies, profiles, template } = self;
        let mut findings = Findings::default();
        let at = path.field("policies");
        let policies = policies.iter().enumerate();
        let policies = policies.map(|(index, policy)| findings.keep(policy.to_model(&at.index(index))));
        let policies: Option<Vec<_>> = policies.collect::<Vec<_>>().into_iter().collect();
        let at = path.field("profiles");
        let profiles = profiles.iter().enumerate();
        let profiles = profiles.map(|(index, profile)| findings.keep(profile.to_model(&at.index(index))));
        let profiles: Option<Vec<_>> = profiles.collect::<Vec<_>>().into_iter().collect();
        let template = findings.keep(exceptions_to_model(template, &path.field("template")));
        let parts = (|| Some((policies?, profiles?, template?)))();
        let Some((policies, profiles, template)) = parts else { return findings.finish(None) };
        // What only shows in the whole: names that are there twice, policies that are not.
        let whole = wire::Firewall {
            policies: policies.iter().map(policy_to_wire).collect(),
            profiles: profiles.iter().map(profile_to_wire).collect(),
            template: template.as_slice().iter().map(exception_to_wire).collect(),
        };
        firewall_from_wire(whole, path)
    }
}

impl Policy {
    fn to_model(&self, path: &Path) -> Result<model::Policy, Violations> {
        let Self { name, level, mode, exceptions } = self;
        let mut findings = Findings::default();
        let name = findings.keep_at(&path.field("name"), name.parse::<ItemName>());
        let level = findings.keep_at(
            &path.field("level"),
            level.ok_or("is missing, or a word of a newer server (low, medium or high)"),
        );
        let mode = findings.keep_at(
            &path.field("mode"),
            mode.ok_or("is missing, or a word of a newer server (enforce or observe)"),
        );
        let exceptions = findings.keep(exceptions_to_model(exceptions, &path.field("exceptions")));
        let policy = (|| {
            Some(model::Policy {
                name: name?,
                level: level?.to_model(),
                mode: mode?.to_model(),
                exceptions: exceptions?,
            })
        })();
        findings.finish(policy)
    }
}

fn exceptions_to_model(exceptions: &[Exception], path: &Path) -> Result<model::Exceptions, Violations> {
    let mut findings = Findings::default();
    let mut checked = Vec::with_capacity(exceptions.len());
    for (index, exception) in exceptions.iter().enumerate() {
        checked.extend(findings.keep(exception.to_model(&path.index(index))));
    }
    if !findings.is_empty() {
        return findings.finish(None);
    }
    model::Exceptions::new(checked).map_err(|error| {
        let at = match &error {
            model::InvalidExceptions::TooMany(_) => path.clone(),
            model::InvalidExceptions::Twice { index, .. } => path.index(*index).field("name"),
        };
        Violations::one(&at, error)
    })
}

impl Exception {
    /// What can be sent.
    pub(crate) fn to_model(&self, path: &Path) -> Result<model::Exception, Violations> {
        let Self { name, action, direction, protocol, ports, remotes } = self;
        let mut findings = Findings::default();
        let name = findings.keep_at(&path.field("name"), name.parse::<ItemName>());
        let action = findings.keep_at(
            &path.field("action"),
            action.ok_or("is missing, or a word of a newer server (allow or block)"),
        );
        let direction =
            direction.ok_or("is missing, or a word of a newer server (inbound, outbound or both)");
        let direction = findings.keep_at(&path.field("direction"), direction);
        let protocol = protocol
            .ok_or("is missing, or a word of a newer server (all, tcp, udp, tcp+udp, icmp or icmpv6)");
        let protocol = findings.keep_at(&path.field("protocol"), protocol);
        let at_ports = path.field("ports");
        let ports = if ports.is_empty() { Ok(PortSet::default()) } else { ports.join(",").parse() };
        let ports = findings.keep_at(&at_ports, ports);
        let traffic = protocol
            .zip(ports)
            .and_then(|(protocol, ports)| findings.keep_at(&at_ports, protocol.with(ports)));
        let remotes = findings.keep(remotes_to_model(remotes, &path.field("remotes")));
        let exception = (|| {
            Some(model::Exception {
                name: name?,
                action: action?.to_model(),
                direction: direction?.to_model(),
                traffic: traffic?,
                remotes: remotes?,
            })
        })();
        findings.finish(exception)
    }
}

fn remotes_to_model(remotes: &[String], path: &Path) -> Result<Remotes, Violations> {
    let mut findings = Findings::default();
    let mut checked = Vec::with_capacity(remotes.len());
    for (index, remote) in remotes.iter().enumerate() {
        checked.extend(findings.keep_at(&path.index(index), remote.parse()));
    }
    let remotes = findings.keep_at(path, Remotes::new(checked));
    findings.finish(remotes)
}

impl Profile {
    /// What can be sent.
    pub(crate) fn to_model(&self, path: &Path) -> Result<model::Profile, Violations> {
        let Self { name, enabled, policy, conditions } = self;
        let mut findings = Findings::default();
        let name = findings.keep_at(&path.field("name"), name.parse::<ItemName>());
        let policy = findings.keep_at(&path.field("policy"), policy.parse::<ItemName>());
        let conditions = findings.keep(conditions.to_model(&path.field("conditions")));
        let profile = (|| {
            Some(model::Profile {
                name: name?,
                is_enabled: *enabled,
                policy: policy?,
                conditions: conditions?,
            })
        })();
        findings.finish(profile)
    }
}

impl Conditions {
    fn to_model(&self, path: &Path) -> Result<model::Conditions, Violations> {
        let Self { locations, addresses, host_names, platforms, labels } = self;
        let mut findings = Findings::default();
        let at = path.field("locations");
        let places = each(locations, &at, |place| {
            place.map(Place::to_model).ok_or("is a word of a newer server (internal or external)")
        });
        let places = findings.keep(places);
        let at = path.field("platforms");
        let platforms = each(platforms, &at, |platform| {
            platform.map(Platform::to_model).ok_or("is a word of a newer server (linux, windows or macos)")
        });
        let platforms = findings.keep(platforms);
        let addresses = findings.keep(each(addresses, &path.field("addresses"), |text| text.parse()));
        let host_names = findings.keep(each(host_names, &path.field("host_names"), |text| text.parse()));
        let labels = findings.keep(each(labels, &path.field("labels"), |text| text.parse()));
        let conditions = (|| {
            Some(model::Conditions {
                places: places?,
                addresses: addresses?,
                host_names: host_names?,
                platforms: platforms?,
                labels: labels?,
            })
        })();
        findings.finish(conditions)
    }
}

/// Every entry once.
fn each<W, T: PartialEq, E: std::fmt::Display>(
    entries: &[W],
    path: &Path,
    read: impl Fn(&W) -> Result<T, E>,
) -> Result<Vec<T>, Violations> {
    let mut findings = Findings::default();
    let mut distinct: Vec<T> = Vec::with_capacity(entries.len());
    for (index, entry) in entries.iter().enumerate() {
        if let Some(entry) = findings.keep_at(&path.index(index), read(entry))
            && !distinct.contains(&entry)
        {
            distinct.push(entry);
        }
    }
    findings.finish(Some(distinct))
}

impl From<wire::Firewall> for Firewall {
    fn from(firewall: wire::Firewall) -> Self {
        let wire::Firewall { policies, profiles, template } = firewall;
        Self {
            policies: policies.into_iter().map(Policy::from).collect(),
            profiles: profiles.into_iter().map(Profile::from).collect(),
            template: template.into_iter().map(Exception::from).collect(),
        }
    }
}

impl From<wire::FirewallPolicy> for Policy {
    fn from(policy: wire::FirewallPolicy) -> Self {
        let wire::FirewallPolicy { name, level, mode, exceptions } = policy;
        Self {
            name,
            level: Level::read(level),
            mode: Mode::read(mode),
            exceptions: exceptions.into_iter().map(Exception::from).collect(),
        }
    }
}

impl From<wire::FirewallException> for Exception {
    fn from(exception: wire::FirewallException) -> Self {
        let wire::FirewallException { name, action, direction, protocol, ports, remotes } = exception;
        let range = |range: wire::PortRange| match range {
            wire::PortRange { first, last } if first == last => first.to_string(),
            wire::PortRange { first, last } => format!("{first}-{last}"),
        };
        Self {
            name,
            action: Action::read(action),
            direction: Direction::read(direction),
            protocol: Protocol::read(protocol),
            ports: ports.into_iter().map(range).collect(),
            remotes,
        }
    }
}

impl From<wire::FirewallProfile> for Profile {
    fn from(profile: wire::FirewallProfile) -> Self {
        let wire::FirewallProfile { name, enabled, policy, conditions } = profile;
        Self { name, enabled, policy, conditions: conditions.map(Conditions::from).unwrap_or_default() }
    }
}

impl From<wire::FirewallConditions> for Conditions {
    fn from(conditions: wire::FirewallConditions) -> Self {
        let wire::FirewallConditions { locations, addresses, host_names, platforms, labels } = conditions;
        Self {
            locations: locations.into_iter().map(Place::read).collect(),
            addresses,
            host_names,
            platforms: platforms.into_iter().map(Platform::read).collect(),
            labels,
        }
    }
}

#[cfg(test)]
mod tests;
