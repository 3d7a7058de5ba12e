use std::net::Ipv4Addr;

use super::*;
use crate::enforce::firewall::ruleset::Elements;
use crate::netlink::message::{Attributes, Messages};

#[test]
fn what_is_said_of_a_command_carries_its_place() {
    let set = Set { name: "web".to_owned(), elements: Elements::Ports(vec![(80, 80)]) };
    let commands = [Command::AddTable, Command::DeleteTable, Command::AddTable, Command::AddSet(&set)];
    let bytes = transaction(&commands);
    let places: Vec<u32> = Messages::new(&bytes).map(|message| message.sequence).collect();
    assert_eq!(places, [0, 1, 2, 3, 4, 4, 0]);
}

#[test]
fn a_large_set_is_written_in_parts_that_fit() {
    let ranges = (0..5000).map(|number| Ipv4Addr::from_bits(2 * number)).map(|address| (address, address));
    let set = Set { name: "many".to_owned(), elements: Elements::V4(ranges.collect()) };
    let bytes = transaction(&[Command::AddSet(&set)]);
    let parts: Vec<_> = Messages::new(&bytes).filter(|message| message.kind == NEWSETELEM).collect();
    assert!(parts.iter().all(|part| part.body.len() < usize::from(u16::MAX)));
    let n_elements: usize = parts
        .iter()
        .map(|part| {
            let mut attributes = Attributes::behind(part.body, 4);
            let (_, list) = attributes.find(|(kind, _)| *kind == ELEMENTS_LIST).unwrap();
            Attributes::new(list).count()
        })
        .sum();
    assert_eq!(n_elements, 10_000);
}

#[test]
fn a_command_is_said_in_words() {
    let rule = Rule {
        tests: Vec::new(),
        is_counted: false,
        action: crate::enforce::firewall::ruleset::Action::AcceptMarked,
        comment: "own traffic".to_owned(),
    };
    assert_eq!(words(&Command::AddRule("in", &rule)), "add a rule to the chain in (own traffic)");
}
