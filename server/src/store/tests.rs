use std::collections::BTreeSet;

use landmark_proto::reference_server::{ReferenceServer, ReferenceServerList};
use landmark_proto::revision::Revision;
use landmark_proto::violation::{Path as FieldPath, Violations};
use tempfile::TempDir;

use super::assignments::{AssignError, Note, Signature};
use super::drafts::{Author, Changed, EditDraftError, Etag};
use super::*;

struct Opened {
    store: Store,
    folder: TempDir,
}

impl Opened {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { store: open(&folder).await, folder }
    }

    /// As after a crash: nothing is closed, the process simply goes on with a new store.
    async fn crash(self) -> Self {
        let Self { store, folder } = self;
        drop(store);
        Self { store: open(&folder).await, folder }
    }
}

async fn open(folder: &TempDir) -> Store {
    Store::open(&folder.path().join("landmark.db")).await.unwrap()
}

fn ada() -> Author {
    Author::from("ada".to_owned())
}

fn now() -> Changed {
    Changed { at: SystemTime::now(), by: ada() }
}

fn signature(note: &str) -> Signature {
    Signature { by: ada(), at: SystemTime::now(), note: Note::new(note).unwrap() }
}

/// Puts one more host at the end of the list.
fn add(host: &str) -> impl FnOnce(&Settings) -> Result<Settings, Violations> {
    let server = ReferenceServer {
        host: host.parse().unwrap(),
        ports: landmark_proto::port::Ports::new(vec!["443".parse().unwrap()]).unwrap(),
        probe: landmark_proto::reference_server::Probe::Tcp,
    };
    move |settings| {
        let mut settings = settings.clone();
        let mut servers = settings.reference_servers.servers().to_vec();
        servers.push(server);
        settings.reference_servers = ReferenceServerList::new(true, servers).unwrap();
        Ok(settings)
    }
}

async fn edit(store: &Store, host: &str) -> drafts::Draft {
    store.edit_draft(None, now(), add(host)).await.unwrap()
}

fn assert_send<T: Send>(future: T) -> T {
    future
}

#[tokio::test]
async fn a_failed_write_changes_nothing_and_the_next_one_works() {
    let Opened { store, folder: _folder } = Opened::new().await;
    let failed: Result<(), StoreError> = assert_send(store.write(async |connection| {
        sqlx::query("UPDATE revision_counter SET last = 7").execute(connection).await.unwrap();
        Err(StoreError::Busy)
    }))
    .await;
    assert!(matches!(failed, Err(StoreError::Busy)));
    assert_eq!(last_revision(&store).await, 0);
    edit(&store, "a.example").await;
}

async fn last_revision(store: &Store) -> i64 {
    let read = store.read(async |connection| {
        let row = sqlx::query("SELECT last FROM revision_counter").fetch_one(connection).await.unwrap();
        Ok::<_, StoreError>(row.get(0))
    });
    assert_send(read).await.unwrap()
}

#[tokio::test]
async fn a_cancelled_write_changes_nothing_and_blocks_nobody() {
    let Opened { store, folder: _folder } = Opened::new().await;
    let (started_tx, started_rx) = tokio::sync::oneshot::channel();
    let hanging = store.write(async |connection| {
        sqlx::query("UPDATE revision_counter SET last = 7").execute(connection).await.unwrap();
        started_tx.send(()).unwrap();
        std::future::pending::<Result<(), StoreError>>().await
    });
    tokio::select! {
        _ = hanging => panic!("never ends"),
        started = started_rx => started.unwrap(),
    }
    assert_eq!(store.assign(None, &signature("")).await.unwrap().stored.held().revision, Revision::FIRST);
}

#[tokio::test]
async fn a_reader_cannot_change_anything() {
    let Opened { store, folder: _folder } = Opened::new().await;
    let refused = store
        .read(async |connection| {
            sqlx::query("UPDATE revision_counter SET last = 7")
                .execute(connection)
                .await
                .map_err(StoreError::doing("try"))
        })
        .await;
    assert!(refused.is_err());
}

