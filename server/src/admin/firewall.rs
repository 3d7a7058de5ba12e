//! Calls about the firewall: which profile a machine gets, and why not the ones before; what the firewalls of the fleet
//! have counted.

use std::net::IpAddr;

use landmark_proto::convert::firewall::{
    action_to_wire, direction_to_wire, labels_from_wire, place_from_wire, place_to_wire, platform_from_wire,
    platform_to_wire, policy_to_wire, profile_to_wire,
};
use landmark_proto::convert::time::timestamp_to_wire;
use landmark_proto::firewall::profile::{Conditions, Facts, Mismatch, Place, Which, which};
use landmark_proto::firewall::{ItemName, Profile};
use landmark_proto::location::Location;
use landmark_proto::message::HostFacts;
use landmark_proto::revision::Revision;
use landmark_proto::settings::Settings;
use landmark_proto::violation::{Findings, Path, Violations};
use landmark_proto::wire;

use super::assignments;
use super::error::AdminError;
use crate::fleet::{Agent, Fleet, FleetHits, PolicyHits, RuleCount};
use crate::store::Store;

#[derive(Debug)]
pub(crate) struct Firewall {
    pub(crate) store: Store,
    pub(crate) fleet: Fleet,
}

impl Firewall {
    /// Which profile a machine gets by the draft, or by an assignment.
    pub(crate) async fn which(
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

    /// What the firewalls have counted, of all policies or of one.
    pub(crate) async fn hits(
        &self,
        request: wire::ListFirewallHitsRequest,
    ) -> Result<wire::ListFirewallHitsResponse, AdminError> {
        let wire::ListFirewallHitsRequest { policy } = request;
        let mut hits = self.fleet.firewall_hits().await?;
        if !policy.is_empty() {
            only(&mut hits, policy.trim())?;
        }
        Ok(hits_to_wire(&hits, self.fleet.registry().n_agents()))
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

/// Leaves one policy.
fn only(hits: &mut FleetHits, policy: &str) -> Result<(), AdminError> {
    match hits.policies.iter().position(|hits| hits.policy.as_str() == policy) {
        Some(place) => {
            hits.policies = vec![hits.policies.swap_remove(place)];
            hits.n_agents = hits.policies.iter().map(|hits| hits.n_agents).sum();
            Ok(())
        }
        None => {
            let there: Vec<String> =
                hits.policies.iter().map(|hits| format!("\"{}\"", hits.policy)).collect();
            let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
            let shown: String = policy.chars().take(ItemName::MAX_CHARS).collect();
            let message =
                format!("there is no firewall policy {shown:?} in the present assignment (it has {there})");
            Err(AdminError::field("policy", message))
        }
    }
}

fn hits_to_wire(hits: &FleetHits, n_enrolled: usize) -> wire::ListFirewallHitsResponse {
    let FleetHits { held, n_agents, policies } = hits;
    let oldest = policies.iter().filter_map(|hits| hits.oldest_report_at).min();
    let newest = policies.iter().filter_map(|hits| hits.newest_report_at).max();
    wire::ListFirewallHitsResponse {
        revision: held.map_or(0, |held| held.revision.get()),
        n_agents: count(*n_agents),
        n_enrolled: count(n_enrolled),
        hits: policies.iter().flat_map(rules_to_wire).collect(),
        oldest_report_at: oldest.map(timestamp_to_wire),
        newest_report_at: newest.map(timestamp_to_wire),
    }
}

fn rules_to_wire(hits: &PolicyHits) -> impl Iterator<Item = wire::FleetRuleHits> {
    let PolicyHits { policy, n_agents: _, rules, oldest_report_at: _, newest_report_at: _ } = hits;
    rules.iter().map(move |rule| {
        let RuleCount { exception, flow, action, is_observing, n_agents, n_packets, n_bytes } = rule;
        wire::FleetRuleHits {
            policy: policy.to_string(),
            exception: exception.as_ref().map(ItemName::to_string).unwrap_or_default(),
            direction: direction_to_wire((*flow).into()).into(),
            action: action_to_wire(*action).into(),
            observing: *is_observing,
            n_agents: count(*n_agents),
            n_packets: *n_packets,
            n_bytes: *n_bytes,
        }
    })
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use landmark_proto::firewall::Action;
    use landmark_proto::firewall::ruling::Flow;

    use super::*;

    fn policy(name: &str, n_agents: usize, seconds: u64, rules: Vec<RuleCount>) -> PolicyHits {
        let at = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        let policy = name.parse().unwrap();
        PolicyHits { policy, n_agents, rules, oldest_report_at: at, newest_report_at: at }
    }

    fn rule(exception: Option<&str>, n_packets: u64) -> RuleCount {
        RuleCount {
            exception: exception.map(|name| name.parse().unwrap()),
            flow: Flow::Inbound,
            action: Action::Block,
            is_observing: true,
            n_agents: 2,
            n_packets,
            n_bytes: 9,
        }
    }

    fn both() -> FleetHits {
        let outside = policy("Outside", 3, 7, vec![rule(Some("Scan"), 5), rule(None, 6)]);
        FleetHits {
            held: None,
            n_agents: 4,
            policies: vec![outside, policy("Inside", 1, 9, vec![rule(None, 1)])],
        }
    }

    #[test]
    fn the_policies_are_told_one_after_the_other_and_the_level_has_no_name() {
        let told = hits_to_wire(&both(), 8);
        let rows: Vec<_> = told.hits.iter().map(|it| (&*it.policy, &*it.exception, it.n_packets)).collect();
        assert_eq!(rows, [("Outside", "Scan", 5), ("Outside", "", 6), ("Inside", "", 1)]);
        assert_eq!((told.n_agents, told.n_enrolled), (4, 8));
        assert_eq!((told.oldest_report_at.unwrap().seconds, told.newest_report_at.unwrap().seconds), (7, 9));
        let first = &told.hits[0];
        assert_eq!(
            (first.direction(), first.action()),
            (wire::FirewallDirection::Inbound, wire::FirewallAction::Block)
        );
        assert_eq!((first.observing, first.n_agents, first.n_bytes), (true, 2, 9));
    }

    #[test]
    fn of_one_policy_only_its_agents_and_their_reports_count() {
        let mut hits = both();
        only(&mut hits, "Outside").unwrap();
        let told = hits_to_wire(&hits, 8);
        assert_eq!((told.n_agents, told.hits.len(), told.newest_report_at.unwrap().seconds), (3, 2, 7));
    }
}
