//! How long rules take: to be rendered, to come into force in one transaction, and to be read back. It is the agent's own
//! code, in a network namespace of its own.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use landmark_agent::enforce::firewall::ground::Ground;
use landmark_agent::enforce::firewall::plan::plan;
use landmark_agent::enforce::firewall::render::render;
use landmark_agent::enforce::firewall::ruleset::Present;
use landmark_agent::netfilter::flows::each_flow;
use landmark_agent::netfilter::table::{commit, read};
use landmark_proto::firewall::{Level, Policy};
use landmark_tests::lab::Namespace;

use crate::figures::Figures;
use crate::policies::{mixed, unshared};
use crate::table::{Goal, Row, Unit};

/// What DESIGN.md's firewall promises for as many exceptions as a policy takes.
const GOAL_MS: f64 = 200.0;
/// For one shape; after this no more runs are begun.
const LIMIT: Duration = Duration::from_secs(25);
const QUICK_LIMIT: Duration = Duration::from_secs(5);

struct Shape {
    name: &'static str,
    policies: [Policy; 2],
    n_runs: usize,
    is_goal: bool,
    render: Figures,
    commit: Figures,
    read: Figures,
    whole: Figures,
}

/// Measures every shape; two policies of it take turns, so that always another one comes into force.
///
/// # Errors
/// The kernel refuses, or another ruleset stands there than was written.
pub(crate) fn measure(namespace: &Namespace, is_quick: bool) -> Result<Vec<Row>> {
    let (many, some, limit) = if is_quick { (12, 3, QUICK_LIMIT) } else { (60, 20, LIMIT) };
    let shape = |name, policies, n_runs, is_goal| Shape {
        name,
        policies,
        n_runs,
        is_goal,
        render: Figures::default(),
        commit: Figures::default(),
        read: Figures::default(),
        whole: Figures::default(),
    };
    let both = |n| -> Result<_> { Ok([mixed("A", n, Level::High)?, mixed("B", n, Level::Medium)?]) };
    let none_shared = |n, n_of_each| -> Result<_> {
        // The second has one exception less, or nothing would have to change.
        Ok([unshared("A", n, n_of_each)?, unshared("B", n - 1, n_of_each)?])
    };
    let mut shapes = vec![
        shape("100 exceptions, mixed", both(100)?, many, true),
        shape("1,000 exceptions, mixed", both(1000)?, many, true),
        shape("1,000, each its own 4 ports and 4 addresses", none_shared(1000, 4)?, many, true),
        shape("1,000, each its own 64 ports and 64 addresses", none_shared(1000, 64)?, some, false),
    ];
    for shape in &mut shapes {
        namespace.place().within(|| shape.measure(limit))?;
    }
    let mut rows: Vec<Row> = shapes.iter().flat_map(Shape::rows).collect();
    rows.push(namespace.place().within(|| flows(many))?);
    Ok(rows)
}

/// After every switch the flows that the kernel follows are looked through. It has one table for all namespaces, of which
/// every bucket is visited, so that it takes its time even where there are none.
fn flows(n_runs: usize) -> Result<Row> {
    let mut figures = Figures::empty();
    for _ in 0..n_runs {
        let began = Instant::now();
        each_flow(|_| {}).context("list the flows")?;
        figures.add(began.elapsed().as_secs_f64() * 1000.0);
    }
    let name = "the list of tracked flows, empty: read".to_owned();
    Ok(Row { name, unit: Unit::Milliseconds, figures, goal: None })
}

impl Shape {
    fn measure(&mut self, limit: Duration) -> Result<()> {
        let until = Instant::now() + limit;
        // The first warms up.
        for run in 0..=self.n_runs {
            if Instant::now() > until {
                break;
            }
            let Some(policy) = self.policies.get(run % 2) else { continue };
            let present = read().context("read")?;
            let began = Instant::now();
            let rendered = render(policy, &Ground::default());
            let rendered_at = Instant::now();
            commit(&plan(&present, Some(&rendered.ruleset)).commands()).context("commit")?;
            let committed_at = Instant::now();
            let after = read().context("read back")?;
            let ended = Instant::now();
            let stands =
                matches!(&after, Present::Ruleset(..)) && plan(&after, Some(&rendered.ruleset)).is_empty();
            ensure!(stands, "{}: something else stands there", self.name);
            if run == 0 {
                continue;
            }
            let ms = |time: Duration| time.as_secs_f64() * 1000.0;
            self.render.add(ms(rendered_at - began));
            self.commit.add(ms(committed_at - rendered_at));
            self.read.add(ms(ended - committed_at));
            self.whole.add(ms(ended - began));
        }
        Ok(())
    }

    fn rows(&self) -> Vec<Row> {
        let row = |what: &str, figures: &Figures, goal| Row {
            name: format!("{}: {what}", self.name),
            unit: Unit::Milliseconds,
            figures: figures.clone(),
            goal,
        };
        vec![
            row("render", &self.render, None),
            row("commit", &self.commit, None),
            row("read back", &self.read, None),
            row("all three", &self.whole, self.is_goal.then_some(Goal::P99AtMost(GOAL_MS))),
        ]
    }
}
