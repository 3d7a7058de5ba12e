//! Edits of the list of gateways.

use std::collections::HashSet;

use landmark_proto::gateway::{Gateway, GatewayList, InvalidGatewayList};
use landmark_proto::violation::{Findings, Path, Violations};

/// Those that are on the list already stay where they are; the others go to its end.
pub(super) fn add(list: &mut GatewayList, more: &[Gateway], path: &Path) -> Result<(), Violations> {
    let mut seen: HashSet<Gateway> = list.as_slice().iter().copied().collect();
    let mut all = list.as_slice().to_vec();
    all.extend(more.iter().copied().filter(|gateway| seen.insert(*gateway)));
    *list = checked(all, path)?;
    Ok(())
}

/// An entry without a hardware address takes all of that address away.
pub(super) fn remove(list: &mut GatewayList, gone: &[Gateway], path: &Path) -> Result<(), Violations> {
    let mut findings = Findings::default();
    let mut left = list.as_slice().to_vec();
    for (index, entry) in gone.iter().enumerate() {
        let n_before = left.len();
        left.retain(|gateway| match entry.mac() {
            None => gateway.address() != entry.address(),
            Some(_) => gateway != entry,
        });
        if left.len() == n_before {
            findings.push(&path.field("gateways").index(index), format!("{entry} is not on the list"));
        }
    }
    findings.finish(Some(()))?;
    *list = checked(left, path)?;
    Ok(())
}

/// Puts others in their place.
pub(super) fn replace(list: &mut GatewayList, others: &[Gateway], path: &Path) -> Result<(), Violations> {
    *list = checked(others.to_vec(), path)?;
    Ok(())
}

fn checked(gateways: Vec<Gateway>, path: &Path) -> Result<GatewayList, Violations> {
    let path = path.field("gateways");
    GatewayList::new(gateways).map_err(|error| {
        let path = match &error {
            InvalidGatewayList::TooMany(_) => path.clone(),
            InvalidGatewayList::Twice { index, .. } => path.index(*index),
        };
        Violations::one(&path, error)
    })
}
