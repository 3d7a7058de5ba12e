//! Questions about the firewall.

use std::net::IpAddr;

use landmark_proto::convert::firewall::{place_to_wire, platform_to_wire};
use landmark_proto::firewall::profile::Label;
use landmark_proto::wire;

use super::owned;
use crate::client::{CallError, Client};
use crate::view::firewall::{Hits, Place, Platform, Which};

/// Which settings are meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum OfSettings {
    #[default]
    Draft,
    /// The present assignment.
    Assigned,
    /// An assignment by its number.
    Revision(u64),
}

/// What is known of a machine; what is absent is not known, or taken from what the agent has said of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MachineFacts {
    pub(crate) location: Option<Place>,
    pub(crate) host_name: Option<String>,
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) platform: Option<Platform>,
    pub(crate) labels: Vec<Label>,
    pub(crate) agent: Option<String>,
}

impl Client {
    /// Which firewall profile such a machine would get.
    pub(crate) async fn which_firewall_profile(
        &mut self,
        of: OfSettings,
        facts: &MachineFacts,
    ) -> Result<Which, CallError> {
        let MachineFacts { location, host_name, addresses, platform, labels, agent } = facts;
        let request = self.request(wire::WhichFirewallProfileRequest {
            revision: match of {
                OfSettings::Draft => None,
                OfSettings::Assigned => Some(0),
                OfSettings::Revision(revision) => Some(revision),
            },
            location: place_to_wire(location.map(Place::to_model)).into(),
            host_name: owned(host_name.as_deref()),
            addresses: addresses.iter().map(IpAddr::to_string).collect(),
            platform: platform_to_wire(platform.map(Platform::to_model)).into(),
            labels: labels.iter().map(Label::to_string).collect(),
            agent: owned(agent.as_deref()),
        });
        Ok(self.call(async |admin| admin.which_firewall_profile(request).await).await?.into())
    }

    /// Of all policies without one.
    pub(crate) async fn firewall_hits(&mut self, policy: Option<&str>) -> Result<Hits, CallError> {
        let request = self.request(wire::ListFirewallHitsRequest { policy: owned(policy) });
        Ok(self.call(async |admin| admin.list_firewall_hits(request).await).await?.into())
    }
}
