use std::time::{Duration, SystemTime};

use landmark_proto::ids::{BootId, EvaluationId};
use landmark_proto::location::{Basis, Location, Trigger, Verdict};
use proptest::prelude::*;
use uuid::Uuid;

use super::disk::FileDisk;
use super::*;

/// A disk that can crash in the middle of a step, and be full.
#[derive(Clone, Debug, Default)]
struct FakeDisk {
    bytes: Option<Vec<u8>>,
    aside: Option<Vec<u8>>,
    failure: Option<Failure>,
}

#[derive(Clone, Copy, Debug)]
enum Failure {
    Full,
    /// Of the next append this many bytes arrive; a replacement does not.
    TornAt(usize),
    /// The bytes arrive, but nobody learns that.
    Unsure,
}

impl Disk for FakeDisk {
    fn load(&mut self) -> io::Result<Option<Vec<u8>>> {
        Ok(self.bytes.clone())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let file = self.bytes.as_mut().ok_or(io::ErrorKind::NotFound)?;
        match self.failure {
            None => file.extend_from_slice(bytes),
            Some(Failure::Full) => return Err(io::ErrorKind::StorageFull.into()),
            Some(Failure::TornAt(length)) => {
                file.extend_from_slice(&bytes[..length.min(bytes.len())]);
                return Err(io::ErrorKind::Other.into());
            }
            Some(Failure::Unsure) => {
                file.extend_from_slice(bytes);
                return Err(io::ErrorKind::Other.into());
            }
        }
        Ok(())
    }

    fn replace(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.failure {
            None => self.bytes = Some(bytes.to_vec()),
            Some(Failure::Full | Failure::TornAt(_)) => return Err(io::ErrorKind::StorageFull.into()),
            Some(Failure::Unsure) => {
                self.bytes = Some(bytes.to_vec());
                return Err(io::ErrorKind::Other.into());
            }
        }
        Ok(())
    }

    fn keep_aside(&mut self, bytes: &[u8]) {
        self.aside = Some(bytes.to_vec());
    }
}

fn id(number: u128) -> OutboxId {
    OutboxId::from_uuid(Uuid::from_u128(number))
}

/// A record that can be told from all others by its number.
fn report(number: u64) -> LocationReport {
    LocationReport {
        at: SystemTime::UNIX_EPOCH + Duration::from_secs(number),
        boot_id: BootId::from_uuid(Uuid::from_u128(7)),
        since_boot: Duration::from_millis(number),
        verdict: Verdict { location: Location::External, basis: Basis::NoneReachable { n_attempts: 3 } },
        triggers: vec![Trigger::LinkLost],
        revision: None,
        evaluation: EvaluationId::new(number),
        decided_in: Duration::from_millis(12),
        n_flips: 0,
    }
}

fn numbers(batch: &LocationReports) -> Vec<u64> {
    batch.reports.iter().map(|report| report.evaluation.get()).collect()
}

fn open(disk: FakeDisk, limits: Limits) -> (Outbox<FakeDisk>, Found) {
    static N_LIVES: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let life = N_LIVES.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let (mut outbox, found) = Outbox::open(disk, limits, id(life.into())).unwrap();
    outbox.flush().ok();
    (outbox, found)
}

fn all(outbox: &Outbox<FakeDisk>) -> Vec<u64> {
    outbox.batch(Sequence::default(), usize::MAX, usize::MAX).as_ref().map(numbers).unwrap_or_default()
}

fn filled(range: std::ops::Range<u64>) -> Outbox<FakeDisk> {
    let (mut outbox, _) = open(FakeDisk::default(), Limits::default());
    for number in range {
        outbox.push(report(number)).unwrap();
    }
    outbox
}

fn restarted(outbox: Outbox<FakeDisk>) -> (Outbox<FakeDisk>, Found) {
    let limits = outbox.ring.limits();
    open(FakeDisk { failure: None, ..outbox.disk }, limits)
}

#[test]
fn what_was_recorded_is_there_after_a_restart() {
    let outbox = filled(0..5);
    let range = outbox.status().range;
    let (again, found) = restarted(outbox);
    assert_eq!((found, all(&again)), (Found::Whole, vec![0, 1, 2, 3, 4]));
    assert_eq!(again.status().range, range);
}

