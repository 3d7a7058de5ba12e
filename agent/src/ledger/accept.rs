//! Decides which offers an agent takes. Knows neither disk nor network.

use landmark_proto::host::Host;
use landmark_proto::message::{Assignment, Rejection, RejectionCode};
use landmark_proto::revision::Held;
use landmark_proto::settings::{InvalidSettings, Settings};
use landmark_proto::violation::{Findings, Path, Violations};

/// What the agent holds, and the highest assignment it ever accepted. They differ only after damage to the ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// In force.
    pub held: Option<Held>,
    /// The measure of offers; at least as high as `held`.
    pub highest: Option<Held>,
}

/// What the machine's own configuration lets a server ask of this agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Whether a reference server may be on this very machine.
    pub allow_loopback: bool,
}

/// An offer that is not refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Store it.
    Take(Box<Settings>),
    /// It is held already.
    Unchanged,
}

/// Judges an offer: the number first, then the bytes, then their content.
///
/// # Errors
/// Why it is refused, whole.
pub fn accept(standing: Standing, offer: &Assignment, limits: &Limits) -> Result<Judgement, Rejection> {
    let refuse = |code, violations| Err(Rejection { code, violations, still_held: standing.held });
    if standing.held == Some(offer.offered) {
        return Ok(Judgement::Unchanged);
    }
    for known in [standing.held, standing.highest].into_iter().flatten() {
        if offer.offered.revision == known.revision && offer.offered.digest != known.digest {
            return refuse(RejectionCode::Conflict, Some(conflict(known, offer.offered)));
        }
    }
    if let Some(highest) = standing.highest.filter(|highest| offer.offered.revision < highest.revision) {
        return refuse(RejectionCode::Outdated, Some(outdated(highest, offer.offered)));
    }
    if offer.settings.digest() != offer.offered.digest {
        return refuse(RejectionCode::Digest, Some(wrong_digest(offer)));
    }
    let settings = match offer.settings.decode() {
        Ok(settings) => settings,
        Err(error) => {
            let (code, violations) = explain(error);
            return refuse(code, Some(violations));
        }
    };
    match own_limits(&settings, limits) {
        Ok(()) => Ok(Judgement::Take(Box::new(settings))),
        Err(violations) => refuse(RejectionCode::Invalid, Some(violations)),
    }
}

fn explain(error: InvalidSettings) -> (RejectionCode, Violations) {
    let text = error.to_string();
    let whole = || Violations::one(&Path::root(), text);
    match error {
        InvalidSettings::TooLarge { .. } => (RejectionCode::TooLarge, whole()),
        InvalidSettings::Malformed(_) => (RejectionCode::Invalid, whole()),
        InvalidSettings::NotUnderstood => (RejectionCode::Unsupported, whole()),
        InvalidSettings::Invalid(violations) => (RejectionCode::Invalid, violations),
    }
}

/// What every assignment may say, but not to this machine.
fn own_limits(settings: &Settings, limits: &Limits) -> Result<(), Violations> {
    let mut findings = Findings::default();
    let servers = Path::root().field("reference_servers").field("servers");
    for (index, server) in settings.reference_servers.servers().iter().enumerate() {
        if !limits.allow_loopback && is_loopback(&server.host) {
            let message = format!(
                "{} is this machine itself, which is always reachable; this agent refuses it \
                 (its own configuration can allow it: location.allow-loopback)",
                server.host
            );
            findings.push(&servers.index(index).field("host"), message);
        }
    }
    findings.finish(Some(()))
}

fn is_loopback(host: &Host) -> bool {
    match host {
        Host::V4(address) => address.is_loopback(),
        Host::V6(address, _) => address.is_loopback(),
        // RFC 6761, section 6.3.
        Host::Name(name) => name.as_str() == "localhost" || name.as_str().ends_with(".localhost"),
    }
}

fn outdated(highest: Held, offered: Held) -> Violations {
    let message = format!("{offered} is lower than {highest}, which was accepted before");
    Violations::one(&Path::root().field("revision"), message)
}

fn conflict(known: Held, offered: Held) -> Violations {
    let message = format!(
        "revision {} was accepted before with digest {}, and is offered with digest {}",
        known.revision, known.digest, offered.digest
    );
    Violations::one(&Path::root().field("digest"), message)
}

fn wrong_digest(offer: &Assignment) -> Violations {
    let message = format!(
        "the settings have digest {}, announced was {}",
        offer.settings.digest(),
        offer.offered.digest
    );
    Violations::one(&Path::root().field("digest"), message)
}

#[cfg(test)]
mod tests;
