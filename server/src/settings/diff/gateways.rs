//! The difference of two lists of gateways.

use std::collections::HashSet;

use landmark_proto::gateway::{Gateway, GatewayList};

use super::Change;

const PATH: &str = "gateways";

/// Those that are gone, then those that are new.
pub(super) fn diff(from: &GatewayList, to: &GatewayList, changes: &mut Vec<Change>) {
    let set = |list: &GatewayList| -> HashSet<Gateway> { list.as_slice().iter().copied().collect() };
    let (old, new) = (set(from), set(to));
    if old == new && from != to {
        changes.push(Change::reordered(PATH));
    }
    let gone = from.as_slice().iter().filter(|gateway| !new.contains(gateway));
    changes.extend(gone.map(|gateway| Change::removed(&path_of(gateway), hardware(gateway))));
    let more = to.as_slice().iter().filter(|gateway| !old.contains(gateway));
    changes.extend(more.map(|gateway| Change::added(&path_of(gateway), hardware(gateway))));
}

fn path_of(gateway: &Gateway) -> String {
    format!("{PATH}[{}]", gateway.address())
}

fn hardware(gateway: &Gateway) -> String {
    gateway.mac().map_or_else(|| "any hardware".to_owned(), |mac| mac.to_string())
}
