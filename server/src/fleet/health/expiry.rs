//! Which certificates of reference servers end soon, and when someone is told. Pure; `now` is a parameter.
//!
//! An end decides nothing: keys are pinned, not certificates. But whoever renews a certificate often makes a new key with
//! it, and then every agent sees a stranger.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use landmark_proto::host::Host;
use landmark_proto::pin::SpkiPin;
use landmark_proto::port::Port;

use super::Health;

/// Enough time for any change request.
const SOON: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Between two lines of the log about the same key of the same port.
const DAILY: Duration = Duration::from_secs(24 * 60 * 60);

/// A certificate with a pinned key, and when it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::fleet) struct Expiring {
    pub(in crate::fleet) host: Host,
    pub(in crate::fleet) port: Port,
    pub(in crate::fleet) pin: SpkiPin,
    pub(in crate::fleet) not_after: SystemTime,
    /// Whether that is within 30 days, or past.
    pub(in crate::fleet) is_soon: bool,
}

/// The certificates with pinned keys, soonest first. Of several with the same key on the same port the one that most
/// agents saw counts: a single agent shall not be able to raise an alarm.
pub(in crate::fleet) fn expiring(health: &Health, now: SystemTime) -> Vec<Expiring> {
    let mut found: Vec<Expiring> = Vec::new();
    for server in &health.servers {
        for port in &server.ports {
            let n_before = found.len();
            // Most frequent first.
            for seen in port.certificates.iter().filter(|seen| seen.pinned) {
                let (pin, Some(not_after)) = (seen.certificate.pin, seen.certificate.not_after) else {
                    continue;
                };
                if found.iter().skip(n_before).any(|before| before.pin == pin) {
                    continue;
                }
                let is_soon =
                    not_after.duration_since(now).is_ok_and(|left| left <= SOON) || not_after <= now;
                found.push(Expiring { host: server.host.clone(), port: port.port, pin, not_after, is_soon });
            }
        }
    }
    found.sort_by_key(|it| it.not_after);
    found
}

/// What was told, and when.
#[derive(Debug, Default)]
pub(in crate::fleet) struct Told(HashMap<(Host, Port, SpkiPin), SystemTime>);

impl Told {
    /// Those that end soon and have not been told of for a day; they count as told from here on. What does not end soon
    /// any more is forgotten.
    pub(in crate::fleet) fn due<'a>(
        &mut self,
        expiring: &'a [Expiring],
        now: SystemTime,
    ) -> Vec<&'a Expiring> {
        let before = std::mem::take(&mut self.0);
        let mut due = Vec::new();
        for it in expiring.iter().filter(|it| it.is_soon) {
            let key = (it.host.clone(), it.port, it.pin);
            let told_at = before.get(&key).copied();
            // A clock that was set back does not silence anyone for longer than a day.
            let is_fresh = told_at.is_some_and(|at| now.duration_since(at).is_ok_and(|age| age < DAILY));
            if !is_fresh {
                due.push(it);
            }
            self.0.insert(key, told_at.filter(|_| is_fresh).unwrap_or(now));
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use landmark_proto::evidence::PeerCertificate;

    use super::super::{CertificateSeen, PortHealth, ServerHealth};
    use super::*;

    const DAY: Duration = DAILY;

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }

    fn seen(key: u8, pinned: bool, days_left: Option<u32>, n_agents: usize) -> CertificateSeen {
        let not_after = days_left.map(|days| now() + DAY * days);
        let certificate = PeerCertificate { pin: SpkiPin::of(&[key]), not_after };
        CertificateSeen { certificate, pinned, n_agents }
    }

    fn health(certificates: Vec<CertificateSeen>) -> Health {
        let port = PortHealth {
            port: "443".parse().unwrap(),
            n_tried: 9,
            n_answered: 9,
            median: None,
            percentile95: None,
            failures: Vec::new(),
            certificates,
        };
        let host = "dc1.example".parse().unwrap();
        let server = ServerHealth { position: 0, host, n_reached: 9, n_depend: 0, ports: vec![port] };
        Health { servers: vec![server], ..Health::default() }
    }

    #[test]
    fn what_ends_within_thirty_days_is_soon_and_the_soonest_is_first() {
        let health =
            health(vec![seen(1, true, Some(31), 5), seen(2, true, Some(30), 3), seen(3, true, None, 1)]);
        let found = expiring(&health, now());
        let keys: Vec<_> = found.iter().map(|it| (it.pin, it.is_soon)).collect();
        assert_eq!(keys, [(SpkiPin::of(&[2]), true), (SpkiPin::of(&[1]), false)]);
        assert!(expiring(&health, now() + DAY * 365).iter().all(|it| it.is_soon), "what is past is soon");
    }

    #[test]
    fn neither_a_stranger_nor_a_single_agent_raises_an_alarm() {
        let health = health(vec![
            seen(1, true, Some(300), 90),
            seen(2, false, Some(1), 50),
            seen(1, true, Some(1), 1),
        ]);
        let [only] = expiring(&health, now()).try_into().unwrap();
        assert_eq!((only.pin, only.is_soon), (SpkiPin::of(&[1]), false));
    }

    #[test]
    fn each_key_is_told_of_once_a_day() {
        let found = expiring(&health(vec![seen(1, true, Some(9), 5), seen(2, true, Some(8), 3)]), now());
        let mut told = Told::default();
        assert_eq!(told.due(&found, now()).len(), 2);
        assert_eq!(told.due(&found, now() + DAY / 2), [] as [&Expiring; 0]);
        assert_eq!(told.due(&found, now() + DAY).len(), 2);
        assert_eq!(told.due(&found[..1], now() + DAY).len(), 0);
        assert_eq!(told.due(&found, now() + DAY).len(), 1, "what went away and came back is news");
        assert_eq!(told.due(&found, now()).len(), 2, "the clock was set back");
        assert_eq!(told.due(&[], now()).len(), 0);
        assert!(told.0.is_empty());
    }
}
