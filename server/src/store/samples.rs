//! How many agents were where, over time: fine for the last hours, coarse for the last days.
//!
//! However often the server starts and stops, there are at most about 1,440 rows of the last day, 1,000 of those before,
//! and those of the last hour.

use std::time::{Duration, SystemTime};

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::{Store, StoreError, time_from_row, time_to_row};
use crate::fleet::{Sample, Standing};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A chart shows seven days.
const KEPT: Duration = Duration::from_secs(8 * 24 * 60 * 60);
/// What is so old has one row at most for so long: the last one, which says how it went on.
const THINNED: [(Duration, Duration); 2] = [(HOUR, MINUTE), (DAY, Duration::from_secs(10 * 60))];

impl Store {
    /// Writes a sample, and deletes what is too old or too fine.
    ///
    /// # Errors
    /// The store failed: nothing was written.
    pub(crate) async fn write_sample(&self, sample: &Sample) -> Result<(), StoreError> {
        let Sample { at, standing, stopped } = *sample;
        let Standing { n_internal, n_external, n_unknown, n_online } = standing;
        self.write(async |connection| {
            delete(connection, at).await?;
            sqlx::query("INSERT INTO fleet_sample VALUES ($1, $2, $3, $4, $5, $6)")
                .bind(time_to_row(at))
                .bind(number_to_row(n_internal))
                .bind(number_to_row(n_external))
                .bind(number_to_row(n_unknown))
                .bind(number_to_row(n_online))
                .bind(stopped)
                .execute(connection)
                .await
                .map_err(StoreError::doing("write a sample of the fleet"))?;
            Ok(())
        })
        .await
    }

    /// The samples after a moment, and the one that held at it; oldest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) async fn samples(&self, since: SystemTime) -> Result<Vec<Sample>, StoreError> {
        self.read(async |connection| {
            let rows = sqlx::query(
                "SELECT * FROM fleet_sample
                 WHERE at > $1 OR at = (SELECT MAX(at) FROM fleet_sample WHERE at <= $1) ORDER BY at",
            )
            .bind(time_to_row(since))
            .fetch_all(connection)
            .await
            .map_err(READ)?;
            rows.iter().map(from_row).collect()
        })
        .await
    }
}

async fn delete(connection: &mut SqliteConnection, now: SystemTime) -> Result<(), StoreError> {
    let doing = StoreError::doing("delete old samples of the fleet");
    let before = |age| time_to_row(now.checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH));
    // What is not past was written before the clock was set back, and will never have been true.
    sqlx::query("DELETE FROM fleet_sample WHERE at < $1 OR at >= $2")
        .bind(before(KEPT))
        .bind(time_to_row(now))
        .execute(&mut *connection)
        .await
        .map_err(doing)?;
    for (age, apart) in THINNED {
        sqlx::query(
            "DELETE FROM fleet_sample
             WHERE at < $1 AND at NOT IN (SELECT MAX(at) FROM fleet_sample WHERE at < $1 GROUP BY at / $2)",
        )
        .bind(before(age))
        .bind(i64::try_from(apart.as_micros()).unwrap_or(i64::MAX))
        .execute(&mut *connection)
        .await
        .map_err(doing)?;
    }
    Ok(())
}

const READ: fn(sqlx::Error) -> StoreError = |error| StoreError::doing("read the samples of the fleet")(error);

fn from_row(row: &SqliteRow) -> Result<Sample, StoreError> {
    let number = |column| row.try_get(column).map_err(READ).map(number_from_row);
    Ok(Sample {
        at: time_from_row(row.try_get("at").map_err(READ)?),
        standing: Standing {
            n_internal: number("n_internal")?,
            n_external: number("n_external")?,
            n_unknown: number("n_unknown")?,
            n_online: number("n_online")?,
        },
        stopped: row.try_get("stopped").map_err(READ)?,
    })
}

fn number_to_row(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn number_from_row(number: i64) -> usize {
    usize::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests;
