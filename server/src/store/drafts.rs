//! The draft: one row of settings as saved, guarded by an etag, in force nowhere.

use std::fmt;
use std::time::SystemTime;

use landmark_proto::revision::{Digest, Held};
use landmark_proto::settings::{EncodedSettings, MAX_SETTINGS_BYTES, Settings};
use landmark_proto::violation::{Path, Violations};
use sqlx::{Row as _, SqliteConnection};
use thiserror::Error;

use super::assignments::{present_held, present_stored};
use super::{Store, StoreError, time_from_row, time_to_row};

/// The settings as saved, and how they stand to the present assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Names this state of the draft.
    pub etag: Etag,
    /// As saved.
    pub settings: Settings,
    /// The present assignment, read in the same snapshot.
    pub assigned: Option<Held>,
    /// Whether the draft differs from it; before the first one, from the default settings.
    pub differs: bool,
    /// The last change; `None` before the first.
    pub changed: Option<Changed>,
}

/// When and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Wall clock of the server.
    pub at: SystemTime,
    /// Who.
    pub by: Author,
}

/// Who did something, as the records name them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Author(String);

impl Author {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Author {
    fn from(name: String) -> Self {
        Self(name)
    }
}

impl fmt::Display for Author {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Names one state of the draft: how often it was changed, and the beginning of its digest. Two states never share one,
/// even with the same settings.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Etag(String);

impl Etag {
    fn of(n_changes: i64, digest: Digest) -> Self {
        let [a, b, c, d, ..] = digest.as_bytes();
        Self(format!("{n_changes}-{a:02x}{b:02x}{c:02x}{d:02x}"))
    }

    /// As callers repeat it; `None` for an empty text, which means "whatever the draft is".
    pub fn from_wire(text: String) -> Option<Self> {
        (!text.is_empty()).then_some(Self(text))
    }

    /// As text, never empty.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The draft was not changed.
#[derive(Debug, Error)]
pub enum EditDraftError {
    /// Someone else changed it first.
    #[error("the draft was changed by someone else in the meantime")]
    Conflict {
        /// As it is instead.
        present: Box<Draft>,
    },
    /// The edits break rules.
    #[error("{0}")]
    Invalid(Violations),
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// The draft.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn draft(&self) -> Result<Draft, StoreError> {
        self.read(async |connection| Ok(read_row(connection).await?.draft)).await
    }

    /// Saves what `edit` makes of the draft. An edit that changes nothing leaves the etag as it is.
    ///
    /// # Errors
    /// `expected` is not the present etag, the edit breaks rules, or the store failed: nothing was changed.
    pub async fn edit_draft(
        &self,
        expected: Option<&Etag>,
        changed: Changed,
        edit: impl FnOnce(&Settings) -> Result<Settings, Violations>,
    ) -> Result<Draft, EditDraftError> {
        self.write(async |connection| {
            let row = read_expected(connection, expected).await?;
            let settings = edit(&row.draft.settings).map_err(EditDraftError::Invalid)?;
            save(connection, row, settings, changed).await
        })
        .await
    }

    /// Goes back to the settings of the present assignment, or to the default settings before the first.
    ///
    /// # Errors
    /// `expected` is not the present etag, or the store failed: nothing was changed.
    pub async fn discard_draft(
        &self,
        expected: Option<&Etag>,
        changed: Changed,
    ) -> Result<Draft, EditDraftError> {
        self.write(async |connection| {
            let row = read_expected(connection, expected).await?;
            let present = present_stored(connection).await?;
            let settings = present.map(|stored| stored.settings().clone()).unwrap_or_default();
            save(connection, row, settings, changed).await
        })
        .await
    }
}

/// The draft with what the next change needs.
pub(super) struct DraftRow {
    pub(super) draft: Draft,
    pub(super) encoded: EncodedSettings,
    n_changes: i64,
}

/// The draft, if it is in the expected state.
pub(super) async fn read_expected(
    connection: &mut SqliteConnection,
    expected: Option<&Etag>,
) -> Result<DraftRow, EditDraftError> {
    let row = read_row(connection).await?;
    match expected {
        Some(etag) if *etag != row.draft.etag => {
            Err(EditDraftError::Conflict { present: Box::new(row.draft) })
        }
        _ => Ok(row),
    }
}

/// The draft as it is.
pub(super) async fn read_row(connection: &mut SqliteConnection) -> Result<DraftRow, StoreError> {
    let doing = StoreError::doing("read the draft");
    let row = sqlx::query("SELECT n_changes, digest, settings, changed_at, changed_by FROM draft")
        .fetch_one(&mut *connection)
        .await
        .map_err(doing)?;
    let n_changes: i64 = row.try_get("n_changes").map_err(doing)?;
    let digest: Vec<u8> = row.try_get("digest").map_err(doing)?;
    let settings: Vec<u8> = row.try_get("settings").map_err(doing)?;
    let changed_at: Option<i64> = row.try_get("changed_at").map_err(doing)?;
    let changed_by: Option<String> = row.try_get("changed_by").map_err(doing)?;
    let encoded = EncodedSettings::from_bytes(settings.into());
    if encoded.digest().as_bytes()[..] != digest[..] {
        return Err(StoreError::damaged("draft", "the digest does not match"));
    }
    let settings = encoded.decode().map_err(|error| StoreError::damaged("draft", error))?;
    let changed = changed_at.zip(changed_by).map(|(at, by)| Changed { at: time_from_row(at), by: by.into() });
    let assigned = present_held(connection).await?;
    let draft = Draft {
        etag: Etag::of(n_changes, encoded.digest()),
        differs: differs(assigned, &encoded),
        settings,
        assigned,
        changed,
    };
    Ok(DraftRow { draft, encoded, n_changes })
}

/// Writes settings into the draft and gives it as it then is.
pub(super) async fn save(
    connection: &mut SqliteConnection,
    row: DraftRow,
    settings: Settings,
    changed: Changed,
) -> Result<Draft, EditDraftError> {
    let encoded = EncodedSettings::encode(&settings);
    if encoded.digest() == row.encoded.digest() {
        return Ok(row.draft);
    }
    if encoded.bytes().len() > MAX_SETTINGS_BYTES {
        let message =
            format!("the settings would have {} bytes (at most {MAX_SETTINGS_BYTES})", encoded.bytes().len());
        return Err(EditDraftError::Invalid(Violations::one(&Path::root(), message)));
    }
    let n_changes = row.n_changes.saturating_add(1);
    let changed_at = time_to_row(changed.at);
    sqlx::query(
        "UPDATE draft SET n_changes = $1, digest = $2, settings = $3, changed_at = $4, changed_by = $5",
    )
    .bind(n_changes)
    .bind(&encoded.digest().as_bytes()[..])
    .bind(encoded.bytes().as_ref())
    .bind(changed_at)
    .bind(changed.by.as_str())
    .execute(connection)
    .await
    .map_err(StoreError::doing("save the draft"))?;
    Ok(Draft {
        etag: Etag::of(n_changes, encoded.digest()),
        differs: differs(row.draft.assigned, &encoded),
        settings,
        assigned: row.draft.assigned,
        // As the row has it, so that everyone reads the same.
        changed: Some(Changed { at: time_from_row(changed_at), ..changed }),
    })
}

fn differs(assigned: Option<Held>, draft: &EncodedSettings) -> bool {
    let digest = match assigned {
        Some(held) => held.digest,
        None => EncodedSettings::encode(&Settings::default()).digest(),
    };
    digest != draft.digest()
}
