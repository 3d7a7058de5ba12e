//! Reads the documents that landmarkctl and `landmark-agent status` print.

use serde_json::Value;

/// Where a machine is, and why: of `agents show` and of `status` alike.
pub fn is_internal_by_server(document: &Value) -> bool {
    document["location"] == "internal" && document["basis"]["kind"] == "management_server"
}

/// Internal, because this reference server answered.
pub fn is_internal_by(document: &Value, host: &str, port: u16) -> bool {
    let basis = &document["basis"];
    document["location"] == "internal"
        && basis["kind"] == "reference_server"
        && basis["host"] == host
        && basis["port"] == port
}

/// Internal, because the default gateway is this one.
pub fn is_internal_by_gateway(document: &Value, address: &str) -> bool {
    let basis = &document["basis"];
    document["location"] == "internal" && basis["kind"] == "gateway" && basis["address"] == address
}

/// External, because no reference server answered.
pub fn is_external(document: &Value) -> bool {
    document["location"] == "external" && document["basis"]["kind"] == "none_reachable"
}

/// The revision of the assignment that is held.
pub fn held_revision(document: &Value) -> Option<u64> {
    document["held_revision"].as_u64()
}

/// The hosts of a list of reference servers, in order.
pub fn hosts(settings: &Value) -> Vec<String> {
    let servers = settings["reference_servers"]["servers"].as_array();
    servers.into_iter().flatten().filter_map(|server| server["host"].as_str().map(str::to_owned)).collect()
}
