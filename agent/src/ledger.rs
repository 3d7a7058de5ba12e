//! What this agent holds: the assignment on its disk.
//!
//! [`accept`] decides which offers are taken, [`format`] is the file, [`task`] serves the rest of the agent. This file
//! stores, and is the only one that can make an [`Accepted`]. It must not know where offers come from, nor what is done
//! with what was accepted.
//!
//! Two files: `ledger` is what is held, `ledger.previous` what was held before it. Both are replaced atomically, the
//! previous one first, so that at every moment `ledger` is the old or the new one, whole. A damaged `ledger` is kept
//! aside as `ledger.damaged` (one at most) and the previous one is held instead, loudly; without that, nothing is.
//!
//! **The held revision never falls.** Each file also remembers the highest assignment that was ever accepted, so that
//! `ledger.previous` knows its successor. After a fallback that highest one is the measure: it is taken again when it is
//! offered with the digest it had, whatever is higher is taken, and whatever is lower stays refused: damage opens no way
//! back to an assignment that had been replaced.

pub mod accept;
pub mod format;
pub mod refused;
pub mod task;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use landmark_daemon::durable::{self, DurableError, Mode};
use landmark_daemon::error::Chain;
use landmark_proto::message::{Assignment, Rejection, RejectionCode};
use landmark_proto::revision::Held;
use landmark_proto::settings::{EncodedSettings, Settings};
use landmark_proto::violation::{self, Violations};

use self::accept::{Judgement, Limits, Standing};
use self::format::{FILE_LIMIT, Record};

const CURRENT: &str = "ledger";
const PREVIOUS: &str = "ledger.previous";
const DAMAGED: &str = "ledger.damaged";

/// An assignment that was checked and is on the disk. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    inner: Arc<Inner>,
}

#[derive(Debug, PartialEq, Eq)]
struct Inner {
    held: Held,
    settings: Settings,
    encoded: EncodedSettings,
    apply_jitter: Duration,
}

impl Accepted {
    /// Its revision and digest.
    pub fn held(&self) -> Held {
        self.inner.held
    }

    /// Its content.
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// Its content, in the exact bytes that were offered.
    pub fn encoded(&self) -> &EncodedSettings {
        &self.inner.encoded
    }

    /// The evaluation that follows its arrival waits a random share of this; zero for one that was read from the disk.
    pub fn apply_jitter(&self) -> Duration {
        self.inner.apply_jitter
    }

    fn new(held: Held, settings: Settings, encoded: EncodedSettings, apply_jitter: Duration) -> Self {
        Self { inner: Arc::new(Inner { held, settings, encoded, apply_jitter }) }
    }
}

/// The ledger in its folder.
#[derive(Debug)]
pub struct Ledger {
    folder: PathBuf,
    limits: Limits,
    accepted: Option<Accepted>,
    highest: Option<Held>,
}

/// What became of an offer that was not refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is on the disk.
    Accepted(Accepted),
    /// It is what was held already.
    Unchanged,
}

/// A file of the ledger that cannot be used, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Which file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
    /// Where it is kept for examination.
    pub kept_as: Option<PathBuf>,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot be used: {}", self.path.display(), self.reason)?;
        self.kept_as.as_ref().map_or(Ok(()), |path| write!(f, " (kept as {})", path.display()))
    }
}

impl Ledger {
    /// Reads what is held. A damaged file never is an error, for the agent must go on with what is left; it is told.
    pub fn open(folder: &Path, limits: Limits) -> (Self, Vec<Damage>) {
        let (held, damages) = load(folder, Aside::Move);
        let (accepted, highest) =
            held.map_or((None, None), |(accepted, highest)| (Some(accepted), Some(highest)));
        (Self { folder: folder.to_owned(), limits, accepted, highest }, damages)
    }

    /// Reads what is held while another process may be using it: nothing is moved or written.
    pub fn peek(folder: &Path) -> (Option<Accepted>, Vec<Damage>) {
        let (held, damages) = load(folder, Aside::Leave);
        (held.map(|(accepted, _)| accepted), damages)
    }

