//! Profiles: which machine gets which policy. The first profile that is enabled and matches is a machine's own.
//!
//! Of conditions of one kind one is enough; every kind that has any must match; a kind without any matches every machine.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use thiserror::Error;

use super::Firewall;
use super::name::ItemName;
use super::policy::Policy;
use super::remote::AddressRange;
use crate::location::Location;

/// Gives machines a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Unique in the fleet.
    pub name: ItemName,
    /// Whether it matches any machine at all.
    pub is_enabled: bool,
    /// The name of the policy.
    pub policy: ItemName,
    /// Which machines.
    pub conditions: Conditions,
}

/// Which machines a profile is for. At most [`Conditions::MAX`] of each kind, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// Inside or outside.
    pub places: Vec<Place>,
    /// Addresses of the machine.
    pub addresses: Vec<AddressRange>,
    /// Its host name.
    pub host_names: Vec<NamePattern>,
    /// Its operating system.
    pub platforms: Vec<Platform>,
    /// What its owner has labelled it with.
    pub labels: Vec<Label>,
}

impl Conditions {
    /// Of each kind, at most.
    pub const MAX: usize = 64;

    /// Whether every machine fulfils them.
    pub fn are_none(&self) -> bool {
        *self == Self::default()
    }
}

/// What a location means to a firewall: one that is not known yet is outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// Inside the company network.
    Internal,
    /// Anywhere else.
    External,
}

impl From<Location> for Place {
    fn from(location: Location) -> Self {
        match location {
            Location::Internal => Self::Internal,
            Location::External | Location::Unknown => Self::External,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Internal => "internal",
            Self::External => "external",
        })
    }
}

/// An operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Platform {
    /// Linux.
    Linux,
    /// Windows.
    Windows,
    /// macOS.
    Macos,
}

impl Platform {
    /// The one that this program was made for, if it is one of them.
    pub const fn here() -> Option<Self> {
        if cfg!(target_os = "linux") {
            Some(Self::Linux)
        } else if cfg!(target_os = "windows") {
            Some(Self::Windows)
        } else if cfg!(target_os = "macos") {
            Some(Self::Macos)
        } else {
            None
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Linux => "linux",
            Self::Windows => "windows",
            Self::Macos => "macos",
        })
    }
}

/// A pattern for host names: `*` stands for any characters, also none, `?` for exactly one; case does not matter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NamePattern(String);

impl NamePattern {
    /// Characters, at most: as many as a host name may have.
    pub const MAX_CHARS: usize = 255;

    /// Whether the name fits. Takes steps in proportion to both lengths.
    pub fn matches(&self, name: &str) -> bool {
        let pattern: Vec<char> = self.0.chars().collect();
        let name: Vec<char> = name.to_lowercase().chars().collect();
        let (mut at, mut here) = (0, 0);
        // Where to go on when what follows the last star does not fit: the star takes one character more.
        let mut star: Option<(usize, usize)> = None;
        while let Some(letter) = name.get(here) {
            match pattern.get(at) {
                Some('*') => {
                    star = Some((at, here));
                    at += 1;
                }
                Some(wanted) if *wanted == '?' || wanted == letter => {
                    at += 1;
                    here += 1;
                }
                Some(_) | None => match star {
                    Some((star_at, taken)) => {
                        star = Some((star_at, taken + 1));
                        at = star_at + 1;
                        here = taken + 1;
                    }
                    None => return false,
                },
            }
        }
        pattern.iter().skip(at).all(|rest| *rest == '*')
    }
}

impl FromStr for NamePattern {
    type Err = InvalidCondition;

    fn from_str(text: &str) -> Result<Self, InvalidCondition> {
        let text = text.trim();
        let is_fit = |c: char| c.is_alphanumeric() || matches!(c, '*' | '?' | '-' | '_' | '.');
        if text.is_empty() || text.chars().count() > Self::MAX_CHARS || !text.chars().all(is_fit) {
            return Err(InvalidCondition::Pattern(shown(text)));
        }
        Ok(Self(text.to_lowercase()))
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A label of a machine: `KEY=VALUE`, of letters, digits, `.`, `_`, `-` and `/`; case matters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Label {
    key: String,
    value: String,
}

impl Label {
    /// Characters of key and of value, at most (as in Kubernetes).
    pub const MAX_CHARS: usize = 63;
    /// Of one machine, at most.
    pub const MAX: usize = 64;

    /// What it tells of.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What it tells.
    pub fn value(&self) -> &str {
        &self.value
    }
}

impl FromStr for Label {
    type Err = InvalidCondition;

    fn from_str(text: &str) -> Result<Self, InvalidCondition> {
        let is_fit = |part: &str| {
            let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/');
            (1..=Self::MAX_CHARS).contains(&part.len()) && part.chars().all(is_letter)
        };
        match text.trim().split_once('=') {
            Some((key, value)) if is_fit(key) && is_fit(value) => {
                Ok(Self { key: key.to_owned(), value: value.to_owned() })
            }
            _ => Err(InvalidCondition::Label(shown(text))),
        }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}={}", self.key, self.value))
    }
}

/// Not a condition.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidCondition {
    /// Not a pattern.
    #[error(
        "\"{0}\" is not a pattern for host names (1 to 255 letters, digits, '-', '_' and '.'; * for any characters, ? for \
         one)"
    )]
    Pattern(String),
    /// Not a label.
    #[error("\"{0}\" is not a label (KEY=VALUE, each 1 to 63 letters, digits, '.', '_', '-' and '/')")]
    Label(String),
    /// More than [`Conditions::MAX`].
    #[error("{0} conditions of one kind are too many (at most {max})", max = Conditions::MAX)]
    TooMany(usize),
}

