//! Rulesets as large as a policy can make them; how long they take is measured by `cargo xtask bench enforce`.

use anyhow::{Context as _, Result, ensure};
use landmark_agent::enforce::firewall::ruleset::Present;
use landmark_agent::netfilter::table::{commit, read};

use super::rulesets::{Style, large};
use super::{replacement, test};

#[test]
fn a_thousand_exceptions_are_read_as_they_were_written_and_take_the_place_of_others() -> Result<()> {
    test(|namespace| {
        // The second of a kind takes the place of what stands there, as it does in earnest.
        for (n_exceptions, style) in [
            (0, Style::Single),
            (1000, Style::Single),
            (1000, Style::Single),
            (1000, Style::Sets),
            (1000, Style::Sets),
            (0, Style::Single),
        ] {
            let ruleset = large(n_exceptions, style);
            namespace.place().within(|| {
                commit(&replacement(&ruleset)).context("commit")?;
                let present = read()?;
                ensure!(
                    matches!(&present, Present::Ruleset(found, _) if *found == ruleset),
                    "{n_exceptions} exceptions, {style:?}: something else stands there"
                );
                Ok(())
            })?;
        }
        Ok(())
    })
}
