//! What the bench is done on: the laboratory, the server, the entries, and a machine at the end of every path with its agents.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use anyhow::{Context as _, Result};
use landmark_proto::wire;
use landmark_tests::fleet::{Ctl, Server};
use landmark_tests::grpc;
use landmark_tests::lab::{Lab, Laptop, Listener, Site, server_address};
use landmark_tests::place::Place;
use landmark_tests::scratch::Scratch;

use crate::cell::{LATE, List, N_ENTRIES, PINNED_PORT, PORT, Path, entry};
use crate::pinned::Pinned;
use crate::relay::Relay;
use crate::rules::{Gate, Obstacles};
use crate::subject::Subject;

/// Agents at the end of a path, so many that none must wait for its next session when it is its turn.
const N_ON_LAN: u16 = 5;
const N_ON_SLOW: u16 = 2;
/// Where the long walks are made while the rest is measured: entries of their own, all but the first silent.
const WALKED: u8 = 200;

/// The stage.
pub(crate) struct Stage {
    pub(crate) ends: Vec<End>,
    pub(crate) obstacles: Obstacles,
    pub(crate) server: Server,
    pub(crate) ctl: Ctl,
    pub(crate) pinned: Pinned,
    _listeners: Vec<Listener>,
    _far: Laptop,
    walker: Laptop,
    // Last: the others live in it.
    pub(crate) lab: Lab,
}

/// The end of a path: a machine and its agents.
pub(crate) struct End {
    pub(crate) machine: Laptop,
    pub(crate) gate: Gate,
    pub(crate) subjects: Vec<Subject>,
    pub(crate) path: Path,
}

impl Stage {
    /// Sets it; there is no list yet.
    ///
    /// # Errors
    /// Something does not come up.
    pub(crate) async fn set(scratch: &Scratch, lab: Lab, paths: &[Path]) -> Result<Self> {
        let office = lab.office().clone();
        let listen = |address: Ipv4Addr| Listener::start(&office, SocketAddr::from((address, PORT)));
        let mut listeners: Vec<Listener> =
            (0..N_ENTRIES).map(|index| listen(entry(List::Plain, index))).collect::<Result<_>>()?;
        listeners.push(listen(server_address(WALKED))?);
        let (far, late) = far(&lab)?;
        listeners.push(Listener::start(&far.place(), late.into())?);
        let obstacles = Obstacles::new(lab.router(Site::Office), late)?;
        lab.router(Site::Office).nft(&format!(
            "table inet walked {{ chain arriving {{ type filter hook input priority -5; policy accept;\n\
             ip daddr {}-{} tcp dport {PORT} drop\n}}\n}}\n",
            server_address(WALKED + 1),
            server_address(WALKED + 40)
        ))?;
        let mut server = lab.server(scratch)?;
        server.start().await?;
        let mut ends = Vec::new();
        for path in [Path::Lan].into_iter().chain(paths.iter().copied().filter(|path| is_slow(*path))) {
            ends.push(End::set(scratch, &lab, &server, path).await?);
        }
        let mut walker = lab.laptop("walker")?;
        walker.plug(Site::Office)?;
        let pinned = Pinned::start(&office, SocketAddr::from((entry(List::Pinned, 0), PINNED_PORT)))?;
        let ctl = server.ctl();
        Ok(Self { ends, obstacles, server, ctl, pinned, _listeners: listeners, _far: far, walker, lab })
    }

    /// Assigns a list; what the server's connection means is nothing, so that every verdict is that of the list.
    ///
    /// # Errors
    /// It is refused.
    pub(crate) async fn assign(&mut self, list: List) -> Result<()> {
        let servers = (0..N_ENTRIES).map(|index| {
            let is_pinned = list == List::Pinned && index == 0;
            wire::ReferenceServer {
                host: entry(list, index).to_string(),
                ports: vec![crate::cell::port(list, index).into()],
                tls: is_pinned.then(|| wire::TlsProbe { pins: vec![self.pinned.pin().into()] }),
            }
        });
        let servers = wire::edit::ReplaceReferenceServers { servers: servers.collect() };
        let kind = wire::edit::Kind::ReplaceReferenceServers(servers);
        // From here there is no way into the laboratory but this.
        let port = landmark_tests::ports::Port::reserve()?;
        let administration = self.server.at(&self.server.listeners().administration);
        let mut relay =
            Relay::new((Place::here(), port.address()), (self.lab.office().clone(), administration));
        relay.open()?;
        let (mut admin, _driver) = grpc::admin(port.address(), self.server.state_folder()).await?;
        let edits = vec![wire::Edit { kind: Some(kind) }];
        admin.edit_draft(wire::EditDraftRequest { etag: String::new(), edits }).await?;
        self.ctl
            .ok(&["location", "set", "--server-connection", "says-nothing", "--recheck-interval", "1d"])
            .await?;
        self.ctl.ok(&["servers", "enable"]).await?;
        self.ctl.assign().await?;
        for subject in self.ends.iter_mut().flat_map(|end| &mut end.subjects) {
            subject.forget();
        }
        Ok(())
    }

    /// The end of this path.
    ///
    /// # Errors
    /// It was not asked for.
    pub(crate) fn end(&mut self, path: Path) -> Result<(&mut End, &mut Obstacles)> {
        let near = if is_slow(path) { path } else { Path::Lan };
        let end = self.ends.iter_mut().find(|end| end.path == near);
        Ok((end.with_context(|| format!("no machine at the end of {path}"))?, &mut self.obstacles))
    }

    /// Where long walks can be made at any time, and `n_silent` entries for one with an entry after them that answers.
    pub(crate) fn walk(&self, n_silent: u8, answers: bool) -> (Place, Vec<Ipv4Addr>) {
        let silent = (1..=n_silent).map(|n| server_address(WALKED + n));
        (self.walker.place(), silent.chain(answers.then(|| server_address(WALKED))).collect())
    }
}

impl End {
    async fn set(scratch: &Scratch, lab: &Lab, server: &Server, path: Path) -> Result<Self> {
        let name = path.to_string().replace(' ', "").to_lowercase();
        let mut machine = lab.laptop(&name)?;
        machine.delay_by(path.round_trip() / 2);
        machine.plug(Site::Office)?;
        let gate = Gate::new(machine.namespace())?;
        let mut subjects = Vec::new();
        for number in 0..if is_slow(path) { N_ON_SLOW } else { N_ON_LAN } {
            let name = format!("{name}-{number}");
            subjects
                .push(Subject::start(scratch, server, lab.office(), &machine, &name, Some(number)).await?);
        }
        Ok(Self { machine, gate, subjects, path })
    }
}

fn is_slow(path: Path) -> bool {
    !path.round_trip().is_zero()
}

/// A machine at the end of a long cable, which answers in the name of entries: for it the way back leads through the router
/// as well, whoever asks.
fn far(lab: &Lab) -> Result<(Laptop, SocketAddrV4)> {
    let mut far = lab.laptop("far")?;
    far.delay_by(LATE / 2);
    far.plug(Site::Office)?;
    far.namespace().ip("route add 10.20.0.1/32 dev eth0\nroute del 10.20.0.0/24")?;
    let address = far.address().context("it is not plugged in")?;
    Ok((far, SocketAddrV4::new(address, PORT)))
}