fn shown(text: &str) -> String {
    text.chars().take(80).collect::<String>().escape_debug().to_string()
}

/// What is known of a machine. `None` and empty: not known, so that no condition on it matches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Inside or outside.
    pub place: Option<Place>,
    /// All of its addresses.
    pub addresses: Vec<IpAddr>,
    /// As it calls itself.
    pub host_name: Option<String>,
    /// Its operating system.
    pub platform: Option<Platform>,
    /// Its owner's labels.
    pub labels: Vec<Label>,
}

/// Which profile is a machine's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Which<'a> {
    /// The first that matches, and its policy.
    pub found: Option<(&'a Profile, &'a Policy)>,
    /// Those before it, and why they do not match; all, if none matches.
    pub skipped: Vec<(&'a Profile, Vec<Mismatch>)>,
}

/// Why a profile does not match.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Mismatch {
    /// It matches no machine.
    #[error("it is not enabled")]
    Disabled,
    /// Of the location.
    #[error("it is for {wanted} machines, and this one is {}", is.map_or_else(|| "not said to be anywhere".to_owned(), |place| place.to_string()))]
    Place {
        /// What it is for.
        wanted: String,
        /// What the machine is.
        is: Option<Place>,
    },
    /// Of the addresses.
    #[error(
        "it is for the addresses {wanted}, and {}",
        has("this machine has", is, "no address of this machine is known")
    )]
    Address {
        /// What it is for.
        wanted: String,
        /// What the machine has.
        is: String,
    },
    /// Of the host name.
    #[error(
        "it is for host names like {wanted}, and {}",
        has("this machine is", is, "the host name is not known")
    )]
    HostName {
        /// What it is for.
        wanted: String,
        /// What the machine is called.
        is: String,
    },
    /// Of the platform.
    #[error("it is for {wanted}, and {}", has("this machine has", is, "the platform is not known"))]
    Platform {
        /// What it is for.
        wanted: String,
        /// What the machine has.
        is: String,
    },
    /// Of the labels.
    #[error("it is for machines labelled {wanted}, and {}", has("this one has", is, "this one has no label"))]
    Label {
        /// What it is for.
        wanted: String,
        /// What the machine has.
        is: String,
    },
}

fn has(words: &str, what: &str, nothing: &str) -> String {
    if what.is_empty() { nothing.to_owned() } else { format!("{words} {what}") }
}

/// Finds a machine's profile.
pub fn which<'a>(firewall: &'a Firewall, facts: &Facts) -> Which<'a> {
    let mut skipped = Vec::new();
    for profile in firewall.profiles() {
        let mismatches = mismatches(profile, facts);
        match firewall.policy(&profile.policy).filter(|_| mismatches.is_empty()) {
            Some(policy) => return Which { found: Some((profile, policy)), skipped },
            None => skipped.push((profile, mismatches)),
        }
    }
    Which { found: None, skipped }
}

/// Why a profile does not match a machine; empty if it does.
pub fn mismatches(profile: &Profile, facts: &Facts) -> Vec<Mismatch> {
    let Profile { name: _, is_enabled, policy: _, conditions } = profile;
    let Conditions { places, addresses, host_names, platforms, labels } = conditions;
    let mut found = Vec::new();
    if !is_enabled {
        found.push(Mismatch::Disabled);
    }
    if !places.is_empty() && !facts.place.is_some_and(|place| places.contains(&place)) {
        found.push(Mismatch::Place { wanted: list(places, " or "), is: facts.place });
    }
    let is_address = |range: &AddressRange| facts.addresses.iter().any(|address| range.contains(*address));
    if !addresses.is_empty() && !addresses.iter().any(is_address) {
        found.push(Mismatch::Address { wanted: list(addresses, ", "), is: list(&facts.addresses, ", ") });
    }
    // A machine may call itself with its domain or without it.
    let is_name = |pattern: &NamePattern| {
        facts.host_name.as_ref().is_some_and(|name| {
            let short = name.split('.').next().unwrap_or_default();
            pattern.matches(name) || pattern.matches(short)
        })
    };
    if !host_names.is_empty() && !host_names.iter().any(is_name) {
        let is = facts.host_name.clone().unwrap_or_default();
        found.push(Mismatch::HostName { wanted: list(host_names, " or "), is });
    }
    if !platforms.is_empty() && !facts.platform.is_some_and(|platform| platforms.contains(&platform)) {
        let is = facts.platform.map(|platform| platform.to_string()).unwrap_or_default();
        found.push(Mismatch::Platform { wanted: list(platforms, " or "), is });
    }
    if !labels.is_empty() && !labels.iter().any(|label| facts.labels.contains(label)) {
        found.push(Mismatch::Label { wanted: list(labels, " or "), is: list(&facts.labels, ", ") });
    }
    found
}

fn list<T: fmt::Display>(items: &[T], separator: &str) -> String {
    let words: Vec<String> = items.iter().map(ToString::to_string).collect();
    words.join(separator)
}
