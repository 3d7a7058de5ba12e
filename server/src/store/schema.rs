//! What is particular to SQLite: how a file is opened, and how its tables come about.
//!
//! The statements in the other files of the store are plain SQL.

use std::io;
use std::path::Path;
use std::time::Duration;

use sqlx::SqliteConnection;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};

use super::StoreError;

/// Every migration there ever was, in the binary.
static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Takes the write lock at once: a deferred transaction that upgrades ignores the busy time-out (SQLite, "Transactions").
pub(super) const BEGIN: &str = "BEGIN IMMEDIATE";

/// Another process (a backup, an inspection) may hold the lock this long before a writer gives up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// How the writer opens the file. `FULL`: a commit survives a power failure.
pub(super) fn writer_options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .thread_name(|id| format!("store-writer-{id}"))
}

/// How a reader opens it: it cannot change anything.
pub(super) fn reader_options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(false)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .pragma("query_only", "ON")
        .thread_name(|id| format!("store-reader-{id}"))
}

/// Makes the tables, or brings them up to date.
pub(super) async fn migrate(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    MIGRATIONS.run(connection).await.map_err(|error| {
        if let MigrateError::VersionMissing(version) = error {
            StoreError::Newer { version }
        } else {
            StoreError::doing("bring the tables up to date")(sqlx::Error::Migrate(Box::new(error)))
        }
    })
}

/// Result codes that mean "no room": <https://www.sqlite.org/rescode.html>.
pub(super) fn is_full(error: &sqlx::Error) -> bool {
    // The shared memory of the write-ahead log could not grow.
    const SQLITE_IOERR_SHMSIZE: i32 = 4874;
    const SQLITE_FULL: i32 = 13;
    let no_space = matches!(error, sqlx::Error::Io(error) if error.kind() == io::ErrorKind::StorageFull);
    no_space
        || result_code(error).is_some_and(|code| code & 0xff == SQLITE_FULL || code == SQLITE_IOERR_SHMSIZE)
}

/// Result codes that mean "the disk fails, or the file is damaged", rather than a mistake of ours.
pub(super) fn is_disk_failure(error: &sqlx::Error) -> bool {
    const SQLITE_READONLY: i32 = 8;
    const SQLITE_IOERR: i32 = 10;
    const SQLITE_CORRUPT: i32 = 11;
    const SQLITE_CANTOPEN: i32 = 14;
    const SQLITE_NOTADB: i32 = 26;
    let codes = [SQLITE_READONLY, SQLITE_IOERR, SQLITE_CORRUPT, SQLITE_CANTOPEN, SQLITE_NOTADB];
    matches!(error, sqlx::Error::Io(_))
        || result_code(error).is_some_and(|code| codes.contains(&(code & 0xff)))
}

fn result_code(error: &sqlx::Error) -> Option<i32> {
    error.as_database_error()?.code()?.parse().ok()
}

/// Makes the tables as they were when this migration was the last.
#[cfg(test)]
pub(super) async fn migrate_up_to(connection: &mut SqliteConnection, version: i64) {
    let of_then = MIGRATIONS.iter().filter(|migration| migration.version <= version).cloned();
    let migrator = Migrator { migrations: of_then.collect::<Vec<_>>().into(), ..Migrator::DEFAULT };
    migrator.run(connection).await.unwrap();
}
