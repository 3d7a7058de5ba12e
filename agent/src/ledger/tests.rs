use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;

use landmark_proto::revision::Revision;
use proptest::prelude::*;

use super::testing::{offer, settings};
use super::*;

const LIMITS: Limits = Limits { allow_loopback: false };

fn open(folder: &Path) -> (Ledger, Vec<Damage>) {
    Ledger::open(folder, LIMITS)
}

fn revision(ledger: &Ledger) -> Option<u64> {
    ledger.accepted().map(|accepted| accepted.held().revision.get())
}

/// A folder in which revision 6 was held before revision 7.
fn folder_with_two() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (mut ledger, _) = open(folder.path());
    ledger.offer(&offer(6, &settings(&["a"]))).unwrap();
    ledger.offer(&offer(7, &settings(&["b"]))).unwrap();
    folder
}

fn overwrite(path: &Path, bytes: &[u8]) {
    durable::write(path, bytes, Mode::Private).unwrap();
}

#[test]
fn holds_after_a_restart_what_it_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let (mut ledger, damages) = open(folder.path());
    assert_eq!((ledger.accepted(), damages.as_slice()), (None, &[][..]));
    let offer = offer(6, &settings(&["a"]));
    let taken = ledger.offer(&offer).unwrap();
    let (again, damages) = open(folder.path());
    assert_eq!(damages, []);
    assert_eq!(taken, Taken::Accepted(again.accepted().unwrap().clone()));
    assert_eq!(again.accepted().unwrap().encoded(), &offer.settings);
}

#[test]
fn keeps_the_old_list_when_the_new_one_is_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let (mut ledger, _) = open(folder.path());
    ledger.offer(&offer(6, &settings(&["a"]))).unwrap();
    ledger.offer(&offer(7, &settings(&["127.0.0.1"]))).unwrap_err();
    assert_eq!(revision(&ledger), Some(6));
    assert_eq!(revision(&open(folder.path()).0), Some(6));
}

