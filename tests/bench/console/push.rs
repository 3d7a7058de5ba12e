//! What open pages cost the fleet: how long an assignment takes to reach all connected agents while nobody looks, and
//! while a hundred pages follow what happens and ask again for what has changed. By turns, so that both meet the same
//! machine.

use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use landmark_proto::wire::edit::{EnableReferenceServers, Kind};
use landmark_proto::wire::{AssignRequest, Edit, EditDraftRequest};
use landmark_tests::fleet::{Crowd, Server};
use landmark_tests::grpc::{self, Admin};
use landmark_tests::scratch::Scratch;
use tokio::task::JoinSet;

use crate::client::Client;
use crate::figures::Figures;
use crate::table::{Goal, Row, Unit};

const N_AGENTS: u32 = 200;
const N_PAGES: usize = 100;
/// Of the medians; the clients of all pages run on this machine, too, and take their share of it.
const GOAL: Goal = Goal::MedianAtMost(1.5);

pub(crate) async fn measure(scratch: &Scratch, n: usize) -> Result<Vec<Row>> {
    let mut server = Server::new(scratch, "push")?;
    server.start().await?;
    let mut crowd = Crowd::join(&server, N_AGENTS).await?;
    server.ctl().add("10.1.1.5", 1433).await?;
    let (mut admin, _driver) =
        grpc::admin(server.at(&server.listeners().administration), server.state_folder()).await?;
    let (mut alone, mut beside) = (Figures::empty(), Figures::empty());
    // The first one is warmer for whoever comes after it, and counts for nobody.
    push(&mut admin, &mut crowd, true).await?;
    for round in 0..n {
        alone.add(push(&mut admin, &mut crowd, round % 2 == 0).await?);
        let mut pages = open_pages(&server).await?;
        beside.add(push(&mut admin, &mut crowd, round % 2 == 1).await?);
        if let Some(ended) = pages.try_join_next() {
            ended??;
            bail!("an open page has ended");
        }
        pages.shutdown().await;
    }
    let ratio = beside.over(&alone);
    let row = |name: String, unit, figures, goal| Row { name, unit, figures, goal };
    Ok(vec![
        row(format!("push to {N_AGENTS}, no page open"), Unit::Milliseconds, alone, None),
        row(format!("push to {N_AGENTS}, {N_PAGES} pages open"), Unit::Milliseconds, beside, None),
        row("one beside the other".into(), Unit::Ratio, ratio, Some(GOAL)),
    ])
}

/// From asking for it until the last agent has the assignment, in milliseconds.
async fn push(admin: &mut Admin, crowd: &mut Crowd, enabled: bool) -> Result<f64> {
    let kind = Some(Kind::EnableReferenceServers(EnableReferenceServers { enabled }));
    admin.edit_draft(EditDraftRequest { etag: String::new(), edits: vec![Edit { kind }] }).await?;
    let began = Instant::now();
    let answer = admin.assign(AssignRequest::default()).await?.into_inner();
    let revision = answer.assignment.context("no assignment")?.revision;
    let times = crowd.wait_for(revision).await?;
    let last = times.into_iter().max().context("nobody is connected")?;
    Ok(last.duration_since(began).as_secs_f64() * 1000.0)
}

/// Each has a connection of its own, as browsers have, and asks for the overview again when it is told of news.
async fn open_pages(server: &Server) -> Result<JoinSet<Result<()>>> {
    let mut pages = JoinSet::new();
    for _ in 0..N_PAGES {
        let mut client = Client::connect(server).await?;
        let mut events = client.follow("fleet+assignment").await?;
        pages.spawn(async move {
            loop {
                events.next().await?;
                client.get_part("/overview").await?;
            }
        });
    }
    Ok(pages)
}
