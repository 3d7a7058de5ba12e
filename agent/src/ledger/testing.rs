//! Assignments for tests, made the only way there is: through a ledger.

use std::time::Duration;

use landmark_proto::ids::PushId;
use landmark_proto::message::Assignment;
use landmark_proto::reference_server::{Probe, ReferenceServer, ReferenceServerList};
use landmark_proto::revision::{Held, Revision};
use landmark_proto::settings::{EncodedSettings, Settings};

use super::accept::Limits;
use super::{Accepted, Ledger, Taken};

/// Settings with these hosts on an enabled list, port 80 each.
pub(crate) fn settings(hosts: &[&str]) -> Settings {
    let ports = landmark_proto::port::Ports::new(vec!["80".parse().unwrap()]).unwrap();
    let server = |host: &&str| ReferenceServer {
        host: host.parse().unwrap(),
        ports: ports.clone(),
        probe: Probe::Tcp,
    };
    let list = ReferenceServerList::new(true, hosts.iter().map(server).collect()).unwrap();
    Settings { reference_servers: list, ..Settings::default() }
}

/// An honest offer.
pub(crate) fn offer(revision: u64, settings: &Settings) -> Assignment {
    let settings = EncodedSettings::encode(settings);
    let offered = Held { revision: Revision::new(revision).unwrap(), digest: settings.digest() };
    Assignment { push_id: PushId::new(1), offered, settings, apply_jitter: Duration::ZERO }
}

/// As if it had been offered, loopback allowed.
pub(crate) fn accepted(revision: u64, settings: &Settings) -> Accepted {
    let folder = tempfile::tempdir().unwrap();
    let (mut ledger, _) = Ledger::open(folder.path(), Limits { allow_loopback: true });
    match ledger.offer(&offer(revision, settings)).unwrap() {
        Taken::Accepted(accepted) => accepted,
        Taken::Unchanged => unreachable!("an empty ledger holds nothing"),
    }
}
