//! Assignments: immutable, numbered without gaps, kept as the exact bytes that are pushed.
//!
//! A [`Stored`] is the proof that an assignment is on disk; only this file makes one.

use std::time::SystemTime;

use landmark_proto::revision::{Digest, Held, Revision};
use landmark_proto::settings::{EncodedSettings, Settings};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};
use thiserror::Error;

use super::drafts::{Author, Changed, Draft, EditDraftError, Etag, read_expected, read_row, save};
use super::{Store, StoreError, time_from_row, time_to_row};

/// An assignment that is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    summary: Summary,
    encoded: EncodedSettings,
    settings: Settings,
}

impl Stored {
    /// Revision and digest.
    pub fn held(&self) -> Held {
        self.summary.held
    }

    /// All about it except the settings.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// The exact bytes.
    pub fn encoded(&self) -> &EncodedSettings {
        &self.encoded
    }

    /// What the bytes say.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }
}

/// All about an assignment except its settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Revision and digest.
    pub held: Held,
    /// Wall clock of the server.
    pub assigned_at: SystemTime,
    /// Who.
    pub assigned_by: Author,
    /// Why.
    pub note: Note,
    /// The assignment whose settings were assigned again.
    pub again_of: Option<Revision>,
    /// Entries of the reference server list.
    pub n_reference_servers: usize,
    /// Whether the list is used.
    pub list_enabled: bool,
}

/// Who assigns, when and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Who.
    pub by: Author,
    /// Wall clock of the server.
    pub at: SystemTime,
    /// Why.
    pub note: Note,
}

/// Why something was assigned, in the words of whoever did it: at most [`Note::MAX_CHARS`] characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Note(String);

impl Note {
    /// Enough for a change record's title and address.
    pub const MAX_CHARS: usize = 1000;

    /// Takes the text without the blanks around it.
    ///
    /// # Errors
    /// Too long.
    pub fn new(text: &str) -> Result<Self, InvalidNote> {
        let text = text.trim();
        let n_chars = text.chars().count();
        if n_chars > Self::MAX_CHARS { Err(InvalidNote { n_chars }) } else { Ok(Self(text.to_owned())) }
    }

    /// The text; empty for none.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Too long.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("a note of {n_chars} characters is too long (at most {})", Note::MAX_CHARS)]
pub struct InvalidNote {
    n_chars: usize,
}

/// The present assignment after an assign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assigned {
    /// The present assignment.
    pub stored: Stored,
    /// Whether it was made just now; otherwise the same settings were in force already.
    pub created: bool,
}

/// Nothing was assigned.
#[derive(Debug, Error)]
pub enum AssignError {
    /// The draft is not the one that the caller saw.
    #[error("the draft was changed by someone else in the meantime")]
    Conflict {
        /// As it is instead.
        present: Box<Draft>,
    },
    /// There is no such assignment to assign again.
    #[error("there is no assignment {0}")]
    NotFound(Revision),
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Makes the draft the next assignment. A draft that equals the present assignment makes nothing.
    ///
    /// # Errors
    /// `expected` is not the draft's etag, or the store failed: nothing was assigned.
    pub async fn assign(
        &self,
        expected: Option<&Etag>,
        signature: &Signature,
    ) -> Result<Assigned, AssignError> {
        self.write(async |connection| {
            let row = read_expected(connection, expected).await.map_err(|error| match error {
                EditDraftError::Conflict { present } => AssignError::Conflict { present },
                EditDraftError::Invalid(violations) => StoreError::damaged("draft", violations).into(),
                EditDraftError::Store(error) => error.into(),
            })?;
            let present = present_stored(connection).await?;
            Ok(make(connection, present, row.encoded, signature, None).await?)
        })
        .await
    }

