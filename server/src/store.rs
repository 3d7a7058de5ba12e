//! The store: everything that must outlive the process, in one SQLite file.
//!
//! One connection writes, several read. A write is one transaction: it is committed when its work succeeds and rolled
//! back when it fails, is cancelled or panics; writers queue in the order in which they came. What a method returns `Ok`
//! for is on disk. An error is an error: never an empty list.
//!
//! Must not know: gRPC, sessions, clocks (times are parameters).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use landmark_proto::ids::FleetId;
use landmark_proto::pin::SpkiPin;
use landmark_proto::settings::{EncodedSettings, Settings};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use sqlx::{Connection as _, Row as _, SqliteConnection};
use thiserror::Error;
use tokio::sync::Mutex;
use tokio::time::timeout;
use uuid::Uuid;

use crate::metrics;

pub(crate) mod accounts;
pub mod agents;
pub(crate) mod api_tokens;
pub mod assignments;
pub mod drafts;
pub mod evidence;
pub mod history;
pub mod samples;
mod schema;
mod sessions;
pub mod tokens;

pub use self::agents::Agents;
pub use self::evidence::{EvidenceRecord, StoredEvidence};
pub use self::history::{AgentReports, Batch, Committed, Written};
pub use self::tokens::{Candidate, EnrollError, Enrolled};

/// Enough for a page of the console, an export and a few calls at once; each costs a thread.
const N_READERS: u32 = 4;
/// A writer that has to queue longer than this says so to its caller instead.
const WRITE_QUEUE_TIMEOUT: Duration = Duration::from_secs(30);
const READ_QUEUE_TIMEOUT: Duration = Duration::from_secs(10);

/// The store. Clones share it.
#[derive(Clone, Debug)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: PathBuf,
    fleet_id: FleetId,
    writer: Mutex<Writer>,
    readers: SqlitePool,
}

#[derive(Debug)]
enum Writer {
    Open(SqliteConnection),
    /// The last transaction did not end cleanly: its connection was thrown away with it.
    Lost,
    Closed,
}

impl Store {
    /// Opens the file, making it and its tables where they are missing.
    ///
    /// # Errors
    /// The file cannot be opened, is damaged, or was written by a newer version.
    pub async fn open(file: &Path) -> Result<Self, StoreError> {
        make_private(file).await?;
        let mut writer = connect(&schema::writer_options(file)).await?;
        schema::migrate(&mut writer).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(N_READERS)
            .acquire_timeout(READ_QUEUE_TIMEOUT)
            .connect_with(schema::reader_options(file))
            .await
            .map_err(StoreError::doing("open the database for reading"))?;
        seed(&mut writer).await?;
        let fleet_id = read_fleet_id(&mut writer).await?;
        let writer = Mutex::new(Writer::Open(writer));
        Ok(Self(Arc::new(Inner { file: file.to_owned(), fleet_id, writer, readers })))
    }

    /// Waits for the writes under way, then closes. Whatever is asked afterwards gets [`StoreError::Closed`].
    pub async fn close(&self) {
        let writer = std::mem::replace(&mut *self.0.writer.lock().await, Writer::Closed);
        self.0.readers.close().await;
        if let Writer::Open(connection) = writer
            && let Err(error) = connection.close().await
        {
            // Every commit is on disk already; only the tidying up of the log did not happen.
            tracing::warn!(%error, "store not closed cleanly");
        }
    }

