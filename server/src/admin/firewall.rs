//! Calls about the firewall: which profile a machine gets, and why not the ones before.

use std::net::IpAddr;

use landmark_proto::convert::firewall::{
    labels_from_wire, place_from_wire, place_to_wire, platform_from_wire, platform_to_wire, policy_to_wire,
    profile_to_wire,
};
use landmark_proto::firewall::Profile;
use landmark_proto::firewall::profile::{Conditions, Facts, Mismatch, Place, Which, which};
use landmark_proto::location::Location;
use landmark_proto::message::HostFacts;
use landmark_proto::revision::Revision;
use landmark_proto::settings::Settings;
use landmark_proto::violation::{Findings, Path, Violations};
use landmark_proto::wire;

use super::assignments;
use super::error::AdminError;
use crate::fleet::{Agent, Fleet};
use crate::store::Store;

#[derive(Debug)]
pub(super) struct Firewall {
    pub(super) store: Store,
    pub(super) fleet: Fleet,
}

impl Firewall {
    /// Which profile a machine gets by the draft, or by an assignment.
    pub(super) async fn which(
        &self,
        request: wire::WhichFirewallProfileRequest,
    ) -> Result<wire::WhichFirewallProfileResponse, AdminError> {
        let wire::WhichFirewallProfileRequest {
            revision,
            location,
            host_name,
            addresses,
            platform,
            labels,
            agent,
        } = request;
        let given = Given { location, host_name, addresses, platform, labels };
        let mut facts = given.checked()?;
        if !agent.is_empty() {
            let view = self.fleet.registry().find(&agent)?;
            complete(&mut facts, &view.agent);
        }
        let (revision, settings) = self.settings(revision).await?;
        Ok(which_to_wire(revision, &which(&settings.firewall, &facts), &facts))
    }

    /// Of the draft, if no revision is given; 0 is the present one.
    async fn settings(&self, revision: Option<u64>) -> Result<(Option<Revision>, Settings), AdminError> {
        let Some(revision) = revision else { return Ok((None, self.store.draft().await?.settings)) };
        let stored = assignments::find(&self.store, Revision::new(revision)).await?;
        Ok((Some(stored.held().revision), stored.settings().clone()))
    }
}

/// What a request says of a machine.
struct Given {
    location: i32,
    host_name: String,
    addresses: Vec<String>,
    platform: i32,
    labels: Vec<String>,
}

impl Given {
    fn checked(self) -> Result<Facts, Violations> {
        let Self { location, host_name, addresses, platform, labels } = self;
        let path = Path::root();
        let mut findings = Findings::default();
        let place = findings.keep(place_from_wire(location, &path.field("location")));
        let host_name = findings.keep(host_name_from_wire(&host_name, &path.field("host_name")));
        let addresses = findings.keep(addresses_from_wire(&addresses, &path.field("addresses")));
        let platform = findings.keep(platform_from_wire(platform, &path.field("platform")));
        let labels = findings.keep(labels_from_wire(&labels, &path.field("labels")));
        let facts = (|| {
            Some(Facts {
                place: place?,
                addresses: addresses?,
                host_name: host_name?,
                platform: platform?,
                labels: labels?,
            })
        })();
        findings.finish(facts)
    }
}

/// Anything that a machine may call itself; `None` for nothing.
fn host_name_from_wire(host_name: &str, path: &Path) -> Result<Option<String>, Violations> {
    let host_name = host_name.trim();
    if host_name.chars().any(char::is_control) {
        return Err(Violations::one(path, "has control characters"));
    }
    let n_chars = host_name.chars().count();
    if n_chars > HostFacts::MAX_TEXT {
        let message = format!("{n_chars} characters are too many (at most {})", HostFacts::MAX_TEXT);
        return Err(Violations::one(path, message));
    }
    Ok((!host_name.is_empty()).then(|| host_name.to_owned()))
}

fn addresses_from_wire(addresses: &[String], path: &Path) -> Result<Vec<IpAddr>, Violations> {
    if addresses.len() > Conditions::MAX {
        let message =
            format!("{} addresses of a machine are too many (at most {})", addresses.len(), Conditions::MAX);
        return Err(Violations::one(path, message));
    }
    let mut findings = Findings::default();
    let mut checked = Vec::with_capacity(addresses.len());
    for (index, address) in addresses.iter().enumerate() {
        let parsed = address.trim().parse::<IpAddr>().map_err(|_| {
            let shown: String = address.chars().take(80).collect();
            format!("{shown:?} is not an IPv4 or IPv6 address")
        });
        checked.extend(findings.keep_at(&path.index(index), parsed));
    }
    findings.finish(Some(checked))
}

/// Adds what the agent says where nothing was given. Where it is it decides itself; what it has not told yet, it takes for
/// outside as well.
fn complete(facts: &mut Facts, agent: &Agent) {
    let HostFacts { host_name, platform, labels, .. } = &agent.facts;
    let location = agent.location.as_ref().map_or(Location::Unknown, |it| it.report.verdict.location);
    facts.place.get_or_insert(Place::from(location));
    if facts.host_name.is_none() && !host_name.is_empty() {
        facts.host_name = Some(host_name.clone());
    }
    facts.platform = facts.platform.or(*platform);
    if facts.labels.is_empty() {
        facts.labels.clone_from(labels);
    }
}

fn which_to_wire(
    revision: Option<Revision>,
    which: &Which<'_>,
    facts: &Facts,
) -> wire::WhichFirewallProfileResponse {
    let Facts { place, addresses, host_name, platform, labels } = facts;
    wire::WhichFirewallProfileResponse {
        revision: revision.map_or(0, Revision::get),
        profile: which.found.map(|(profile, _)| profile_to_wire(profile)),
        policy: which.found.map(|(_, policy)| policy_to_wire(policy)),
        skipped: which.skipped.iter().map(skipped_to_wire).collect(),
        location: place_to_wire(*place).into(),
        host_name: host_name.clone().unwrap_or_default(),
        addresses: addresses.iter().map(ToString::to_string).collect(),
        platform: platform_to_wire(*platform).into(),
        labels: labels.iter().map(ToString::to_string).collect(),
    }
}

fn skipped_to_wire((profile, mismatches): &(&Profile, Vec<Mismatch>)) -> wire::FirewallProfileSkipped {
    wire::FirewallProfileSkipped {
        name: profile.name.to_string(),
        reasons: mismatches.iter().map(ToString::to_string).collect(),
    }
}