    /// Makes the settings of an older assignment the next one. The draft follows, unless it has edits that are not assigned
    /// yet: these stay.
    ///
    /// # Errors
    /// There is no such assignment, or the store failed: nothing was changed.
    pub async fn assign_again(
        &self,
        revision: Revision,
        signature: &Signature,
    ) -> Result<Assigned, AssignError> {
        self.write(async |connection| {
            let old = read_stored(connection, revision).await?.ok_or(AssignError::NotFound(revision))?;
            let present = present_stored(connection).await?;
            let has_edits = read_row(connection).await?.draft.differs;
            let assigned = make(connection, present, old.encoded, signature, Some(revision)).await?;
            if has_edits {
                // Somebody's work, saved and not yet assigned: it stays.
                return Ok(assigned);
            }
            let row = read_row(connection).await?;
            let changed = Changed { at: signature.at, by: signature.by.clone() };
            match save(connection, row, old.settings, changed).await {
                Ok(_draft) => Ok(assigned),
                Err(EditDraftError::Store(error)) => Err(error.into()),
                // No etag is expected, and the bytes have been an assignment before.
                Err(error) => Err(StoreError::damaged("assignment", error).into()),
            }
        })
        .await
    }

    /// The present assignment; `None` before the first.
    ///
    /// # Errors
    /// The store cannot be read, or the assignment is damaged.
    pub async fn present_assignment(&self) -> Result<Option<Stored>, StoreError> {
        self.read(async |connection| present_stored(connection).await).await
    }

    /// One assignment; `None` if there is none of that number.
    ///
    /// # Errors
    /// The store cannot be read, or the assignment is damaged.
    pub async fn assignment(&self, revision: Revision) -> Result<Option<Stored>, StoreError> {
        self.read(async |connection| read_stored(connection, revision).await).await
    }

    /// At most `limit` assignments below `before`, newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn assignments(
        &self,
        before: Option<Revision>,
        limit: u32,
    ) -> Result<Vec<Summary>, StoreError> {
        let doing = StoreError::doing("list the assignments");
        let before = before.map_or(i64::MAX, to_row);
        self.read(async |connection| {
            let rows = sqlx::query(
                "SELECT revision, digest, assigned_at, assigned_by, note, again_of, n_reference_servers, list_enabled
                 FROM assignment WHERE revision < $1 ORDER BY revision DESC LIMIT $2",
            )
            .bind(before)
            .bind(i64::from(limit))
            .fetch_all(connection)
            .await
            .map_err(doing)?;
            rows.iter().map(summary_from_row).collect()
        })
        .await
    }
}

/// Revision and digest of the present assignment.
pub(super) async fn present_held(connection: &mut SqliteConnection) -> Result<Option<Held>, StoreError> {
    let doing = StoreError::doing("read the present revision");
    let row = sqlx::query("SELECT revision, digest FROM assignment ORDER BY revision DESC LIMIT 1")
        .fetch_optional(connection)
        .await
        .map_err(doing)?;
    row.as_ref().map(held_from_row).transpose()
}

/// The present assignment.
pub(super) async fn present_stored(connection: &mut SqliteConnection) -> Result<Option<Stored>, StoreError> {
    match present_held(connection).await? {
        Some(held) => read_stored(connection, held.revision).await,
        None => Ok(None),
    }
}

async fn read_stored(
    connection: &mut SqliteConnection,
    revision: Revision,
) -> Result<Option<Stored>, StoreError> {
    let doing = StoreError::doing("read an assignment");
    let row = sqlx::query(
        "SELECT revision, digest, assigned_at, assigned_by, note, again_of, n_reference_servers, list_enabled, settings
         FROM assignment WHERE revision = $1",
    )
    .bind(to_row(revision))
    .fetch_optional(connection)
    .await
    .map_err(doing)?;
    row.as_ref().map(stored_from_row).transpose()
}

