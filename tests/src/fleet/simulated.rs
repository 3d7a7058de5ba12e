//! A large fleet that is nowhere but in a server's database: for pages and benchmarks that need many agents to list, not
//! agents that do something.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use landmark_proto::wire;
use prost::Message as _;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, Row as _, SqliteConnection};

use super::Server;

/// In the server's state folder.
const DATABASE: &str = "landmark.db";
const MICROSECONDS: i64 = 1_000_000;
const DAY: i64 = 24 * 60 * 60;

/// What host names begin with: by department and kind, as companies name their machines.
const KINDS: [&str; 8] =
    ["lap-sales", "lap-dev", "lap-hr", "ws-design", "ws-lab", "srv-web", "srv-db", "kiosk"];
const SYSTEMS: [(&str, &str, &str); 4] = [
    ("Debian GNU/Linux 12 (bookworm)", "6.1.0-38-amd64", "linux"),
    ("Ubuntu 24.04.3 LTS", "6.8.0-79-generic", "linux"),
    ("Fedora Linux 42 (Workstation Edition)", "6.16.8-200.fc42.x86_64", "linux"),
    ("Red Hat Enterprise Linux 9.6 (Plow)", "5.14.0-570.el9.x86_64", "linux"),
];
const SITES: [&str; 5] = ["berlin", "hamburg", "lyon", "porto", "turin"];

/// In the host name of each thousandth one: what a filter finds few of.
pub const RARE: &str = "museum";

/// Puts `n` agents into the database of a server that was started once and is stopped. The same each time: what differs from
/// one agent to the next follows from its number. All are offline, as nobody connects.
///
/// # Errors
/// The database cannot be written, or its tables are others.
pub async fn fill(server: &Server, n: u32) -> Result<()> {
    let file = server.state_folder().join(DATABASE);
    let options = SqliteConnectOptions::new().filename(&file).foreign_keys(true);
    let mut database = SqliteConnection::connect_with(&options).await.context("open the database")?;
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros())?;
    let held = newest_assignment(&mut database).await?;
    let mut all = database.begin().await?;
    let token_id = id(u32::MAX);
    sqlx::query(
        "INSERT INTO join_token (token_id, secret_hash, description, created_at, created_by, expires_at, max_uses, n_uses)
         VALUES ($1, $2, 'all machines', $3, 'alex', $4, $5, $5)",
    )
    .bind(&token_id[..])
    .bind(&pin(u32::MAX)[..])
    .bind(now - 400 * DAY * MICROSECONDS)
    .bind(now + DAY * MICROSECONDS)
    .bind(i64::from(n))
    .execute(&mut *all)
    .await
    .context("insert the join token")?;
    for number in 0..n {
        insert(&mut all, &Simulated::new(number, now), &token_id, held.as_ref())
            .await
            .with_context(|| format!("insert agent {number}"))?;
    }
    insert_week(&mut all, n, now).await.context("insert the last week")?;
    all.commit().await?;
    database.close().await.context("close the database")
}

/// Where the fleet was in the last seven days: most are inside by day, a good part outside in the evening, and fewer are on at
/// night and at weekends. A night in the middle, the server did not run.
async fn insert_week(database: &mut SqliteConnection, n: u32, now: i64) -> Result<()> {
    const STEP: i64 = 20 * 60;
    const N_STEPS: i64 = 7 * DAY / STEP;
    for step in 0..N_STEPS {
        let at = now - (N_STEPS - step) * STEP * MICROSECONDS;
        let hour = at / MICROSECONDS / 3_600 % 24;
        let is_workday = at / MICROSECONDS / DAY % 7 != 2 && at / MICROSECONDS / DAY % 7 != 3;
        let is_off = (200..218).contains(&step);
        if is_off && step > 200 {
            continue;
        }
        let outside = match hour {
            8..17 if is_workday => 14,
            17..23 => 46,
            _ => 24,
        } + step % 5;
        let external = i64::from(n) * outside / 100;
        let unknown = i64::from(n) / 100;
        let online = i64::from(n) * (if (8..17).contains(&hour) { 88 } else { 41 }) / 100;
        sqlx::query("INSERT INTO fleet_sample VALUES ($1, $2, $3, $4, $5, $6)")
            .bind(at)
            .bind(i64::from(n) - external - unknown)
            .bind(external)
            .bind(unknown)
            .bind(online)
            .bind(is_off)
            .execute(&mut *database)
            .await?;
    }
    Ok(())
}

