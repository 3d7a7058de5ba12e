//! What open pages cost the fleet: how long an assignment takes to reach all connected agents while nobody looks, and
//! while a hundred pages follow what happens and ask again for what has changed. By turns, so that both meet the same
//! machine.

use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use landmark_proto::wire::edit::{EnableReferenceServers, Kind};
use landmark_proto::wire::{AssignRequest, Edit, EditDraftRequest};
use landmark_tests::fleet::{Crowd, Server};
use landmark_tests::grpc::{self, Admin};
use landmark_tests::scratch::Scratch;
use tokio::task::JoinSet;

use crate::client::Client;
use crate::figures::Figures;
use crate::table::{Row, Unit};

const N_AGENTS: u32 = 200;
const N_PAGES: usize = 100;

pub(crate) async fn measure(scratch: &Scratch, n: usize) -> Result<Vec<Row>> {
    let mut server = Server::new(scratch, "push")?;
    server.start().await?;
    let mut crowd = Crowd::join(&server, N_AGENTS).await?;
    server.ctl().add("10.1.1.5", 1433).await?;
    let (admin, _driver) =
        grpc::admin(server.at(&server.listeners().administration), server.state_folder()).await?;
    let (mut alone, mut beside) = (Figures::empty(), Figures::empty());
    let mut pusher = Pusher { admin, is_enabled: false, revision: 0 };
    // The first one is slower than those that follow, and counts for nobody.
    pusher.push(&mut crowd).await?;
    for _ in 0..n {
        alone.add(pusher.push(&mut crowd).await?);
        let mut pages = open_pages(&server).await?;
        beside.add(pusher.push(&mut crowd).await?);
        if let Some(ended) = pages.try_join_next() {
            ended??;
            bail!("an open page has ended");
        }
        pages.shutdown().await;
    }
    let mut ratio = Figures::empty();
    ratio.add(beside.median() / alone.median());
    let row = |name: String, unit, figures| Row { name, unit, figures, goal: None };
    Ok(vec![
        row(format!("push to {N_AGENTS}, no page open"), Unit::Milliseconds, alone),
        row(format!("push to {N_AGENTS}, {N_PAGES} pages open"), Unit::Milliseconds, beside),
        row("ratio of the medians".into(), Unit::Ratio, ratio),
    ])
}

/// Assigns something new each time: what is assigned already reaches nobody.
struct Pusher {
    admin: Admin,
    is_enabled: bool,
    revision: u64,
}

impl Pusher {
    /// From asking for it until the last agent has the assignment, in milliseconds.
    async fn push(&mut self, crowd: &mut Crowd) -> Result<f64> {
        self.is_enabled = !self.is_enabled;
        let kind = Some(Kind::EnableReferenceServers(EnableReferenceServers { enabled: self.is_enabled }));
        let edits = vec![Edit { kind }];
        self.admin.edit_draft(EditDraftRequest { etag: String::new(), edits }).await?;
        let began = Instant::now();
        let answer = self.admin.assign(AssignRequest::default()).await?.into_inner();
        let revision = answer.assignment.context("no assignment")?.revision;
        ensure!(revision > self.revision, "nothing was pushed: revision {revision} was there before");
        self.revision = revision;
        let times = crowd.wait_for(revision).await?;
        let last = times.into_iter().max().context("nobody is connected")?;
        let took = last.checked_duration_since(began).context("it came before it was assigned")?;
        Ok(took.as_secs_f64() * 1000.0)
    }
}

/// Each has a connection of its own, as browsers have, and asks for the overview again when it is told of news.
async fn open_pages(server: &Server) -> Result<JoinSet<Result<()>>> {
    let mut pages = JoinSet::new();
    for _ in 0..N_PAGES {
        let mut client = Client::connect(server).await?;
        let mut events = client.follow("fleet+assignment").await?;
        pages.spawn(async move {
            loop {
                events.read().await?;
                client.get_part("/overview").await?;
            }
        });
    }
    Ok(pages)
}
