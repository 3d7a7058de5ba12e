//! What is doubtful in the list of gateways, where the criterion is the gateway.

use landmark_proto::gateway::GatewayList;

use super::Finding;
use super::addresses::shared_with;

pub(super) fn lint(list: &GatewayList) -> Vec<Finding> {
    if list.as_slice().is_empty() {
        return vec![Finding {
            code: "gateways_empty",
            path: "gateways".to_owned(),
            message: "the gateway decides and the list of gateways is empty: every agent is external"
                .to_owned(),
            remedy: "landmarkctl gateways add ADDRESS,MAC".to_owned(),
        }];
    }
    let without_hardware = list.as_slice().iter().filter(|gateway| gateway.mac().is_none());
    without_hardware
        .filter_map(|gateway| {
            let address = gateway.address();
            let whose = shared_with(address)?;
            // Removing the address takes its entries with hardware along.
            let with_hardware = list.as_slice().iter().filter(|other| other.address() == address);
            let known: Vec<String> = with_hardware
                .filter_map(|other| other.mac().map(|mac| format!("{address},{mac}")))
                .collect();
            let again = if known.is_empty() { format!("{address},MAC") } else { known.join(" ") };
            Some(Finding {
                code: "gateway_without_mac",
                path: format!("gateways[{address}]"),
                message: format!(
                    "{address} is in the network of {whose}, and the entry takes any hardware: agents are internal \
                     there too"
                ),
                remedy: format!("landmarkctl gateways remove {address} && landmarkctl gateways add {again}"),
            })
        })
        .collect()
}
