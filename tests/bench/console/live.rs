//! From a change of the fleet to the changed part of an open page: the event, and the answer to what the page asks then.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use landmark_proto::wire::Location;
use landmark_tests::fleet::{Crowd, Server};
use landmark_tests::scratch::Scratch;

use crate::client::{Client, Events};
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
    let table = format!("/agents/table?text={}", member.agent_id);
    for _ in 0..n {
        events.settle(QUIET).await?;
        // Connecting again, at the end of a round, said that it is inside.
        let (location, shown) = (Location::External, "external");
        let began = Instant::now();
        member.report(location).await?;
        events.next().await?;
        told.add(began.elapsed().as_secs_f64() * 1000.0);
        follow_until(&mut client, &mut events, &table, shown).await?;
        moved.add(began.elapsed().as_secs_f64() * 1000.0);

        events.settle(QUIET).await?;
        let began = Instant::now();
        member.disconnect();
        events.next().await?;
        follow_until(&mut client, &mut events, &table, "offline").await?;
        left.add(began.elapsed().as_secs_f64() * 1000.0);
        member.connect(&server).await?;
        follow_until(&mut client, &mut events, &table, "internal").await?;
    }
    let row = |name: &str, figures, goal| Row { name: name.into(), unit: Unit::Milliseconds, figures, goal };
    Ok(vec![
        row("a location changes → the event", told, None),
        row("a location changes → the table", moved, Some(GOAL)),
        row("a session ends → the table", left, Some(GOAL)),
    ])
}

/// Asks for the table at each event, until a badge in the row of the agent has this word.
async fn follow_until(client: &mut Client, events: &mut Events, table: &str, word: &str) -> Result<()> {
    let badge = format!("{word}</span>");
    loop {
        let part = client.get_part(table).await?;
        if row_of(&String::from_utf8_lossy(&part))?.contains(&badge) {
            return Ok(());
        }
        events.next().await?;
    }
}

/// The one row of the table's body: words of filters and headings stand outside.
fn row_of(part: &str) -> Result<&str> {
    let body = part.split_once("<tbody").and_then(|(_, rest)| rest.split_once("</tbody>"));
    Ok(body.context("the table has no body")?.0)
}
