//! Evidence as a document for programs: everything that the record has.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::convert;
use crate::evidence::{Attempt, Evidence, finding};
use crate::hysteresis::Standing;
use crate::network::{DefaultRoute, Interface};

use super::sentence;
use super::words::{self, BasisDocument, link_state, location, milliseconds, time};

/// All of it. Members are only ever added; `record` is the whole of it as a protobuf `landmark.v1.Evidence` in base64,
/// from which anyone can recompute the verdict.
pub fn document(evidence: &Evidence) -> Value {
    let Evidence {
        evaluation,
        boot_id,
        started_at,
        triggers,
        link,
        held,
        attempts,
        default_routes,
        standing,
        verdict,
        decided_in,
        settled_in,
    } = evidence;
    json!({
        "evaluation": evaluation.get(),
        "boot_id": boot_id.to_string(),
        "started_at": time(*started_at),
        "triggers": triggers.iter().map(|trigger| words::trigger(*trigger)).collect::<Vec<_>>(),
        "link": link_state(*link),
        "revision": held.as_ref().map(|(held, _)| held.revision.get()),
        "digest": held.as_ref().map(|(held, _)| held.digest.to_string()),
        "required_successes": held.as_ref().map(|(_, settings)| settings.location.required_successes.get()),
        "attempts": attempts.iter().map(attempt).collect::<Vec<_>>(),
        "default_routes": default_routes.iter().map(route).collect::<Vec<_>>(),
        "standing": standing.as_ref().map(stood),
        "found": location(finding(evidence).location),
        "location": location(verdict.location),
        "basis": BasisDocument::from(&verdict.basis),
        "why": sentence(evidence),
        "decided_in_ms": milliseconds(*decided_in),
        "settled_in_ms": milliseconds(*settled_in),
        "record": STANDARD.encode(convert::evidence::encode(evidence)),
    })
}

fn stood(standing: &Standing) -> Value {
    let Standing { verdict, n_contradictions, dwelt } = standing;
    json!({
        "location": location(verdict.location),
        "basis": BasisDocument::from(&verdict.basis),
        "n_contradictions": n_contradictions,
        "dwelt_ms": milliseconds(*dwelt),
    })
}

fn route(route: &DefaultRoute) -> Value {
    let DefaultRoute { gateway, mac, interface, metric, is_ipv6 } = route;
    json!({
        "gateway": gateway,
        "mac": mac.map(|mac| mac.to_string()),
        "interface": way_out(interface),
        "metric": metric,
        "is_ipv6": is_ipv6,
    })
}

fn way_out(interface: &Interface) -> Value {
    let Interface { name, kind, is_tunnel } = interface;
    json!({ "name": name, "kind": kind, "is_tunnel": is_tunnel })
}

fn attempt(attempt: &Attempt) -> Value {
    let Attempt {
        position,
        host,
        port,
        address,
        local_address,
        started_after,
        took,
        outcome,
        os_error,
        n_addresses,
        interface,
        certificate,
        tls_error,
    } = attempt;
    json!({
        "position": position + 1,
        "host": host.to_string(),
        "port": port.get(),
        "address": address,
        "local_address": local_address,
        "started_after_ms": milliseconds(*started_after),
        "took_ms": milliseconds(*took),
        "outcome": words::outcome(*outcome),
        "os_error": os_error,
        "n_addresses": n_addresses,
        "interface": interface.as_ref().map(way_out),
        "certificate": certificate.map(|certificate| {
            json!({ "pin": certificate.pin.to_string(), "not_after": certificate.not_after.and_then(time) })
        }),
        "tls_error": tls_error,
    })
}