#[tokio::test]
async fn what_was_saved_survives_a_crash() {
    let opened = Opened::new().await;
    let fleet_id = opened.store.fleet_id();
    let draft = edit(&opened.store, "a.example").await;
    let mode = std::fs::metadata(opened.folder.path().join("landmark.db-wal")).unwrap().permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o600);
    let assigned = opened.store.assign(Some(&draft.etag), &signature("first")).await.unwrap();
    let draft = edit(&opened.store, "b.example").await;

    let opened = opened.crash().await;
    assert_eq!(opened.store.fleet_id(), fleet_id);
    let found = opened.store.draft().await.unwrap();
    assert_eq!(found.settings, draft.settings);
    assert_eq!(found.etag, draft.etag);
    assert!(found.differs);
    let present = opened.store.present_assignment().await.unwrap().unwrap();
    assert_eq!(present.encoded(), assigned.stored.encoded());
    assert_eq!(present.summary().note.as_str(), "first");
}

#[tokio::test]
async fn a_fleet_keeps_the_authority_that_was_recorded_first() {
    let opened = Opened::new().await;
    assert_eq!(opened.store.authority_pin().await.unwrap(), None);
    let first = SpkiPin::of(b"first");
    opened.store.record_authority_pin(first).await.unwrap();
    opened.store.record_authority_pin(SpkiPin::of(b"second")).await.unwrap();
    let opened = opened.crash().await;
    assert_eq!(opened.store.authority_pin().await.unwrap(), Some(first));
}

#[tokio::test]
async fn of_two_who_edit_at_once_the_second_gets_the_present_draft() {
    let Opened { store, folder: _folder } = Opened::new().await;
    let seen_by_both = store.draft().await.unwrap().etag;
    let (one, two) = tokio::join!(
        store.edit_draft(Some(&seen_by_both), now(), add("a.example")),
        store.edit_draft(Some(&seen_by_both), now(), add("b.example")),
    );
    let (won, lost) = if one.is_ok() { (one, two) } else { (two, one) };
    let won = won.unwrap();
    let Err(EditDraftError::Conflict { present }) = lost else { panic!("{lost:?}") };
    assert_eq!(*present, won);
    assert_eq!(store.draft().await.unwrap(), won);
}

#[tokio::test]
async fn an_etag_is_never_used_twice_even_when_settings_come_back() {
    let Opened { store, folder: _folder } = Opened::new().await;
    let before = store.draft().await.unwrap();
    assert!(!before.differs);
    assert!(edit(&store, "a.example").await.differs);
    let after = store.discard_draft(None, now()).await.unwrap();
    assert_eq!(after.settings, before.settings);
    assert_ne!(after.etag, before.etag);
    assert_eq!(Etag::from_wire(after.etag.as_str().to_owned()), Some(after.etag));
}

#[tokio::test]
async fn an_edit_that_breaks_a_rule_or_changes_nothing_leaves_the_draft_alone() {
    let Opened { store, folder: _folder } = Opened::new().await;
    let before = edit(&store, "a.example").await;
    let broken = Violations::one(&FieldPath::root().field("edits").index(0), "is bad");
    let refused = store.edit_draft(None, now(), |_| Err(broken)).await;
    assert!(matches!(refused, Err(EditDraftError::Invalid(_))));
    let same = store.edit_draft(None, now(), |settings| Ok(settings.clone())).await.unwrap();
    assert_eq!(same, before);
    assert_eq!(store.draft().await.unwrap(), before);
}

#[tokio::test]
async fn assigning_a_stale_draft_is_refused_and_takes_no_number() {
    let Opened { store, folder: _folder } = Opened::new().await;
    let stale = store.draft().await.unwrap().etag;
    let present = edit(&store, "a.example").await;
    let refused = store.assign(Some(&stale), &signature("")).await;
    let Err(AssignError::Conflict { present: told }) = refused else { panic!("{refused:?}") };
    assert_eq!(*told, present);
    assert_eq!(last_revision(&store).await, 0);
}