/// The host name of an agent.
pub fn host_name(number: u32) -> String {
    let mixed = mix(number);
    let kind = KINDS[pick(mixed, KINDS.len())];
    let site = SITES[pick(mixed >> 8, SITES.len())];
    let site = if number % 1000 == 7 { RARE } else { site };
    format!("{kind}-{number:06}.{site}.example.com")
}

/// Of one agent; times are in microseconds since 1970.
struct Simulated {
    number: u32,
    mixed: u64,
    now: i64,
    seen_at: i64,
}

impl Simulated {
    fn new(number: u32, now: i64) -> Self {
        let mixed = mix(number);
        // Most were there today, some were not for weeks.
        let ago = if mixed.is_multiple_of(10) { mixed % 2_000_000 } else { mixed % 50_000 };
        Self { number, mixed, now, seen_at: now - i64::try_from(ago).unwrap_or(0) * MICROSECONDS }
    }

    fn location(&self) -> (wire::Location, wire::basis::Kind) {
        use wire::basis::{Kind, ManagementServer, NoneReachable, ReferenceServerAnswered};
        match self.mixed >> 16 & 15 {
            0 | 1 => (wire::Location::External, Kind::NoneReachable(NoneReachable { attempts: 4 })),
            2 => (
                wire::Location::Internal,
                Kind::ReferenceServer(ReferenceServerAnswered {
                    host: "intranet.example.com".into(),
                    port: 443,
                    position: 0,
                }),
            ),
            _ => (wire::Location::Internal, Kind::ManagementServer(ManagementServer {})),
        }
    }

    fn boot(&self) -> [u8; 16] {
        id(self.number ^ 0x5555_5555)
    }

    fn report(&self, revision: u64) -> Vec<u8> {
        let (location, basis) = self.location();
        let report = wire::LocationReport {
            at: Some(time(self.seen_at)),
            boot_id: as_uuid(self.boot()),
            since_boot: Some(seconds(60 + self.mixed % 100_000)),
            location: location.into(),
            basis: Some(wire::Basis { kind: Some(basis) }),
            triggers: vec![wire::Trigger::LinkConnected.into()],
            revision,
            evaluation: 1 + self.mixed % 50,
            decided_in: Some(seconds(0)),
            n_flips: 0,
        };
        report.encode_to_vec()
    }

    fn enforcement(&self, revision: u64) -> Vec<u8> {
        let (state, reason) = match self.mixed >> 24 & 63 {
            0 => (wire::EnforcementState::Failed, "nft: Operation not permitted"),
            1..=4 => (wire::EnforcementState::Observed, "it only observes"),
            _ => (wire::EnforcementState::Applied, ""),
        };
        let status = wire::EnforcementStatus {
            state: state.into(),
            backend: "nftables".into(),
            reason: reason.into(),
            location: self.location().0.into(),
            revision,
            since: Some(time(self.seen_at)),
            profile: "All agents".into(),
            policy: "All access".into(),
        };
        status.encode_to_vec()
    }
}

