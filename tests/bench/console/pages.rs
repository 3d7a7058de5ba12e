//! Pages over many agents, one after the other on one connection: from the request to the last byte.

use std::time::Instant;

use anyhow::{Result, ensure};
use landmark_tests::fleet::Server;
use landmark_tests::fleet::simulated::{self, RARE};
use landmark_tests::scratch::Scratch;

use crate::client::Client;
use crate::figures::Figures;
use crate::table::{Goal, Row, Unit};

/// In milliseconds: a page that comes sooner is there at once, as people see it, the way there and drawing it included.
const GOAL: Goal = Goal::P99AtMost(50.0);

/// What is asked for, and what is measured.
fn pages() -> [(String, String); 6] {
    [
        ("agents, first page, by name".into(), "/agents".into()),
        ("agents, text filter".into(), "/agents?text=lap-dev".into()),
        ("agents, rare filter".into(), format!("/agents?text={RARE}")),
        ("agents, by last seen".into(), "/agents?sort=seen".into()),
        ("agents, only the table".into(), "/agents/table".into()),
        ("overview".into(), "/".into()),
    ]
}

pub(crate) async fn measure(scratch: &Scratch, n_agents: u32, n: usize) -> Result<Vec<Row>> {
    let mut server = Server::new(scratch, "pages")?;
    server.start().await?;
    server.ctl().add("10.1.1.5", 1433).await?;
    server.ctl().assign().await?;
    server.stop().await?;
    simulated::fill(&server, n_agents).await?;
    server.start().await?;
    let mut client = Client::connect(&server).await?;
    let mut rows = Vec::new();
    for (name, path) in pages() {
        let warm = client.get(&path).await?;
        ensure!(warm.len() > 500, "GET {path} gives {} bytes only", warm.len());
        let mut figures = Figures::empty();
        for _ in 0..n {
            let began = Instant::now();
            client.get(&path).await?;
            figures.add(began.elapsed().as_secs_f64() * 1000.0);
        }
        rows.push(Row { name, unit: Unit::Milliseconds, figures, goal: Some(GOAL) });
    }
    Ok(rows)
}
