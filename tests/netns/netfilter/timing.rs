//! How long it takes. Printed, not judged: `cargo test -p landmark-tests --test netns timing -- --nocapture`.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use landmark_agent::enforce::firewall::ruleset::Present;
use landmark_agent::netfilter::table::{commit, read};

use super::rulesets::{Style, large};
use super::{replacement, test};

#[test]
fn timing_of_large_rulesets() -> Result<()> {
    test(|namespace| {
        // None at all: what the kernel waits for in every transaction.
        for (n_exceptions, style) in [
            (0, Style::Single),
            (100, Style::Single),
            (100, Style::Sets),
            (1000, Style::Single),
            (1000, Style::Sets),
        ] {
            let ruleset = large(n_exceptions, style);
            namespace.place().within(|| {
                // The second time it takes the place of what stands there, as it does in earnest.
                for what in ["at first", "in place of the same"] {
                    let began = Instant::now();
                    commit(&replacement(&ruleset)).context("commit")?;
                    let committed = began.elapsed();
                    let present = read()?;
                    let read = began.elapsed() - committed;
                    ensure!(matches!(&present, Present::Ruleset(found, _) if *found == ruleset));
                    println!("{n_exceptions} exceptions, {style:?}, {what}: commit {committed:.1?}, read {read:.1?}");
                }
                Ok(())
            })?;
        }
        Ok(())
    })
}
