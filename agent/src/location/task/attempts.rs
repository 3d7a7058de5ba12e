//! The attempts of the running evaluation that are under way.

use std::collections::HashMap;

use futures_util::FutureExt as _;
use futures_util::future::{AbortHandle, BoxFuture, abortable};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use landmark_proto::port::Port;
use landmark_proto::reference_server::Target;

use crate::ledger::Accepted;
use crate::location::probe::Round;
use crate::location::tried::Ended;

/// Dropping it closes all their sockets.
pub(super) struct Attempts {
    round: Box<dyn Round>,
    accepted: Accepted,
    /// The place of the server and the port, of each target.
    targets: Vec<(usize, Port)>,
    under_way: FuturesUnordered<BoxFuture<'static, (usize, Option<Ended>)>>,
    handles: HashMap<usize, AbortHandle>,
}

impl Attempts {
    /// None yet; their targets are those of the assignment's list.
    pub(super) fn new(round: Box<dyn Round>, accepted: Accepted) -> Self {
        let targets = accepted.settings().reference_servers.targets();
        let targets = targets.map(|target| (target.position, target.port)).collect();
        Self { round, accepted, targets, under_way: FuturesUnordered::new(), handles: HashMap::new() }
    }

    /// Begins the attempt on this target.
    pub(super) fn start(&mut self, index: usize) {
        let servers = self.accepted.settings().reference_servers.servers();
        let Some((position, port)) = self.targets.get(index).copied() else { return };
        let Some(server) = servers.get(position) else { return };
        let (attempt, handle) = abortable(self.round.attempt(Target {
            position,
            host: &server.host,
            port,
            probe: &server.probe,
        }));
        self.handles.insert(index, handle);
        self.under_way.push(attempt.map(move |ended| (index, ended.ok())).boxed());
    }

    /// Closes the sockets of this attempt.
    pub(super) fn cancel(&mut self, index: usize) {
        if let Some(handle) = self.handles.remove(&index) {
            handle.abort();
        }
    }

    /// Waits until one ends, for ever if none is under way. Cancel-safe.
    pub(super) async fn next_end(&mut self) -> (usize, Ended) {
        while let Some((index, ended)) = self.under_way.next().await {
            self.handles.remove(&index);
            if let Some(ended) = ended {
                return (index, ended);
            }
        }
        std::future::pending().await
    }
}
