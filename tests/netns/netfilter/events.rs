//! Who changes our table is heard, unless it is ourselves.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use landmark_agent::enforce::firewall::ruleset::Command;
use landmark_agent::netfilter::events::{Change, Events};
use landmark_agent::netfilter::table::commit;
use landmark_tests::lab::Namespace;
use landmark_tests::wait::LIMIT;
use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::rulesets::{Style, large, rich};
use super::{replace, test};

/// The kernel tells of a change before whoever made it goes on.
const SILENCE: Duration = Duration::from_millis(200);

/// Listens in a namespace.
struct Ear {
    runtime: Runtime,
    events: Events,
}

impl Ear {
    fn open(namespace: &Namespace) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle();
        let events = namespace.place().within(|| {
            let _within = handle.enter();
            Events::open().context("listen")
        })?;
        Ok(Self { runtime, events })
    }

    /// What is told next; `None`: nothing.
    fn hear(&mut self, limit: Duration) -> Result<Option<Change>> {
        let next = self.runtime.block_on(async { timeout(limit, self.events.next()).await });
        next.ok().transpose().context("listen")
    }
}

#[test]
fn own_transactions_are_silent_however_large_they_are() -> Result<()> {
    test(|namespace| {
        let mut ear = Ear::open(namespace)?;
        for ruleset in [rich(), large(1000, Style::Sets), large(1000, Style::Sets), rich()] {
            replace(namespace, &ruleset)?;
            let heard = ear.hear(SILENCE)?;
            ensure!(heard.is_none(), "{heard:?}");
        }
        namespace.place().within(|| Ok(commit(&[Command::DeleteTable])?))?;
        let heard = ear.hear(SILENCE)?;
        ensure!(heard.is_none(), "{heard:?}");
        Ok(())
    })
}

#[test]
fn whatever_another_does_to_our_table_is_told_even_while_we_write() -> Result<()> {
    test(|namespace| {
        let mut ear = Ear::open(namespace)?;
        for change in [
            "add rule inet landmark sub accept",
            "insert rule inet landmark input drop",
            "flush chain inet landmark input",
            "add chain inet landmark other",
            "add element inet landmark web { 5000 }",
            "delete element inet landmark web { 80 }",
            "add set inet landmark more { type ipv4_addr; }",
            "add counter inet landmark c",
            "add table inet landmark { flags dormant; }",
            "delete table inet landmark",
            "flush ruleset",
        ] {
            replace(namespace, &rich())?;
            namespace.nft(&format!("{change}\n"))?;
            replace(namespace, &rich())?;
            let heard = ear.hear(LIMIT)?;
            ensure!(heard == Some(Change::Foreign), "{change}: {heard:?}");
            let heard = ear.hear(SILENCE)?;
            ensure!(heard.is_none(), "{change}, again: {heard:?}");
        }
        Ok(())
    })
}

#[test]
fn what_happens_to_other_tables_is_not_told() -> Result<()> {
    test(|namespace| {
        replace(namespace, &rich())?;
        let mut ear = Ear::open(namespace)?;
        namespace.nft(
            "add table ip landmark\n\
             add chain ip landmark input { type filter hook input priority 0; }\n\
             add rule ip landmark input tcp dport 5 drop\n\
             add table inet other\n\
             add set inet other landmark { type ipv4_addr; elements = { 10.0.0.1 }; }\n\
             add chain inet other landmark\n\
             add rule inet other landmark ip saddr @landmark accept comment \"landmark\"\n\
             delete table inet other\n",
        )?;
        let heard = ear.hear(SILENCE)?;
        ensure!(heard.is_none(), "{heard:?}");
        Ok(())
    })
}

#[test]
fn what_was_lost_is_told_as_perhaps() -> Result<()> {
    test(|namespace| {
        let mut ear = Ear::open(namespace)?;
        // Far more than room was made for, and nobody reads; nothing of it is another's.
        let large = large(1000, Style::Single);
        for _ in 0..40 {
            replace(namespace, &large)?;
        }
        let heard = ear.hear(LIMIT)?;
        ensure!(heard == Some(Change::Perhaps), "{heard:?}");
        // It goes on listening.
        while ear.hear(SILENCE)?.is_some() {}
        namespace.nft("flush ruleset\n")?;
        let heard = ear.hear(LIMIT)?;
        ensure!(heard == Some(Change::Foreign), "{heard:?}");
        Ok(())
    })
}
