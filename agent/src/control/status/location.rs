//! What the status says of the location: how it was decided, what tempers it, what is watched.

use jiff::Timestamp;
use landmark_proto::explain;
use landmark_proto::explain::words::{self, BasisDocument, location, milliseconds, time};
use landmark_proto::hysteresis::confirmations;
use landmark_proto::location_rules::{LocationRules, ServerConnection};
use landmark_proto::settings::Settings;
use serde::Serialize;

use crate::location::{Decided, Standing};

/// The evaluation that a location rests on.
#[derive(Clone, Debug, Serialize)]
pub struct DecidedDocument {
    /// Counts from the agent's start.
    pub evaluation: u64,
    /// When.
    pub at: Option<Timestamp>,
    /// What made the agent look.
    pub triggers: Vec<&'static str>,
    /// From the first of them to the verdict.
    pub decided_in_ms: f64,
    /// An earlier entry of the list may still answer.
    pub is_provisional: bool,
    /// The assignment it was decided under.
    pub revision: Option<u64>,
}

/// A finding that hysteresis holds back.
#[derive(Clone, Debug, Serialize)]
pub struct HeldBackDocument {
    /// The other location.
    pub found: &'static str,
    /// Why.
    pub basis: BasisDocument,
    /// What it lacks, in words.
    pub lacks: String,
    /// How often in a row it was found.
    pub n_confirmations: u32,
    /// How often it must be.
    pub n_required: u32,
    /// How long the present location has stood.
    pub dwelt_ms: f64,
    /// How long it stands at least.
    pub minimum_dwell_ms: f64,
}

/// How a location is decided.
#[derive(Clone, Debug, Serialize)]
pub struct RulesDocument {
    /// `connection-status` or `gateway`.
    pub criterion: String,
    /// Whether a connection to the server means internal.
    pub server_connection_means_internal: bool,
    /// While something must be looked at.
    pub recheck_interval_s: f64,
    /// Different reference servers that must answer.
    pub required_successes: usize,
    /// `count` or `ignore`.
    pub tunnels: String,
    /// Findings in a row.
    pub confirmations_to_internal: u32,
    /// Findings in a row.
    pub confirmations_to_external: u32,
    /// How long a location stands at least.
    pub minimum_dwell_s: f64,
    /// For the criterion gateway.
    pub n_gateways: usize,
}

/// Which changes of the machine make the agent look at once.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct WatchedDocument {
    /// Links, addresses and routes.
    pub network: bool,
    /// Hardware addresses of gateways; only while the list of gateways names some.
    pub neighbours: bool,
    /// The configuration of the resolver.
    pub resolver: bool,
    /// Sleep.
    pub wake: bool,
}

/// The evaluation that a location rests on.
pub fn decided_document(decided: &Decided) -> DecidedDocument {
    DecidedDocument {
        evaluation: decided.evaluation.get(),
        at: time(decided.at),
        triggers: decided.triggers.iter().map(|trigger| words::trigger(*trigger)).collect(),
        decided_in_ms: decided.decided_in.as_secs_f64() * 1_000.0,
        is_provisional: decided.standing == Standing::Provisional,
        revision: decided.accepted.as_ref().map(|accepted| accepted.held().revision.get()),
    }
}

pub(super) fn held_back(decided: &Decided) -> Option<HeldBackDocument> {
    let (found, standing) = decided.held_back.as_ref()?;
    let rules = decided.accepted.as_ref()?.settings().location.hysteresis;
    Some(HeldBackDocument {
        found: location(found.location),
        basis: BasisDocument::from(&found.basis),
        lacks: explain::held_back(rules, standing, found),
        n_confirmations: standing.n_contradictions,
        n_required: confirmations(rules, found),
        dwelt_ms: milliseconds(standing.dwelt),
        minimum_dwell_ms: milliseconds(rules.minimum_dwell.get()),
    })
}

pub(super) fn rules(settings: &Settings) -> RulesDocument {
    let LocationRules {
        criterion,
        server_connection,
        recheck_interval,
        required_successes,
        tunnels,
        hysteresis,
    } = &settings.location;
    RulesDocument {
        criterion: criterion.to_string(),
        server_connection_means_internal: *server_connection == ServerConnection::MeansInternal,
        recheck_interval_s: recheck_interval.get().as_secs_f64(),
        required_successes: required_successes.get(),
        tunnels: tunnels.to_string(),
        confirmations_to_internal: hysteresis.confirmations_to_internal.get(),
        confirmations_to_external: hysteresis.confirmations_to_external.get(),
        minimum_dwell_s: hysteresis.minimum_dwell.get().as_secs_f64(),
        n_gateways: settings.gateways.as_slice().len(),
    }
}