    /// Whether the store answers, for readiness.
    ///
    /// # Errors
    /// It does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.read(async |connection| {
            sqlx::query("SELECT last FROM revision_counter")
                .fetch_one(connection)
                .await
                .map_err(StoreError::doing("ask the database anything"))?;
            Ok(())
        })
        .await
    }

    /// The fleet that the store belongs to: made with the file.
    pub fn fleet_id(&self) -> FleetId {
        self.0.fleet_id
    }

    /// Of the authority that the fleet's agents trust; `None` as long as there is none.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn authority_pin(&self) -> Result<Option<SpkiPin>, StoreError> {
        let doing = StoreError::doing("read the authority's pin");
        self.read(async |connection| {
            let row =
                sqlx::query("SELECT authority_pin FROM fleet").fetch_one(connection).await.map_err(doing)?;
            let pin: Option<Vec<u8>> = row.try_get(0).map_err(doing)?;
            pin.map(|bytes| {
                SpkiPin::try_from(bytes.as_slice())
                    .map_err(|error| StoreError::damaged("authority pin", error))
            })
            .transpose()
        })
        .await
    }

    /// Records the fleet's authority. One that is recorded already stays.
    ///
    /// # Errors
    /// The store failed.
    pub async fn record_authority_pin(&self, pin: SpkiPin) -> Result<(), StoreError> {
        self.write(async |connection| {
            sqlx::query("UPDATE fleet SET authority_pin = $1 WHERE authority_pin IS NULL")
                .bind(&pin.as_bytes()[..])
                .execute(connection)
                .await
                .map_err(StoreError::doing("record the authority's pin"))?;
            Ok(())
        })
        .await
    }

    /// Runs `work` in a transaction of the only writer: committed on `Ok`, rolled back otherwise.
    ///
    /// # Errors
    /// Those of `work`; the store is busy, closed, full or failing.
    pub(crate) async fn write<T, E: From<StoreError>>(
        &self,
        work: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, E>,
    ) -> Result<T, E> {
        let since = Instant::now();
        let result = self.write_one(work).await;
        metrics::store_write(since.elapsed());
        result
    }

    async fn write_one<T, E: From<StoreError>>(
        &self,
        work: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut writer =
            timeout(WRITE_QUEUE_TIMEOUT, self.0.writer.lock()).await.map_err(|_| StoreError::Busy)?;
        // The connection leaves its place while it works: whoever is cancelled or panics drops it, SQLite rolls back,
        // and the next writer opens a new one. It comes back only after a clean end.
        let mut connection = match std::mem::replace(&mut *writer, Writer::Lost) {
            Writer::Open(connection) => connection,
            Writer::Lost => connect(&schema::writer_options(&self.0.file)).await?,
            Writer::Closed => {
                *writer = Writer::Closed;
                return Err(StoreError::Closed.into());
            }
        };
        execute(&mut connection, schema::BEGIN).await.map_err(StoreError::doing("begin a transaction"))?;
        let result = work(&mut connection).await;
        let end = if result.is_ok() { "COMMIT" } else { "ROLLBACK" };
        match execute(&mut connection, end).await {
            Ok(()) => *writer = Writer::Open(connection),
            // A full disk may have rolled back already; the connection goes either way, and the work's own error counts.
            Err(_) if result.is_err() => {}
            Err(error) => return Err(StoreError::doing("commit")(error).into()),
        }
        result
    }

    /// Runs `work` on a reader, all in one snapshot.
    ///
    /// # Errors
    /// Those of `work`; the store is busy, closed or failing.
    pub(crate) async fn read<T, E: From<StoreError>>(
        &self,
        work: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, E>,
    ) -> Result<T, E> {
        let begin = StoreError::doing("begin to read");
        let mut transaction = self.0.readers.begin().await.map_err(begin)?;
        let result = work(&mut transaction).await;
        // Nothing was changed, so how the snapshot ends is of no interest.
        transaction.rollback().await.ok();
        result
    }
}

/// The file is ours alone, wherever it lies: SQLite gives its other files the mode of the first.
async fn make_private(file: &Path) -> Result<(), StoreError> {
    let made = tokio::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(file).await;
    made.map(drop).map_err(|error| StoreError::doing("open the database")(error.into()))
}

async fn connect(options: &SqliteConnectOptions) -> Result<SqliteConnection, StoreError> {
    SqliteConnection::connect_with(options).await.map_err(StoreError::doing("open the database"))
}

async fn execute(connection: &mut SqliteConnection, statement: &'static str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(statement).execute(connection).await.map(drop)
}