#[test]
fn what_is_committed_is_forgotten_also_by_the_disk() {
    let mut outbox = filled(0..5);
    let outbox_id = outbox.status().range.outbox_id;
    let ack = |outbox_id, next| ReportAck { outbox_id, next: Sequence::new(next), slow_down: Duration::ZERO };
    outbox.acknowledge(ack(outbox_id, 3)).unwrap();
    assert_eq!(all(&outbox), [3, 4]);
    outbox.acknowledge(ack(id(u128::MAX), 5)).unwrap();
    outbox.acknowledge(ack(outbox_id, 99)).unwrap();
    outbox.acknowledge(ack(outbox_id, 1)).unwrap();
    assert_eq!(all(&outbox), [3, 4]);
    assert_eq!(all(&restarted(outbox).0), [3, 4]);
}

#[test]
fn batches_keep_their_limits_and_hold_at_least_one_record() {
    let outbox = filled(0..5);
    let entry = log::report_entry(Sequence::new(1), &report(1)).len();
    let batch = |from, n_records, n_bytes| {
        outbox
            .batch(Sequence::new(from), n_records, n_bytes)
            .map(|batch| (batch.first.get(), numbers(&batch)))
    };
    assert_eq!(batch(1, 2, usize::MAX), Some((1, vec![1, 2])));
    assert_eq!(batch(1, 9, 3 * entry + 2), Some((1, vec![1, 2, 3])));
    assert_eq!(batch(0, 9, 1), Some((0, vec![0])));
    assert_eq!(batch(5, 9, usize::MAX), None);
}

#[test]
fn overflow_drops_the_oldest_and_counts_them() {
    let limits = Limits { n_records: 3, n_bytes: usize::MAX };
    let (mut outbox, _) = open(FakeDisk::default(), limits);
    (0..10).for_each(|number| outbox.push(report(number)).unwrap());
    assert_eq!((all(&outbox), outbox.status().n_dropped), (vec![7, 8, 9], 7));
    assert_eq!(outbox.status().range.first.get(), 7);
    let (again, _) = restarted(outbox);
    assert_eq!((all(&again), again.status().n_dropped), (vec![7, 8, 9], 7));
}

#[test]
fn the_file_stays_small_for_ever() {
    let (mut outbox, _) = open(FakeDisk::default(), Limits { n_records: 20, n_bytes: 2_000 });
    for number in 0..3_000 {
        outbox.push(report(number)).unwrap();
        let n_bytes = outbox.disk.bytes.as_ref().map_or(0, Vec::len);
        assert!(n_bytes < 2 * 2_000 + SLACK_BYTES + 2_000, "{n_bytes}");
    }
    assert!(outbox.ring.n_bytes() <= 2_000);
}

#[test]
fn a_full_disk_loses_nothing_while_the_agent_lives() {
    let mut outbox = filled(0..2);
    outbox.disk.failure = Some(Failure::Full);
    outbox.push(report(2)).unwrap_err();
    outbox.push(report(3)).unwrap_err();
    // What is not on the disk is not sent.
    assert_eq!((all(&outbox), outbox.status().n_waiting), (vec![0, 1], 2));
    outbox.disk.failure = None;
    outbox.flush().unwrap();
    assert_eq!(all(&outbox), [0, 1, 2, 3]);
    assert!(outbox.status().is_stored);
    assert_eq!(all(&restarted(outbox).0), [0, 1, 2, 3]);
}

#[test]
fn an_agent_starts_on_a_full_disk() {
    let disk = FakeDisk { failure: Some(Failure::Full), ..FakeDisk::default() };
    let (mut outbox, found) = open(disk, Limits::default());
    assert_eq!((found, outbox.status().is_stored), (Found::Nothing, false));
    outbox.push(report(0)).unwrap_err();
    outbox.disk.failure = None;
    outbox.flush().unwrap();
    assert_eq!(all(&restarted(outbox).0), [0]);
}