/// The one constructor of [`Stored`]: a row, whose bytes hash to its digest and are settings.
fn stored_from_row(row: &SqliteRow) -> Result<Stored, StoreError> {
    let summary = summary_from_row(row)?;
    let bytes: Vec<u8> = row.try_get("settings").map_err(StoreError::doing("read an assignment"))?;
    let encoded = EncodedSettings::from_bytes(bytes.into());
    if encoded.digest() != summary.held.digest {
        return Err(StoreError::damaged(
            "assignment",
            format!("{}: the digest does not match", summary.held),
        ));
    }
    let settings = encoded.decode().map_err(|error| StoreError::damaged("assignment", error))?;
    Ok(Stored { summary, encoded, settings })
}

fn summary_from_row(row: &SqliteRow) -> Result<Summary, StoreError> {
    let doing = StoreError::doing("read an assignment");
    let again_of: Option<i64> = row.try_get("again_of").map_err(doing)?;
    let n_reference_servers: i64 = row.try_get("n_reference_servers").map_err(doing)?;
    Ok(Summary {
        held: held_from_row(row)?,
        assigned_at: time_from_row(row.try_get("assigned_at").map_err(doing)?),
        assigned_by: row.try_get::<String, _>("assigned_by").map_err(doing)?.into(),
        note: Note(row.try_get("note").map_err(doing)?),
        again_of: again_of.map(from_row).transpose()?,
        n_reference_servers: usize::try_from(n_reference_servers).unwrap_or(0),
        list_enabled: row.try_get("list_enabled").map_err(doing)?,
    })
}

fn held_from_row(row: &SqliteRow) -> Result<Held, StoreError> {
    let doing = StoreError::doing("read an assignment");
    let digest: Vec<u8> = row.try_get("digest").map_err(doing)?;
    Ok(Held {
        revision: from_row(row.try_get("revision").map_err(doing)?)?,
        digest: Digest::try_from(digest.as_slice())
            .map_err(|error| StoreError::damaged("assignment", error))?,
    })
}

/// Takes the next number and writes the row, unless the same settings are in force already.
async fn make(
    connection: &mut SqliteConnection,
    present: Option<Stored>,
    encoded: EncodedSettings,
    signature: &Signature,
    again_of: Option<Revision>,
) -> Result<Assigned, StoreError> {
    if let Some(stored) = present
        && stored.encoded.digest() == encoded.digest()
    {
        return Ok(Assigned { stored, created: false });
    }
    let settings = encoded.decode().map_err(|error| StoreError::damaged("draft", error))?;
    let doing = StoreError::doing("store an assignment");
    let row = sqlx::query("UPDATE revision_counter SET last = last + 1 RETURNING last")
        .fetch_one(&mut *connection)
        .await
        .map_err(doing)?;
    let revision = from_row(row.try_get(0).map_err(doing)?)?;
    let list = &settings.reference_servers;
    sqlx::query(
        "INSERT INTO assignment
             (revision, digest, settings, assigned_at, assigned_by, note, again_of, n_reference_servers, list_enabled)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(to_row(revision))
    .bind(&encoded.digest().as_bytes()[..])
    .bind(encoded.bytes().as_ref())
    .bind(time_to_row(signature.at))
    .bind(signature.by.as_str())
    .bind(signature.note.as_str())
    .bind(again_of.map(to_row))
    .bind(i64::try_from(list.servers().len()).unwrap_or(i64::MAX))
    .bind(list.is_enabled())
    .execute(&mut *connection)
    .await
    .map_err(doing)?;
    let stored = read_stored(connection, revision).await?.ok_or_else(|| {
        StoreError::damaged("assignment", format!("{revision} is gone right after it was written"))
    })?;
    Ok(Assigned { stored, created: true })
}

fn to_row(revision: Revision) -> i64 {
    i64::try_from(revision.get()).unwrap_or(i64::MAX)
}

fn from_row(number: i64) -> Result<Revision, StoreError> {
    u64::try_from(number)
        .ok()
        .and_then(Revision::new)
        .ok_or_else(|| StoreError::damaged("revision", format!("{number}")))
}
