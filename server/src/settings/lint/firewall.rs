//! What is doubtful in the firewall.
//!
//! Pairs of exceptions of one policy are compared: at most half a million, each in proportion to what they list.

mod cover;

use landmark_proto::firewall::{Exception, Firewall, ItemName, Mode, Policy, Profile, Remote, Traffic};

use self::cover::{covers, covers_conditions};
use super::Finding;

const PROFILES: &str = "firewall.profiles";

/// What concerns all machines first, then profiles, then policies with their exceptions, each in their order.
pub(super) fn lint(firewall: &Firewall) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(no_profile_for_all(firewall));
    findings.extend(location_unused(firewall));
    for (place, profile) in firewall.profiles().iter().enumerate() {
        let earlier = firewall.profiles().get(..place).unwrap_or_default();
        findings.extend(profile_never_reached(earlier, profile));
    }
    for policy in firewall.policies() {
        findings.extend(policy_unused(firewall, policy));
        findings.extend(policy_observes(firewall, policy));
        let exceptions = policy.exceptions.as_slice();
        for (place, exception) in exceptions.iter().enumerate() {
            findings.extend(icmp_other_family(&policy.name, exception));
            let earlier = exceptions.get(..place).unwrap_or_default();
            findings.extend(exception_never_reached(&policy.name, earlier, exception));
        }
    }
    findings
}

fn no_profile_for_all(firewall: &Firewall) -> Option<Finding> {
    let mut profiles = firewall.profiles().iter();
    let has_one = profiles.any(|profile| profile.is_enabled && profile.conditions.are_none());
    (!has_one).then(|| Finding {
        code: "no_profile_for_all",
        path: PROFILES.to_owned(),
        message:
            "no enabled profile is without conditions: a machine that matches none of them has no firewall"
                .to_owned(),
        remedy: "landmarkctl firewall profiles add NAME --policy POLICY --last".to_owned(),
    })
}

/// Of a fleet that tells its machines apart, and not by where they are; an address may say that too.
fn location_unused(firewall: &Firewall) -> Option<Finding> {
    let enabled = || firewall.profiles().iter().filter(|profile| profile.is_enabled);
    let mut policies = enabled().map(|profile| &profile.policy);
    let first = policies.next()?;
    let has_several = policies.any(|policy| policy != first);
    let has_location = enabled()
        .any(|Profile { conditions, .. }| !conditions.places.is_empty() || !conditions.addresses.is_empty());
    (has_several && !has_location).then(|| Finding {
        code: "location_unused",
        path: PROFILES.to_owned(),
        message:
            "no enabled profile asks for the location: every machine has the same policy inside and outside"
                .to_owned(),
        remedy: "landmarkctl firewall profiles add NAME --policy POLICY --location external".to_owned(),
    })
}

/// One that is disabled matches nobody on purpose.
fn profile_never_reached(earlier: &[Profile], profile: &Profile) -> Option<Finding> {
    if !profile.is_enabled {
        return None;
    }
    let before =
        earlier.iter().find(|it| it.is_enabled && covers_conditions(&it.conditions, &profile.conditions))?;
    let name = &profile.name;
    // To change their places helps only where the other one matches more machines.
    let is_needless =
        before.policy == profile.policy || covers_conditions(&profile.conditions, &before.conditions);
    let remedy = if is_needless {
        format!("landmarkctl firewall profiles remove {}", word(name))
    } else {
        format!("landmarkctl firewall profiles move {} --before {}", word(name), word(&before.name))
    };
    Some(Finding {
        code: "profile_never_reached",
        path: format!("{PROFILES}[{name}]"),
        message: format!(
            "no machine gets it: \"{}\" stands above it and matches every machine that it matches",
            before.name
        ),
        remedy,
    })
}

fn policy_unused(firewall: &Firewall, policy: &Policy) -> Option<Finding> {
    let name = &policy.name;
    let is_used = firewall.profiles().iter().any(|profile| profile.policy == *name);
    (!is_used).then(|| Finding {
        code: "policy_unused",
        path: path_of(name),
        message: "no profile gives it to machines".to_owned(),
        remedy: format!("landmarkctl firewall profiles add NAME --policy {}", word(name)),
    })
}

/// A reminder: a trial that nobody ends protects nobody.
fn policy_observes(firewall: &Firewall, policy: &Policy) -> Option<Finding> {
    let name = &policy.name;
    let is_used = firewall.profiles().iter().any(|profile| profile.is_enabled && profile.policy == *name);
    (is_used && policy.mode == Mode::Observe).then(|| Finding {
        code: "policy_observes",
        path: path_of(name),
        message: "it only observes: what it would block passes and is counted (landmarkctl firewall hits)"
            .to_owned(),
        remedy: format!("landmarkctl firewall policies edit {} --enforce", word(name)),
    })
}

fn icmp_other_family(policy: &ItemName, exception: &Exception) -> Option<Finding> {
    let (own, is_own, other): (_, fn(&Remote) -> bool, _) = match exception.traffic {
        Traffic::Icmp => ("IPv4", |remote| !is_all_of(remote, false), "icmpv6"),
        Traffic::Icmpv6 => ("IPv6", |remote| !is_all_of(remote, true), "icmp"),
        Traffic::All | Traffic::Tcp(_) | Traffic::Udp(_) | Traffic::TcpUdp(_) => return None,
    };
    let remotes = &exception.remotes;
    let name = &exception.name;
    (!remotes.is_all() && !remotes.as_slice().iter().any(is_own)).then(|| Finding {
        code: "icmp_other_family",
        path: path_of_exception(policy, name),
        message: format!(
            "it matches nothing: {} belongs to {own}, and it has no remote address of {own}",
            exception.traffic.protocol()
        ),
        remedy: format!(
            "landmarkctl firewall exceptions edit {} {} --protocol {other}",
            word(policy),
            word(name)
        ),
    })
}

/// What a name resolves to nobody knows.
fn is_all_of(remote: &Remote, v4: bool) -> bool {
    matches!(remote, Remote::Addresses(range) if range.first().is_ipv4() == v4)
}

fn exception_never_reached(
    policy: &ItemName,
    earlier: &[Exception],
    exception: &Exception,
) -> Option<Finding> {
    let before = earlier.iter().find(|before| covers(before, exception))?;
    let name = &exception.name;
    let policy_word = word(policy);
    let is_needless = before.action == exception.action || covers(exception, before);
    let remedy = if is_needless {
        format!("landmarkctl firewall exceptions remove {policy_word} {}", word(name))
    } else {
        format!(
            "landmarkctl firewall exceptions move {policy_word} {} --before {}",
            word(name),
            word(&before.name)
        )
    };
    Some(Finding {
        code: "exception_never_reached",
        path: path_of_exception(policy, name),
        message: format!(
            "it decides nothing: \"{}\" ({}) stands above it and matches all that it matches ({})",
            before.name,
            shown(before),
            shown(exception)
        ),
        remedy,
    })
}

fn path_of(policy: &ItemName) -> String {
    format!("firewall.policies[{policy}]")
}

fn path_of_exception(policy: &ItemName, exception: &ItemName) -> String {
    format!("{}.exceptions[{exception}]", path_of(policy))
}

/// As much of it as people read: a thousand findings may tell of the same one.
fn shown(exception: &Exception) -> String {
    const MAX_CHARS: usize = 80;
    let text = exception.to_string();
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// A name as one word of a command line.
fn word(name: &ItemName) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    let name = name.as_str();
    if name.chars().all(is_plain) { name.to_owned() } else { format!("'{}'", name.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests;