#[test]
fn a_file_cut_anywhere_keeps_every_whole_record_and_its_life() {
    let outbox = filled(0..4);
    let life = outbox.status().range.outbox_id;
    let file = outbox.disk.bytes.unwrap();
    let header = log::image(&Ring::new(life, Limits::default())).len();
    for length in header..=file.len() {
        for zeros in [0, 5, 400] {
            let mut bytes = file[..length].to_vec();
            bytes.resize(length + zeros, 0);
            let (cut, found) =
                open(FakeDisk { bytes: Some(bytes), ..FakeDisk::default() }, Limits::default());
            let n_whole = all(&cut).len() as u64;
            assert_eq!(all(&cut), (0..n_whole).collect::<Vec<_>>());
            if found != Found::Damaged {
                assert_eq!(cut.status().range.outbox_id, life, "{length} {zeros} {found:?}");
            }
            if zeros == 0 {
                assert_ne!(found, Found::Damaged, "{length}");
                assert!(n_whole == 4 || length < file.len());
            }
        }
    }
}

#[test]
fn damage_in_the_middle_begins_a_new_life_with_what_can_be_read() {
    let outbox = filled(0..4);
    let life = outbox.status().range.outbox_id;
    let file = outbox.disk.bytes.unwrap();
    for position in 0..file.len() - 200 {
        let mut bytes = file.clone();
        bytes[position] ^= 0x10;
        let disk = FakeDisk { bytes: Some(bytes.clone()), ..FakeDisk::default() };
        let (found, how) = open(disk, Limits::default());
        if how == Found::Torn {
            // A length that points beyond the end looks like an interrupted append: what comes before it is kept.
            assert!(all(&found).len() < 4);
            continue;
        }
        assert_eq!(how, Found::Damaged, "{position}");
        assert_ne!(found.status().range.outbox_id, life);
        assert_eq!(found.disk.aside, Some(bytes));
        assert_eq!(all(&found), (0..all(&found).len() as u64).collect::<Vec<_>>());
    }
}

#[test]
fn a_new_server_gets_everything_that_is_there() {
    let mut outbox = filled(0..5);
    outbox.resume(Sequence::new(3), id(1)).unwrap();
    assert_eq!(outbox.resume(Sequence::new(0), id(1)).unwrap(), Resume::From(Sequence::new(3)));
    assert_eq!(all(&outbox), [3, 4]);
}

#[test]
fn a_folder_restored_from_a_copy_sends_only_what_is_new() {
    let (mut outbox, _) = restarted(filled(0..5));
    outbox.push(report(100)).unwrap();
    assert_eq!(outbox.resume(Sequence::new(50), id(0xabc)).unwrap(), Resume::NewLife);
    assert_eq!(outbox.status().range.outbox_id, id(0xabc));
    assert_eq!(all(&outbox), [100]);
    assert_eq!(all(&restarted(outbox).0), [100]);
}

#[test]
fn keeps_its_records_in_a_real_file() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let (mut outbox, found) =
            Outbox::open(FileDisk::new(folder.path()), Limits::default(), id(5)).unwrap();
        outbox.flush().unwrap();
        (outbox, found)
    };
    let (mut outbox, found) = open();
    assert_eq!(found, Found::Nothing);
    (0..3).for_each(|number| outbox.push(report(number)).unwrap());
    outbox.resume(Sequence::new(1), id(6)).unwrap();
    let (again, found) = open();
    assert_eq!(found, Found::Whole);
    assert_eq!(numbers(&again.batch(Sequence::default(), 9, 9_999).unwrap()), [1, 2]);
}

/// The server's half: commits each number of each life once.
#[derive(Debug, Default)]
struct Server {
    committed: Vec<(OutboxId, Sequence)>,
    history: Vec<u64>,
}

impl Server {
    fn next(&self, id: OutboxId) -> Sequence {
        self.committed.iter().find(|(known, _)| *known == id).map_or(Sequence::default(), |(_, next)| *next)
    }

