use proptest::collection::vec;
use proptest::prelude::*;

use super::super::write::transaction;
use super::*;
use crate::enforce::firewall::ruleset::{Action, Command, Elements, Test};
use crate::netfilter::attribute::Writer;
use crate::netlink::message::Messages;

/// What the kernel would say after these commands: it repeats what it was told.
fn read_back(commands: &[Command<'_>]) -> Reading {
    let bytes = transaction(commands);
    let mut reading = Reading::default();
    let mut n_things = 0;
    for message in Messages::new(&bytes) {
        match message.kind {
            NEWTABLE => reading.take_table(&message),
            NEWSETELEM => {
                let body = &message.body[HEADER..];
                let (of, kind) =
                    reading.sets().into_iter().find(|(set, _)| *set == name(body, SET_NAME)).unwrap();
                reading.take_elements(&of, kind, &message);
            }
            _ => reading.take(&message),
        }
        n_things += u32::from(matches!(message.kind, NEWCHAIN | NEWSET));
    }
    if let Some(table) = &mut reading.table {
        table.n_things = n_things;
    }
    reading
}

fn rule() -> Rule {
    Rule {
        tests: vec![Test::Protocol(6)],
        is_counted: true,
        action: Action::Verdict(Verdict::Accept),
        comment: "web".to_owned(),
    }
}

fn chain_of(name: &str, rules: Vec<Rule>) -> Chain {
    Chain { name: name.to_owned(), base: Some(Base { hook: Hook::Input, policy: Verdict::Drop }), rules }
}

#[test]
fn what_was_written_is_read_by_name() {
    let sets = [
        Set { name: "b".to_owned(), elements: Elements::Ports(vec![(0, 5), (80, 80), (1024, 65535)]) },
        Set { name: "a".to_owned(), elements: Elements::V6(Vec::new()) },
    ];
    let (one, other) = (chain_of("z", vec![rule(), rule()]), chain_of("m", Vec::new()));
    let reading = read_back(&[
        Command::AddTable,
        Command::AddSet(&sets[0]),
        Command::AddSet(&sets[1]),
        Command::AddChain(&one),
        Command::AddChain(&other),
        Command::AddRule("z", &one.rules[0]),
        Command::AddRule("z", &one.rules[1]),
    ]);
    let [b, a] = sets;
    let whole = Ruleset { sets: vec![a, b], chains: vec![other, one] };
    assert_eq!(reading.whole(), Present::Ruleset(whole, vec![vec![], vec![Count::default(); 2]]));
}

#[test]
fn a_table_that_is_not_there_is_nothing() {
    assert_eq!(Reading::default().whole(), Present::Nothing);
}

#[test]
fn what_no_ruleset_can_say_is_strange() {
    let strange = |reading: Reading| {
        let whole = reading.whole();
        let Present::Strange(what) = whole else { panic!("{whole:?}") };
        what
    };
    let mut asleep = read_back(&[Command::AddTable]);
    asleep.table = Some(Table { flags: 1, n_things: 0 });
    assert_eq!(strange(asleep), "the table has flags (0x1)");

    let mut more = read_back(&[Command::AddTable]);
    more.table = Some(Table { flags: 0, n_things: 1 });
    assert_eq!(strange(more), "something that is neither a chain nor a set");
}

#[test]
fn another_base_chain_is_strange() {
    let mut body = Vec::new();
    let mut writer = Writer::new(&mut body);
    writer.text(CHAIN_NAME, "early");
    writer.be32(CHAIN_POLICY, NF_ACCEPT);
    writer.text(CHAIN_TYPE, "filter");
    writer.nest(CHAIN_HOOK, |hook| {
        hook.be32(HOOK_NUMBER, LOCAL_IN);
        hook.be32(HOOK_PRIORITY, (-300_i32).cast_unsigned());
    });
    let expected = "a base chain with another type, hook or priority: early";
    assert_eq!(chain(&body), Err(expected.to_owned()));
}

#[test]
fn a_rule_that_is_not_understood_is_named() {
    let mut body = Vec::new();
    let mut writer = Writer::new(&mut body);
    writer.nest(RULE_EXPRESSIONS, |list| {
        list.nest(LIST_ELEMENT, |step| step.text(1, "limit"));
    });
    assert_eq!(rule_error(&body), "an expression `limit` of a kind that Landmark does not write");
}

fn rule_error(body: &[u8]) -> String {
    super::rule(body).unwrap_err()
}

#[test]
fn a_comment_is_found_among_other_notes() {
    assert_eq!(comment(&[7, 1, 9, USERDATA_COMMENT, 3, b'o', b'k', 0]), "ok");
    assert_eq!(comment(&[USERDATA_COMMENT, 200, b'o']), "", "cut off");
    assert_eq!(comment(&[]), "");
}

#[test]
fn what_is_of_another_table_is_passed_over() {
    let chain = chain_of("c", Vec::new());
    let mut bytes = transaction(&[Command::AddTable, Command::AddChain(&chain)]);
    let name = b"landmark\0";
    let second = bytes.windows(name.len()).rposition(|window| window == name).unwrap();
    bytes[second] = b'L';
    let mut reading = Reading::default();
    Messages::new(&bytes).for_each(|message| reading.take(&message));
    assert_eq!(reading.chains, []);
}

proptest! {
    #[test]
    fn no_bytes_are_too_strange_to_read(
        kind in prop_oneof![Just(NEWTABLE), Just(NEWCHAIN), Just(NEWRULE), Just(NEWSET), Just(NEWSETELEM), any::<u16>()],
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        noise in vec(any::<u8>(), 0..300),
    ) {
        // A message like ours, with some bytes changed, and one of noise.
        let set = Set { name: "s".to_owned(), elements: Elements::Ports(vec![(1, 2), (4, 65535)]) };
        let (chain, rule) = (chain_of("c", Vec::new()), rule());
        let mut bytes = transaction(&[
            Command::AddTable, Command::AddSet(&set), Command::AddChain(&chain), Command::AddRule("c", &rule),
        ]);
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let mut reading = Reading::default();
        for message in Messages::new(&bytes) {
            reading.take_table(&message);
            reading.take(&message);
            for kind in [Kind::Ports, Kind::V4, Kind::V6] {
                reading.take_elements("s", kind, &message);
            }
        }
        let message = Message { kind, flags: 0, sequence: 0, port: 0, body: &noise };
        reading.take_table(&message);
        reading.take(&message);
        reading.take_elements("s", Kind::Ports, &message);
        drop(reading.whole());
    }
}