/// The rows that are there once and for ever.
async fn seed(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let settings = EncodedSettings::encode(&Settings::default());
    let mut transaction =
        connection.begin_with(schema::BEGIN).await.map_err(StoreError::doing("make the first rows"))?;
    let inserted = async {
        sqlx::query("INSERT INTO fleet VALUES (1, $1, $2, NULL) ON CONFLICT DO NOTHING")
            .bind(&Uuid::new_v4().as_bytes()[..])
            .bind(time_to_row(SystemTime::now()))
            .execute(&mut *transaction)
            .await?;
        sqlx::query("INSERT INTO revision_counter VALUES (1, 0) ON CONFLICT DO NOTHING")
            .execute(&mut *transaction)
            .await?;
        sqlx::query("INSERT INTO draft VALUES (1, 0, $1, $2, NULL, NULL) ON CONFLICT DO NOTHING")
            .bind(&settings.digest().as_bytes()[..])
            .bind(settings.bytes().as_ref())
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await
    };
    inserted.await.map_err(StoreError::doing("make the first rows"))
}

async fn read_fleet_id(connection: &mut SqliteConnection) -> Result<FleetId, StoreError> {
    let doing = StoreError::doing("read the fleet's id");
    let row = sqlx::query("SELECT fleet_id FROM fleet").fetch_one(connection).await.map_err(doing)?;
    let bytes: Vec<u8> = row.try_get(0).map_err(doing)?;
    Uuid::from_slice(&bytes)
        .map(FleetId::from_uuid)
        .map_err(|_| StoreError::damaged("fleet id", "not 16 bytes"))
}

/// A time as rows have it: microseconds since 1970.
pub(crate) fn time_to_row(time: SystemTime) -> i64 {
    let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX)
}

/// Back from a row.
pub(crate) fn time_from_row(micros: i64) -> SystemTime {
    let since_epoch = Duration::from_micros(u64::try_from(micros).unwrap_or(0));
    SystemTime::UNIX_EPOCH.checked_add(since_epoch).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// The store could not do what it was asked.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The database refused.
    #[error("cannot {doing}")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// What the database says.
        source: sqlx::Error,
    },
    /// What is stored cannot be what was written.
    #[error("stored {what} is damaged: {reason}")]
    Damaged {
        /// Which value.
        what: &'static str,
        /// Why it cannot be read.
        reason: String,
    },
    /// The file has tables of a later version of this program.
    #[error(
        "the database was written by a newer version (migration {version} is unknown here); start that version again"
    )]
    Newer {
        /// The unknown migration.
        version: i64,
    },
    /// Other writers were in front for too long.
    #[error("too many changes are waiting to be stored")]
    Busy,
    /// The server is stopping.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// For `map_err`: names what was being done.
    pub(crate) fn doing(doing: &'static str) -> impl Fn(sqlx::Error) -> Self + Copy {
        move |source| {
            let error = if matches!(source, sqlx::Error::PoolClosed) {
                Self::Closed
            } else if matches!(source, sqlx::Error::PoolTimedOut) {
                Self::Busy
            } else {
                Self::Database { doing, source }
            };
            metrics::store_error(error.kind());
            error
        }
    }

    /// A short name of a fixed set, for metrics.
    fn kind(&self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Closed => "closed",
            Self::Damaged { .. } | Self::Newer { .. } => "damaged",
            Self::Database { .. } if self.is_full() => "full",
            Self::Database { .. } if self.is_disk_failure() => "disk",
            Self::Database { .. } => "other",
        }
    }

    /// A value that should never have been written.
    pub(crate) fn damaged(what: &'static str, reason: impl std::fmt::Display) -> Self {
        Self::Damaged { what, reason: reason.to_string() }
    }

    /// Whether the disk is full: free some space, and everything works again.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Database { source, .. } if schema::is_full(source))
    }

    /// Whether the disk or the file failed.
    pub fn is_disk_failure(&self) -> bool {
        matches!(self, Self::Database { source, .. } if schema::is_disk_failure(source))
    }

    /// Whether the same call may succeed a little later.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Busy | Self::Closed)
    }
}

#[cfg(test)]
mod tests;
