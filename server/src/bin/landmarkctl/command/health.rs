//! `landmarkctl servers health`: which reference servers answer whom.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::Run;
use crate::client::{CallError, Client};
use crate::errors::{Exit, Failure, Origins, refused, refused_change};
use crate::render::health::{basis, empty, health as table};
use crate::view::health::{Health, SweepAsked};

/// What a sweep may take once it has begun.
const SWEEP: Duration = Duration::from_secs(10);
/// Between two looks at what has come.
const LOOK: Duration = Duration::from_millis(500);
/// Nothing came for so long after everyone should have begun: whoever is missing will not come.
const QUIET: Duration = Duration::from_secs(4);

#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    health: &'a Health,
    /// Whom `--refresh` asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    asked: Option<SweepAsked>,
}

pub(super) async fn run(run: &Run, refresh: bool) -> Result<Exit, Failure> {
    let mut client = run.client().await?;
    let mut health = look(&mut client).await?;
    let mut asked = None;
    if refresh && health.revision.is_some() && !health.servers.is_empty() {
        let answer = client.sweep().await;
        let sweep = answer
            .map_err(|error| refused_change("let the agents try the servers", error, &Origins::none()))?;
        asked = Some(sweep);
        if sweep.n_asked > 0 {
            health = follow(run, &mut client, &health, sweep).await?;
        } else {
            run.out.remark("no agent is online to be asked");
        }
    }
    run.out.result(&Document { health: &health, asked }, || match empty(&health) {
        Some(_) => String::new(),
        None => table(&health, &run.out.paper()),
    })?;
    run.out.remark(empty(&health).map_or_else(|| basis(&health, &run.out.paper()), str::to_owned));
    Ok(Exit::Done)
}

async fn look(client: &mut Client) -> Result<Health, Failure> {
    let failed = |error: CallError| refused("ask for the health of the servers", error, &Origins::none());
    client.health().await.map_err(failed)
}

/// Waits until all reports are newer than those of before, or no more come.
async fn follow(
    run: &Run,
    client: &mut Client,
    before: &Health,
    sweep: SweepAsked,
) -> Result<Health, Failure> {
    let spread = Duration::from_millis(u64::try_from(sweep.spread_ms).unwrap_or(0));
    let (begun, limit) = (Instant::now(), spread + SWEEP);
    let bar = bar(run, limit);
    let mut heard_at = begun;
    let mut last = before.clone();
    loop {
        sleep(LOOK.min(limit.saturating_sub(begun.elapsed()))).await;
        let health = look(client).await?;
        if health != last {
            heard_at = Instant::now();
        }
        last = health;
        bar.set_position(u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX));
        let is_over = begun.elapsed() >= limit;
        let is_quiet = begun.elapsed() >= spread && heard_at.elapsed() >= QUIET;
        if is_over || is_quiet || is_new(before, &last, sweep.n_asked) {
            bar.finish_and_clear();
            return Ok(last);
        }
    }
}

/// Whether everything that it rests on came after what was there before.
fn is_new(before: &Health, health: &Health, n_asked: u64) -> bool {
    let is_later = match (before.newest_sweep_at, health.oldest_sweep_at) {
        (Some(newest), Some(oldest)) => oldest > newest,
        (None, Some(_)) => true,
        (_, None) => false,
    };
    is_later && health.n_agents >= n_asked
}

fn bar(run: &Run, limit: Duration) -> ProgressBar {
    if !run.out.can_draw() {
        return ProgressBar::hidden();
    }
    let length = u64::try_from(limit.as_millis()).ok();
    let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr());
    // A template that is none would show in every test of the terminal; the default is good enough then.
    if let Ok(style) = ProgressStyle::with_template("{spinner} agents try the servers {bar:30} {elapsed}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health(n_agents: u64, oldest: Option<&str>, newest: Option<&str>) -> Health {
        let time = |text: &str| format!("2026-11-23T{text}Z").parse().unwrap();
        Health {
            revision: Some(1),
            n_agents,
            n_enrolled: 9,
            n_agents_external: 0,
            oldest_sweep_at: oldest.map(time),
            newest_sweep_at: newest.map(time),
            servers: Vec::new(),
        }
    }

    #[test]
    fn a_picture_is_new_once_nothing_in_it_is_old() {
        let none = health(0, None, None);
        let old = health(2, Some("10:00:00"), Some("11:00:00"));
        let mixed = health(2, Some("10:00:00"), Some("12:00:00"));
        let new = health(2, Some("11:59:59"), Some("12:00:00"));
        assert!(!is_new(&none, &none, 1));
        assert!(is_new(&none, &new, 2) && !is_new(&none, &new, 3));
        assert!(!is_new(&old, &old, 2) && !is_new(&old, &mixed, 2) && is_new(&old, &new, 2));
    }
}
