//! From a change of the fleet to the changed part of an open page: the event, and the answer to what the page asks then.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use landmark_proto::wire::Location;
use landmark_tests::fleet::{Crowd, Server};
use landmark_tests::scratch::Scratch;

use crate::client::Client;
use crate::figures::Figures;
use crate::table::{Goal, Row, Unit};

/// In milliseconds.
const GOAL: Goal = Goal::P99AtMost(500.0);
/// Longer than changes are gathered: what comes later belongs to the next change.
const QUIET: Duration = Duration::from_millis(400);
const N_AGENTS: u32 = 200;

pub(crate) async fn measure(scratch: &Scratch, n: usize) -> Result<Vec<Row>> {
    let mut server = Server::new(scratch, "live")?;
    server.start().await?;
    let mut crowd = Crowd::join(&server, N_AGENTS).await?;
    let mut client = Client::connect(&server).await?;
    let mut events = client.follow("fleet").await?;
    let (mut told, mut moved, mut left) = (Figures::empty(), Figures::empty(), Figures::empty());
    let Some(member) = crowd.members().first_mut() else { bail!("nobody has joined") };
    for round in 0..n {
        events.settle(QUIET).await?;
        let location = if round % 2 == 0 { Location::External } else { Location::Internal };
        let began = Instant::now();
        member.report(location).await?;
        events.next().await?;
        told.add(began.elapsed().as_secs_f64() * 1000.0);
        client.get_part("/agents/table").await?;
        moved.add(began.elapsed().as_secs_f64() * 1000.0);

        events.settle(QUIET).await?;
        let began = Instant::now();
        member.disconnect();
        events.next().await?;
        client.get_part("/agents/table").await?;
        left.add(began.elapsed().as_secs_f64() * 1000.0);
        member.connect(&server).await?;
    }
    let row = |name: &str, figures, goal| Row { name: name.into(), unit: Unit::Milliseconds, figures, goal };
    Ok(vec![
        row("a location changes → the event", told, None),
        row("a location changes → the table", moved, Some(GOAL)),
        row("a session ends → the table", left, Some(GOAL)),
    ])
}