#[test]
fn a_damaged_ledger_falls_back_says_so_and_is_kept_once() {
    let folder = folder_with_two();
    for times in 0..2 {
        let (ledger, damages) = open(folder.path());
        if times > 0 {
            assert_eq!(damages[0].reason, "it is missing");
        }
        drop(ledger);
        overwrite(&folder.path().join(CURRENT), b"rubbish");
        let (ledger, damages) = open(folder.path());
        assert_eq!(revision(&ledger), Some(6));
        let [damage] = damages.as_slice() else { panic!("{damages:?}") };
        assert_eq!(damage.reason, "it has 7 bytes, fewer than its header needs");
        assert_eq!(damage.kept_as, Some(folder.path().join(DAMAGED)));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}

#[test]
fn a_fallback_takes_what_was_lost_again_but_nothing_older() {
    let folder = folder_with_two();
    overwrite(&folder.path().join(CURRENT), b"rubbish");
    let (mut ledger, _) = open(folder.path());
    assert_eq!(ledger.offer(&offer(5, &settings(&["x"]))).unwrap_err().code, RejectionCode::Outdated);
    assert_eq!(ledger.offer(&offer(7, &settings(&["x"]))).unwrap_err().code, RejectionCode::Conflict);
    assert_eq!(ledger.offer(&offer(6, &settings(&["a"]))), Ok(Taken::Unchanged));
    ledger.offer(&offer(7, &settings(&["b"]))).unwrap();
    let (ledger, damages) = open(folder.path());
    assert_eq!((revision(&ledger), damages.as_slice()), (Some(7), &[][..]));
}

#[test]
fn without_a_whole_file_nothing_is_held() {
    let folder = folder_with_two();
    for name in [CURRENT, PREVIOUS] {
        overwrite(&folder.path().join(name), b"");
    }
    let (ledger, damages) = open(folder.path());
    assert_eq!((revision(&ledger), damages.len()), (None, 2));
}

#[test]
fn looking_from_outside_changes_nothing() {
    let folder = folder_with_two();
    overwrite(&folder.path().join(CURRENT), b"rubbish");
    let (accepted, damages) = Ledger::peek(folder.path());
    assert_eq!(accepted.unwrap().held().revision.get(), 6);
    assert_eq!(damages[0].kept_as, None);
    assert!(folder.path().join(CURRENT).exists());
}

#[test]
fn a_folder_that_cannot_be_written_rejects_with_storage() {
    let folder = folder_with_two();
    let (mut ledger, _) = open(folder.path());
    fs::remove_dir_all(folder.path()).unwrap();
    let rejection = ledger.offer(&offer(8, &settings(&["c"]))).unwrap_err();
    assert_eq!(rejection.code, RejectionCode::Storage);
    assert_eq!(rejection.still_held.unwrap().revision.get(), 7);
    assert!(rejection.violations.unwrap().to_string().contains("cannot create"));
    assert_eq!(revision(&ledger), Some(7));
}

#[test]
fn files_are_private() {
    let folder = folder_with_two();
    for name in [CURRENT, PREVIOUS] {
        let mode = fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn reads_a_file_of_format_version_1() {
    let folder = tempfile::tempdir().unwrap();
    overwrite(&folder.path().join(CURRENT), include_bytes!("testdata/version-1.ledger"));
    let (ledger, damages) = open(folder.path());
    assert_eq!(damages, []);
    let accepted = ledger.accepted().unwrap();
    assert_eq!(accepted.held().revision, Revision::new(42).unwrap());
    assert_eq!(
        accepted.held().digest.to_string(),
        "99fd527e2837151114df3917c3125071881f22a42f5bcd987c35e23e72df1717"
    );
    assert_eq!(accepted.settings(), &settings(&["192.0.2.1", "2001:db8::1", "files.example"]));
}

/// The steps of accepting, as what the folder holds: a crash can stop after any of them. Writing a file is one step, for
/// it is first written under another name.
fn images(
    before: &BTreeMap<&'static str, Vec<u8>>,
    after: &BTreeMap<&'static str, Vec<u8>>,
) -> Vec<BTreeMap<&'static str, Vec<u8>>> {
    let mut between = before.clone();
    if let Some(previous) = after.get(PREVIOUS) {
        between.insert(PREVIOUS, previous.clone());
    }
    vec![before.clone(), between, after.clone()]
}

fn image(folder: &Path) -> BTreeMap<&'static str, Vec<u8>> {
    [CURRENT, PREVIOUS]
        .into_iter()
        .filter_map(|name| Some((name, fs::read(folder.join(name)).ok()?)))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_crash_at_any_step_leaves_the_old_or_the_new_one_whole(
        revisions in prop::collection::vec(1_u64..30, 1..5), torn in any::<prop::sample::Index>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        for number in revisions {
            let (mut ledger, _) = open(folder.path());
            let old = revision(&ledger);
            let before = image(folder.path());
            let taken = ledger.offer(&offer(number, &settings(&[&format!("host-{number}")])));
            let new = revision(&ledger);
            prop_assert!(new >= old, "{old:?} {taken:?}");
            let after = image(folder.path());
            for image in images(&before, &after) {
                let crashed = tempfile::tempdir().unwrap();
                for (name, bytes) in &image {
                    overwrite(&crashed.path().join(name), bytes);
                }
                let (found, damages) = open(crashed.path());
                prop_assert_eq!(damages, vec![]);
                let found = revision(&found);
                prop_assert!(found == old || found == new, "{:?} is neither {:?} nor {:?}", found, old, new);
            }
            // Damage on top of it: the current file torn anywhere gives the one before, and never less afterwards.
            if let Some(whole) = after.get(CURRENT) {
                let crashed = tempfile::tempdir().unwrap();
                for (name, bytes) in &after {
                    overwrite(&crashed.path().join(name), bytes);
                }
                overwrite(&crashed.path().join(CURRENT), &whole[..torn.index(whole.len())]);
                let (mut found, damages) = open(crashed.path());
                prop_assert!(!damages.is_empty());
                prop_assert!(revision(&found) < new);
                if after.contains_key(PREVIOUS) {
                    let lower = offer(new.unwrap_or(1).saturating_sub(1).max(1), &settings(&["lower"]));
                    prop_assert!(found.offer(&lower).is_err());
                }
            }
        }
    }
}