#[tokio::test]
async fn assigning_what_is_in_force_makes_nothing() {
    let Opened { store, folder: _folder } = Opened::new().await;
    edit(&store, "a.example").await;
    let first = store.assign(None, &signature("one")).await.unwrap();
    let second = store.assign(None, &signature("two")).await.unwrap();
    assert!(first.created && !second.created);
    assert_eq!(second.stored, first.stored);
    assert!(!store.draft().await.unwrap().differs);
}

#[tokio::test]
async fn assigning_again_makes_a_higher_revision_of_the_old_bytes_and_the_draft() {
    let Opened { store, folder: _folder } = Opened::new().await;
    let old = edit(&store, "a.example").await;
    let first = store.assign(None, &signature("")).await.unwrap().stored;
    edit(&store, "b.example").await;
    store.assign(None, &signature("")).await.unwrap();
    let again = store.assign_again(Revision::FIRST, &signature("back")).await.unwrap();
    assert!(again.created);
    assert_eq!(again.stored.held().revision.get(), 3);
    assert_eq!(again.stored.summary().again_of, Some(Revision::FIRST));
    assert_eq!(again.stored.encoded(), first.encoded());
    let draft = store.draft().await.unwrap();
    assert_eq!(draft.settings, old.settings);
    assert!(!draft.differs);
    let missing = Revision::new(9).unwrap();
    let refused = store.assign_again(missing, &signature("")).await;
    assert!(matches!(refused, Err(AssignError::NotFound(revision)) if revision == missing));
}

#[tokio::test]
async fn assigning_again_keeps_edits_that_are_not_assigned_yet() {
    let Opened { store, folder: _folder } = Opened::new().await;
    edit(&store, "a.example").await;
    store.assign(None, &signature("")).await.unwrap();
    edit(&store, "b.example").await;
    store.assign(None, &signature("")).await.unwrap();
    edit(&store, "c.example").await;
    let edited = store.draft().await.unwrap();
    let again = store.assign_again(Revision::FIRST, &signature("back")).await.unwrap();
    let draft = store.draft().await.unwrap();
    assert_eq!((&draft.etag, &draft.settings), (&edited.etag, &edited.settings));
    assert_eq!(draft.assigned, Some(again.stored.held()));
    assert!(draft.differs);
}

#[tokio::test]
async fn concurrent_assigns_leave_no_gap_and_never_share_a_number() {
    let Opened { store, folder: _folder } = Opened::new().await;
    for host in ["a.example", "b.example", "c.example"] {
        edit(&store, host).await;
        store.assign(None, &signature("")).await.unwrap();
    }
    let mut running = tokio::task::JoinSet::new();
    for n in 0..20 {
        let store = store.clone();
        running.spawn(async move {
            edit(&store, &format!("host-{n}.example")).await;
            store.assign(None, &signature("")).await.unwrap()
        });
    }
    let assigned = running.join_all().await;
    let mut made: BTreeSet<u64> = assigned
        .iter()
        .filter(|assigned| assigned.created)
        .map(|assigned| assigned.stored.held().revision.get())
        .collect();
    let n_made = assigned.iter().filter(|assigned| assigned.created).count();
    assert_eq!(made.len(), n_made);
    made.extend([1, 2, 3]);
    assert_eq!(made, (1..=3 + n_made as u64).collect());
    let listed = store.assignments(None, 100).await.unwrap();
    assert_eq!(listed.len(), 3 + n_made);
    assert!(listed.is_sorted_by_key(|summary| std::cmp::Reverse(summary.held.revision)));
    assert_eq!(listed[0].n_reference_servers, 23);
    assert!(listed[0].list_enabled);
    let below = store.assignments(Revision::new(3), 1).await.unwrap();
    assert_eq!(below[0].held.revision.get(), 2);
}

