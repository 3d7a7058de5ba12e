//! One go at the table: reads what stands, plans, writes in one transaction, reads back. It blocks.

use std::io;
use std::sync::Arc;

use thiserror::Error;
use tokio::task::{JoinError, spawn_blocking};
use tracing::debug;

use crate::enforce::firewall::plan::{Line, Plan, plan};
use crate::enforce::firewall::ruleset::{Present, Ruleset};
use crate::enforce::firewall::system;
use crate::netfilter::table::CommitError;

/// Why rules are not in force.
#[derive(Debug, Error)]
pub(super) enum EnforcerError {
    /// The kernel refuses what was to be written; what stood before stands.
    #[error("cannot write the firewall's rules, those from before still stand")]
    Write(#[source] CommitError),
    /// Something else stands there right after it was written.
    #[error("the firewall's rules were changed by somebody else while they were written")]
    Other,
    /// Writing panicked.
    #[error("writing the firewall's rules failed")]
    Panicked(#[source] JoinError),
}

/// What one go found and did.
pub(super) struct Done {
    pub(super) before: Present,
    pub(super) after: Present,
    pub(super) is_changed: bool,
    /// What differed from what was wanted, for people.
    pub(super) difference: Option<String>,
}

/// Makes this stand. `is_ours`: this process has written it already, and nothing else since.
///
/// On a machine whose packet filter others change all the time, what stands may be impossible to read. That keeps nothing
/// from being written: it is written unseen, and believed to stand once the kernel has taken it.
pub(super) async fn reconcile(wanted: Arc<Ruleset>, is_ours: bool) -> Result<Done, EnforcerError> {
    spawn_blocking(move || here(&wanted, is_ours)).await.map_err(EnforcerError::Panicked)?
}

fn here(wanted: &Ruleset, is_ours: bool) -> Result<Done, EnforcerError> {
    let before = match system::read() {
        Ok(before) => before,
        Err(error) if is_ours => {
            debug!(%error, "the firewall's rules are not compared");
            let unseen = unread(&error);
            return Ok(Done { before: unseen.clone(), after: unseen, is_changed: false, difference: None });
        }
        Err(error) => unread(&error),
    };
    let plan = plan(&before, Some(wanted));
    if let Plan::Unchanged = plan {
        let after = before.clone();
        return Ok(Done { before, after, is_changed: false, difference: None });
    }
    let difference = summary(&before, &plan.difference());
    system::commit(&plan.commands()).map_err(EnforcerError::Write)?;
    let after = match system::read() {
        Ok(after) => after,
        Err(error) => {
            debug!(%error, "the firewall's rules are not read back");
            unread(&error)
        }
    };
    if matches!(&after, Present::Nothing | Present::Ruleset(..))
        && !crate::enforce::firewall::plan::plan(&after, Some(wanted)).is_empty()
    {
        debug!(?after, "read back");
        return Err(EnforcerError::Other);
    }
    Ok(Done { before, after, is_changed: true, difference: Some(difference) })
}

fn unread(error: &io::Error) -> Present {
    Present::Strange(format!("what cannot be read: {error}"))
}

/// What is different from what shall stand: the first lines of it.
fn summary(present: &Present, lines: &[Line]) -> String {
    match present {
        Present::Nothing => return "the whole table was gone".to_owned(),
        Present::Strange(what) => return format!("there was something that is not ours: {what}"),
        Present::Ruleset(..) => {}
    }
    let (mut missing, mut strange) = (Vec::new(), Vec::new());
    for line in lines {
        match line {
            Line::Kept(_) => {}
            Line::Added(text) => missing.push(text.trim()),
            Line::Removed(text) => strange.push(text.trim()),
        }
    }
    let told = |what: &str, lines: &[&str]| match lines {
        [] => None,
        [only] => Some(format!("{what}: {only}")),
        [first, rest @ ..] => Some(format!("{what}: {first}, and {} more lines", rest.len())),
    };
    let both = [told("there was no", &missing), told("there was", &strange)];
    both.into_iter().flatten().collect::<Vec<_>>().join("; ")
}
