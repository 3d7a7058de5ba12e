//! A table is written whole, read whole, and taken away whole.

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use landmark_agent::enforce::firewall::ruleset::{
    Action, Chain, Command, Elements, Hook, Present, Ruleset, Set, Side, Test, Verdict,
};
use landmark_agent::netfilter::table::{CommitError, commit, is_available, read};
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use super::rulesets::{UDP, accept, any_ruleset, base, counted, rich, rule, to_port};
use super::{read_in, replace, replacement, test};

const PORT: u16 = 7000;

#[test]
fn a_rich_ruleset_is_read_as_it_was_written_and_nft_says_it_in_its_words() -> Result<()> {
    test(|namespace| {
        namespace.place().within(|| is_available().context("available"))?;
        let rich = rich();
        replace(namespace, &rich)?;
        let (found, counts) = read_in(namespace)?;
        ensure!(found == rich, "wrote {rich:#?}\nread {found:#?}");
        let shape =
            |ruleset: &Ruleset| ruleset.chains.iter().map(|chain| chain.rules.len()).collect::<Vec<_>>();
        ensure!(counts.iter().map(Vec::len).collect::<Vec<_>>() == shape(&rich), "{counts:?}");

        let listed = namespace.ask_nft(&["list", "table", "inet", "landmark"])?;
        for line in [
            "type filter hook input priority filter; policy drop;",
            "ct mark 0x4c4d4358 drop",
            "ct state established,related accept",
            "meta iiftype loopback accept",
            "ip saddr @offices tcp dport @web counter packets 0 bytes 0 jump sub \
             comment \"exception 1: web from the offices\"",
            "ip6 saddr fe80::/10 icmpv6 type 133-136 counter packets 0 bytes 0 accept comment \"neighbours\"",
            "ip saddr 10.0.0.0/9 drop",
            "icmp type echo-request accept",
            "meta mark 0x4c4d0000 ct mark set meta mark accept",
            "ip daddr 192.0.2.1-192.0.2.9 counter packets 0 bytes 0 accept comment \"a range\"",
            "elements = { 80, 443, 8000-8999 }",
            "elements = { 0.0.0.0/8, 10.0.0.0/8,",
            "192.168.0.7-192.168.0.9, 255.255.255.255 }",
            "ff00::/8",
        ] {
            ensure!(listed.contains(line), "no `{line}` in\n{listed}");
        }
        Ok(())
    })
}

#[test]
fn every_ruleset_is_read_as_it_was_written() -> Result<()> {
    test(|namespace| {
        let config = Config { cases: 30, failure_persistence: None, ..Config::default() };
        let mut runner = TestRunner::new(config);
        runner
            .run(&any_ruleset(), |ruleset| {
                let failed = |error: anyhow::Error| TestCaseError::fail(format!("{error:#}"));
                replace(namespace, &ruleset).map_err(failed)?;
                let (found, _) = read_in(namespace).map_err(failed)?;
                proptest::prop_assert_eq!(found, ruleset);
                Ok(())
            })
            .map_err(|error| anyhow::anyhow!("{error}"))
    })
}

#[test]
fn what_another_has_written_is_neither_touched_nor_read() -> Result<()> {
    test(|namespace| {
        namespace.nft(
            "add table inet other\n\
             add set inet other s { type ipv4_addr; elements = { 10.0.0.1 }; }\n\
             add chain inet other input { type filter hook input priority 5; policy accept; }\n\
             add rule inet other input ip saddr @s counter accept\n\
             add table ip landmark\n\
             add chain ip landmark input { type filter hook input priority 5; policy accept; }\n\
             add table inet landmark2\n\
             add chain inet landmark2 input\n\
             add rule inet landmark2 input tcp dport 5 drop\n",
        )?;
        let before = namespace.ask_nft(&["-a", "list", "ruleset"])?;
        ensure!(namespace.place().within(|| Ok(read()?))? == Present::Nothing);
        replace(namespace, &rich())?;
        ensure!(read_in(namespace)?.0 == rich());
        namespace.place().within(|| Ok(commit(&[Command::DeleteTable])?))?;
        ensure!(namespace.place().within(|| Ok(read()?))? == Present::Nothing);
        let after = namespace.ask_nft(&["-a", "list", "ruleset"])?;
        ensure!(before == after, "{before}\nis now\n{after}");
        Ok(())
    })
}

#[test]
fn what_is_refused_is_named_and_changes_nothing() -> Result<()> {
    test(|namespace| {
        replace(namespace, &rich())?;
        let wrong =
            counted(&[Test::PortIn(Side::Source, "no-such-set".to_owned())], accept(), "the wrong one");
        let chains =
            vec![base("input", Hook::Input, Verdict::Drop, vec![rule(&[], accept()), wrong.clone(), wrong])];
        let other = Ruleset { sets: Vec::new(), chains };
        let refused = namespace.place().within(|| Ok(commit(&replacement(&other))))?;
        let Err(error @ CommitError::Refused { .. }) = refused else { bail!("{refused:?}") };
        let said = format!("{:#}", anyhow::Error::from(error));
        let expected = "the packet filter refused to add a rule to the chain input (the wrong one): \
                        No such file or directory (os error 2)";
        ensure!(said == expected, "{said}");
        ensure!(read_in(namespace)?.0 == rich());
        Ok(())
    })
}