#[tokio::test]
async fn an_assignment_cannot_be_changed_or_deleted() {
    let Opened { store, folder: _folder } = Opened::new().await;
    store.assign(None, &signature("")).await.unwrap();
    for statement in ["UPDATE assignment SET note = 'x'", "DELETE FROM assignment"] {
        let refused = store
            .write(async |connection| execute(connection, statement).await.map_err(StoreError::doing("try")))
            .await;
        let text = landmark_daemon::error::Chain(&refused.unwrap_err()).to_string();
        assert!(text.contains("an assignment is never"), "{text}");
    }
    assert!(store.present_assignment().await.unwrap().is_some());
}

#[tokio::test]
async fn a_damaged_draft_is_an_error_and_not_an_empty_list() {
    let Opened { store, folder: _folder } = Opened::new().await;
    edit(&store, "a.example").await;
    store
        .write(async |connection| {
            execute(connection, "UPDATE draft SET settings = x'00'")
                .await
                .map_err(StoreError::doing("damage"))
        })
        .await
        .unwrap();
    assert!(matches!(store.draft().await, Err(StoreError::Damaged { what: "draft", .. })));
    assert!(store.assign(None, &signature("")).await.is_err());
}

#[tokio::test]
async fn a_full_disk_is_recognised_and_everything_works_again_once_there_is_room() {
    let Opened { store, folder: _folder } = Opened::new().await;
    let limit = |pages: &'static str| {
        let store = store.clone();
        async move {
            store
                .write(async |connection| {
                    execute(connection, pages).await.map_err(StoreError::doing("limit"))
                })
                .await
                .unwrap();
        }
    };
    // SQLite never goes below the pages that are there: from here on it can have no more.
    limit("PRAGMA max_page_count = 1").await;
    let full = loop {
        edit(&store, &format!("{}.example", Uuid::new_v4())).await;
        if let Err(error) = store.assign(None, &signature(&"long ".repeat(190))).await {
            break error;
        }
    };
    let AssignError::Store(full) = full else { panic!("{full:?}") };
    assert!(full.is_full(), "{full:?}");
    let n_assigned = store.assignments(None, 1000).await.unwrap().len();

    limit("PRAGMA max_page_count = 1000000").await;
    let next = store.assign(None, &signature("")).await.unwrap();
    assert_eq!(next.stored.held().revision.get(), n_assigned as u64 + 1);
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let Opened { store, folder: _folder } = Opened::new().await;
    store.ping().await.unwrap();
    store.close().await;
    assert!(matches!(store.ping().await, Err(StoreError::Closed)));
    assert!(matches!(store.draft().await, Err(StoreError::Closed)));
    let refused = store.edit_draft(None, now(), add("a.example")).await;
    assert!(matches!(refused, Err(EditDraftError::Store(StoreError::Closed))));
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_refused() {
    let opened = Opened::new().await;
    opened
        .store
        .write(async |connection| {
            let statement =
                "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                             VALUES (9999, 'later', TRUE, x'00', 0)";
            execute(connection, statement).await.map_err(StoreError::doing("pretend"))
        })
        .await
        .unwrap();
    opened.store.close().await;
    let refused = Store::open(&opened.folder.path().join("landmark.db")).await;
    assert!(matches!(refused, Err(StoreError::Newer { version: 9999 })), "{refused:?}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("landmark.db");
    landmark_daemon::durable::write(&file, &[b'x'; 4096], landmark_daemon::durable::Mode::Private).unwrap();
    let error = Store::open(&file).await.unwrap_err();
    assert!(error.is_disk_failure(), "{error:?}");
}

#[test]
fn times_come_back_to_the_microsecond() {
    let time = SystemTime::UNIX_EPOCH + Duration::new(1_800_000_000, 123_456_000);
    assert_eq!(time_from_row(time_to_row(time)), time);
    assert_eq!(time_to_row(SystemTime::UNIX_EPOCH - Duration::from_secs(1)), 0);
}