    /// Removes everything that is held, as a machine needs that joins another fleet.
    ///
    /// # Errors
    /// A file cannot be removed.
    pub fn forget(folder: &Path) -> Result<(), DurableError> {
        [CURRENT, PREVIOUS, DAMAGED].iter().try_for_each(|name| durable::remove(&folder.join(name)).map(drop))
    }

    /// What is held.
    pub fn accepted(&self) -> Option<&Accepted> {
        self.accepted.as_ref()
    }

    /// Checks an offer and stores it. Blocks on the disk.
    ///
    /// # Errors
    /// It was refused, or could not be stored; what was held before is still held, and whole on the disk.
    pub fn offer(&mut self, offer: &Assignment) -> Result<Taken, Rejection> {
        let still_held = self.accepted.as_ref().map(Accepted::held);
        let standing = Standing { held: still_held, highest: self.highest };
        let settings = match accept::accept(standing, offer, &self.limits)? {
            Judgement::Unchanged => return Ok(Taken::Unchanged),
            Judgement::Take(settings) => *settings,
        };
        self.store(offer).map_err(|error| {
            let text =
                if error.is_full() { "the disk is full".to_owned() } else { Chain(&error).to_string() };
            Rejection {
                code: RejectionCode::Storage,
                violations: Some(Violations::one(&violation::Path::root(), text)),
                still_held,
            }
        })?;
        let accepted = Accepted::new(offer.offered, settings, offer.settings.clone(), offer.apply_jitter);
        self.highest = Some(offer.offered);
        self.accepted = Some(accepted.clone());
        Ok(Taken::Accepted(accepted))
    }

    fn store(&self, offer: &Assignment) -> Result<(), DurableError> {
        let highest = offer.offered;
        if let Some(old) = &self.accepted {
            let record = Record { held: old.held(), highest, settings: old.encoded().bytes().clone() };
            durable::write(&self.folder.join(PREVIOUS), &record.encode(), Mode::Private)?;
        }
        let record = Record { held: offer.offered, highest, settings: offer.settings.bytes().clone() };
        durable::write(&self.folder.join(CURRENT), &record.encode(), Mode::Private)
    }
}

/// What to do with a damaged file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aside {
    Move,
    Leave,
}

fn load(folder: &Path, aside: Aside) -> (Option<(Accepted, Held)>, Vec<Damage>) {
    let mut damages = Vec::new();
    let current = folder.join(CURRENT);
    let previous = folder.join(PREVIOUS);
    match read(&current) {
        Ok(Some(found)) => return (Some(found), damages),
        Ok(None) => {
            if previous.exists() {
                damages.push(Damage { path: current, reason: "it is missing".into(), kept_as: None });
            }
        }
        Err(reason) => {
            let kept_as = (aside == Aside::Move).then(|| keep_aside(&current, folder)).flatten();
            damages.push(Damage { path: current, reason, kept_as });
        }
    }
    match read(&previous) {
        Ok(found) => (found, damages),
        Err(reason) => {
            damages.push(Damage { path: previous, reason, kept_as: None });
            (None, damages)
        }
    }
}

fn read(path: &Path) -> Result<Option<(Accepted, Held)>, String> {
    let bytes = durable::read_bounded(path, FILE_LIMIT).map_err(|error| Chain(&error).to_string())?;
    let Some(bytes) = bytes else { return Ok(None) };
    let record = Record::decode(&bytes).map_err(|error| error.to_string())?;
    let encoded = EncodedSettings::from_bytes(record.settings);
    if encoded.digest() != record.held.digest {
        return Err("its settings do not have the digest that it names".into());
    }
    let settings = encoded.decode().map_err(|error| error.to_string())?;
    Ok(Some((Accepted::new(record.held, settings, encoded, Duration::ZERO), record.highest)))
}

/// Keeps a damaged file for examination, instead of the one before it. A failure leaves it where it is.
fn keep_aside(path: &Path, folder: &Path) -> Option<PathBuf> {
    let aside = folder.join(DAMAGED);
    let moved: io::Result<()> = fs::rename(path, &aside);
    moved.ok().map(|()| aside)
}