async fn insert(
    database: &mut SqliteConnection,
    agent: &Simulated,
    token_id: &[u8],
    held: Option<&(i64, Vec<u8>)>,
) -> Result<()> {
    let (system, kernel, platform) = SYSTEMS[pick(agent.mixed >> 12, SYSTEMS.len())];
    let revision = held.map_or(0, |(revision, _)| u64::try_from(*revision).unwrap_or(0));
    let [.., high, low] = agent.number.to_be_bytes();
    sqlx::query(
        "INSERT INTO agent (agent_id, key_pin, token_id, enrolled_at, certificate_expires_at, host_name,
             operating_system, kernel, architecture, agent_version, platform, labels, epoch, boots, peer_address,
             connection_since, held_revision, held_digest, enforcement_status, location_report, location_reported_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'x86_64', $9, $10, $11, 3, $12, $13, $14, $15, $16, $17, $18, $19)",
    )
    .bind(&id(agent.number)[..])
    .bind(&pin(agent.number)[..])
    .bind(token_id)
    .bind(agent.now - i64::from(agent.number % 365 + 30) * DAY * MICROSECONDS)
    .bind(agent.now + i64::from(agent.number % 30 + 1) * DAY * MICROSECONDS)
    .bind(host_name(agent.number))
    .bind(system)
    .bind(kernel)
    .bind(env!("CARGO_PKG_VERSION"))
    .bind(platform)
    .bind(format!("site={}", SITES[pick(agent.mixed >> 8, SITES.len())]))
    .bind(&agent.boot()[..])
    .bind(format!("10.{}.{high}.{low}", agent.mixed % 250))
    .bind(agent.seen_at)
    .bind(held.map(|(revision, _)| *revision))
    .bind(held.map(|(_, digest)| digest.clone()))
    .bind(agent.enforcement(revision))
    .bind(agent.report(revision))
    .bind(agent.seen_at)
    .execute(database)
    .await?;
    Ok(())
}

/// Its number and digest.
async fn newest_assignment(database: &mut SqliteConnection) -> Result<Option<(i64, Vec<u8>)>> {
    let row = sqlx::query("SELECT revision, digest FROM assignment ORDER BY revision DESC LIMIT 1")
        .fetch_optional(database)
        .await
        .context("read the newest assignment")?;
    row.map(|row| Ok((row.try_get("revision")?, row.try_get("digest")?))).transpose()
}

/// SplitMix64: neighbours have nothing in common.
fn mix(number: u32) -> u64 {
    let mut z = u64::from(number).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn pick(mixed: u64, n: usize) -> usize {
    usize::try_from(mixed % n as u64).unwrap_or(0)
}

/// A UUID of version 4 (RFC 9562, section 5.4), made of the number.
fn id(number: u32) -> [u8; 16] {
    let mixed = (u128::from(mix(number)) << 64 | u128::from(mix(!number))).to_be_bytes();
    let mut id = mixed;
    id[6] = id[6] & 0x0f | 0x40;
    id[8] = id[8] & 0x3f | 0x80;
    id
}

fn pin(number: u32) -> [u8; 32] {
    let mut pin = [0; 32];
    pin[..16].copy_from_slice(&id(number));
    pin[16..].copy_from_slice(&id(number.rotate_left(7)));
    pin
}

fn as_uuid(id: [u8; 16]) -> String {
    let digits: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    let part = |range: std::ops::Range<usize>| digits.get(range).unwrap_or_default().to_owned();
    [part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)].join("-")
}

fn time(microseconds: i64) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: microseconds / MICROSECONDS, nanos: 0 }
}

fn seconds(n: u64) -> prost_types::Duration {
    prost_types::Duration { seconds: i64::try_from(n).unwrap_or(0), nanos: 0 }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_agents_share_an_id_or_a_key() {
        let ids: HashSet<_> = (0..100_000).map(id).collect();
        let pins: HashSet<_> = (0..100_000).map(pin).collect();
        assert_eq!((ids.len(), pins.len()), (100_000, 100_000));
    }

    #[test]
    fn one_in_a_thousand_has_a_rare_name() {
        assert_eq!((0..10_000).filter(|number| host_name(*number).contains(RARE)).count(), 10);
    }
}