    fn commit(&mut self, batch: &LocationReports) {
        let from = self.next(batch.outbox_id);
        for (index, report) in batch.reports.iter().enumerate() {
            if batch.first.plus(index as u64) >= from {
                self.history.push(report.evaluation.get());
            }
        }
        let next = batch.next().max(from);
        self.committed.retain(|(known, _)| *known != batch.outbox_id);
        self.committed.push((batch.outbox_id, next));
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// A change is recorded.
    Record,
    /// The disk fails while it is recorded, and the agent dies.
    RecordAndDie(Failure),
    /// The agent dies and comes back.
    Restart,
    /// A session: Hello, Welcome, one batch.
    Session { n_records: usize, until: Until },
}

/// How far a session comes.
#[derive(Clone, Copy, Debug)]
enum Until {
    Welcome,
    /// The batch is lost on its way, or the server dies before it commits.
    Sent,
    /// The server commits and dies before its acknowledgement arrives.
    Committed,
    /// The agent has the acknowledgement, and dies while it writes it down.
    AckedButTorn(usize),
    Acked,
}

fn step() -> impl Strategy<Value = Step> {
    let failure =
        prop_oneof![(0_usize..300).prop_map(Failure::TornAt), Just(Failure::Unsure), Just(Failure::Full)];
    let until = prop_oneof![
        Just(Until::Welcome),
        Just(Until::Sent),
        Just(Until::Committed),
        (0_usize..30).prop_map(Until::AckedButTorn),
        Just(Until::Acked),
    ];
    prop_oneof![
        4 => Just(Step::Record),
        1 => failure.prop_map(Step::RecordAndDie),
        1 => Just(Step::Restart),
        4 => (1_usize..4, until).prop_map(|(n_records, until)| Step::Session { n_records, until }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn replay_with_crashes_at_every_point_loses_and_doubles_nothing(steps in prop::collection::vec(step(), 1..60)) {
        let (mut outbox, _) = open(FakeDisk::default(), Limits::default());
        let mut server = Server::default();
        // What the agent had on its disk when it was recorded, and what may be there or not, for it died just then.
        let mut recorded = Vec::new();
        let mut number = 0;
        for step in steps {
            match step {
                Step::Record => {
                    outbox.push(report(number)).unwrap();
                    recorded.push(number);
                    number += 1;
                }
                Step::RecordAndDie(failure) => {
                    outbox.disk.failure = Some(failure);
                    outbox.push(report(number)).unwrap_err();
                    outbox = restarted(outbox).0;
                    if all(&outbox).contains(&number) {
                        recorded.push(number);
                    }
                    number += 1;
                }
                Step::Restart => outbox = restarted(outbox).0,
                Step::Session { n_records, until } => {
                    let range = outbox.status().range;
                    let resume = outbox.resume(server.next(range.outbox_id), id(u128::MAX)).unwrap();
                    let Resume::From(from) = resume else { panic!("nothing was restored from a copy") };
                    if matches!(until, Until::Welcome) {
                        continue;
                    }
                    let Some(batch) = outbox.batch(from, n_records, usize::MAX) else { continue };
                    if matches!(until, Until::Sent) {
                        continue;
                    }
                    server.commit(&batch);
                    let next = server.next(range.outbox_id);
                    let ack = ReportAck { outbox_id: range.outbox_id, next, slow_down: Duration::ZERO };
                    match until {
                        Until::AckedButTorn(length) => {
                            outbox.disk.failure = Some(Failure::TornAt(length));
                            outbox.acknowledge(ack).ok();
                            outbox = restarted(outbox).0;
                        }
                        Until::Acked => outbox.acknowledge(ack).unwrap(),
                        Until::Welcome | Until::Sent | Until::Committed => {}
                    }
                }
            }
            let mut known = server.history.clone();
            known.extend(all(&outbox).into_iter().filter(|number| !server.history.contains(number)));
            prop_assert_eq!(&known, &recorded, "everything is at the server or still here, in order, once");
        }
        // A last session that nobody disturbs brings everything.
        let range = outbox.status().range;
        outbox.resume(server.next(range.outbox_id), id(u128::MAX)).unwrap();
        if let Some(batch) = outbox.batch(Sequence::default(), usize::MAX, usize::MAX) {
            server.commit(&batch);
        }
        prop_assert_eq!(server.history, recorded);
    }
}
