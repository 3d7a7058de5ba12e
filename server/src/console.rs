//! The web console: pages that the server renders, on the port of administration. A client of the same
//! [`Administration`](crate::admin::Administration) as gRPC: no rule lives in a page.
//!
//! ```text
//! edge ─► gate (who, may they, whose form) ─► a page: fields ─► Administration ─► view ─► template
//!                 │ refused                                          │ error
//!                 └──────────────► problem (a page that says why) ◄──┘
//! ```
//!
//! Which routes there are and whom each is for stands in `crate::access::grants`; `mount` refuses what is not there. What
//! changes reaches open pages through `live`: the name of what changed, whereupon a page asks for that part again.
//!
//! Must not know: how anything is stored, how agents are connected.

use std::sync::Arc;

use axum::Router;
use landmark_daemon::tasks::Tasks;
use tokio_util::sync::CancellationToken;

use crate::access::Authenticator;
use crate::admin::Administration;

mod account;
mod accounts;
mod agents;
mod api_tokens;
mod assets;
mod assign;
mod assignments;
mod changes;
mod draft;
mod fields;
mod findings;
mod firewall;
mod flash;
mod form;
mod format;
mod gate;
mod join_tokens;
mod layout;
mod live;
mod location;
mod mount;
mod overview;
mod problem;
mod saving;
mod sign_in;
mod visit;
mod wired;
mod words;

use self::flash::Flashes;
use self::mount::Mount;

/// What the console needs.
#[derive(Debug)]
pub struct Parts {
    /// What administrators can do.
    pub administration: Arc<Administration>,
    /// Who they are.
    pub authenticator: Arc<Authenticator>,
    /// Ends the streams of open pages.
    pub stop: CancellationToken,
}

/// What every page works with. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Console(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    administration: Arc<Administration>,
    authenticator: Arc<Authenticator>,
    live: live::Live,
    flashes: Flashes,
}

impl Console {
    fn admin(&self) -> &Administration {
        &self.0.administration
    }

    fn authenticator(&self) -> &Authenticator {
        &self.0.authenticator
    }
}

/// The router of the console; starts the task that tells open pages what changes.
pub fn router(tasks: &mut Tasks, parts: Parts) -> Router {
    mounted(open(tasks, parts)).finish()
}

fn open(tasks: &mut Tasks, parts: Parts) -> Console {
    let Parts { administration, authenticator, stop } = parts;
    let live = live::spawn(tasks, &administration, stop);
    Console(Arc::new(Shared { administration, authenticator, live, flashes: Flashes::default() }))
}

/// Every page, with its handler.
fn mounted(console: Console) -> Mount {
    let mount = Mount::new(console);
    let mount = account::mount(mount);
    let mount = accounts::mount(mount);
    let mount = agents::mount(mount);
    let mount = assets::mount(mount);
    let mount = assign::mount(mount);
    let mount = assignments::mount(mount);
    let mount = draft::mount(mount);
    let mount = firewall::mount(mount);
    let mount = live::mount(mount);
    let mount = join_tokens::mount(mount);
    let mount = location::mount(mount);
    let mount = overview::mount(mount);
    sign_in::mount(mount)
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