#[test]
fn a_set_that_holds_all_of_a_machines_names_is_written_in_parts() -> Result<()> {
    test(|namespace| {
        let addresses = (0..20_000).map(|number| std::net::Ipv4Addr::from_bits(0x0a00_0000 + 3 * number));
        let elements = Elements::V4(addresses.map(|address| (address, address)).collect());
        let ruleset = Ruleset { sets: vec![Set { name: "many".to_owned(), elements }], chains: Vec::new() };
        replace(namespace, &ruleset)?;
        ensure!(read_in(namespace)?.0 == ruleset);
        Ok(())
    })
}

#[test]
fn what_no_ruleset_can_say_is_strange() -> Result<()> {
    test(|namespace| {
        for (rules, expected) in [
            (
                "add rule inet landmark sub tcp dport != 5 accept",
                "a comparison that Landmark does not write, in the chain sub",
            ),
            ("add rule inet landmark sub limit rate 5/second accept", "an expression `limit`"),
            ("add set inet landmark x { type ipv4_addr; flags timeout; }", "a set of another kind: x"),
            ("add counter inet landmark x", "something that is neither a chain nor a set"),
            (
                "add chain inet landmark x { type filter hook forward priority 0; }",
                "a base chain with another",
            ),
            ("add table inet landmark { flags dormant; }", "the table has flags"),
        ] {
            replace(namespace, &rich())?;
            namespace.nft(&format!("{rules}\n"))?;
            let present = namespace.place().within(|| Ok(read()?))?;
            let Present::Strange(what) = &present else { bail!("{rules}: {present:?}") };
            ensure!(what.starts_with(expected), "{rules}: {what}");
        }
        Ok(())
    })
}

#[test]
fn what_another_adds_in_words_of_ours_is_read() -> Result<()> {
    test(|namespace| {
        let chains = vec![Chain { name: "sub".to_owned(), base: None, rules: Vec::new() }];
        replace(namespace, &Ruleset { sets: Vec::new(), chains })?;
        namespace.nft("add rule inet landmark sub udp dport 1000-2000 counter drop comment \"hello\"\n")?;
        let (found, _) = read_in(namespace)?;
        let tests = [Test::Protocol(UDP), Test::Port(Side::Destination, 1000, 2000)];
        let added = counted(&tests, Action::Verdict(Verdict::Drop), "hello");
        ensure!(found.chains[0].rules == [added], "{found:?}");
        Ok(())
    })
}

#[test]
fn no_packet_meets_a_half_of_a_replacement_and_each_is_counted() -> Result<()> {
    test(|namespace| {
        // Both let these packets pass, by rules that stand in different places; nothing else would.
        let let_pass = counted(&[Test::Protocol(UDP), to_port(PORT)], accept(), "the port");
        let ruleset = |n_before: u16| {
            let mut rules: Vec<_> =
                (0..n_before).map(|n| rule(&[Test::Protocol(UDP), to_port(n)], accept())).collect();
            rules.push(let_pass.clone());
            let chains = vec![base("input", Hook::Input, Verdict::Drop, rules)];
            Ruleset { sets: Vec::new(), chains }
        };
        let two = [ruleset(0), ruleset(200)];
        replace(namespace, &two[0])?;
        let (sender, receiver) = namespace.place().within(|| {
            let receiver = UdpSocket::bind(("127.0.0.1", PORT))?;
            receiver.set_read_timeout(Some(Duration::from_secs(5)))?;
            let sender = UdpSocket::bind("127.0.0.1:0")?;
            sender.connect(("127.0.0.1", PORT))?;
            Ok((sender, receiver))
        })?;
        let is_over = AtomicBool::new(false);
        let n_sent = std::thread::scope(|scope| {
            let sending = scope.spawn(|| -> Result<u64> {
                let mut n_sent = 0;
                while !is_over.load(Ordering::Relaxed) {
                    sender.send(b"x")?;
                    receiver.recv(&mut [0; 8]).context("a packet was lost")?;
                    n_sent += 1;
                }
                Ok(n_sent)
            });
            let replaced = (0..60).try_for_each(|number| replace(namespace, &two[number % 2]));
            is_over.store(true, Ordering::Relaxed);
            let sent = sending.join();
            replaced.and_then(|()| sent.unwrap_or_else(|_| bail!("the sender panicked")))
        })?;
        ensure!(n_sent > 100, "only {n_sent} packets");

        replace(namespace, &two[1])?;
        for _ in 0..3 {
            sender.send(b"four")?;
            receiver.recv(&mut [0; 8])?;
        }
        let (_, counts) = read_in(namespace)?;
        let count = counts[0].last().context("no count")?;
        // Of each: 20 bytes of IPv4, 8 of UDP, 4.
        ensure!((count.n_packets, count.n_bytes) == (3, 96), "{count:?}");
        Ok(())
    })
}
