//! Rules, and the steps that they are in the kernel: the same as `nft` makes of them, so that it lists them in its words. It
//! must know no bytes of messages.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::expression::{Decision, Expression, Field, Layer, Relation, Slice};
use crate::enforce::firewall::ruleset::{Action, Count, Family, Rule, Side, States, Test, Verdict};

/// `ARPHRD_LOOPBACK`.
const LOOPBACK: u16 = 772;
const NFPROTO_IPV4: u8 = 2;
const NFPROTO_IPV6: u8 = 10;

/// Bits of `ct state`.
const INVALID: u32 = 1;
const ESTABLISHED: u32 = 2;
const RELATED: u32 = 4;
const NEW: u32 = 8;

/// The type of ICMP and ICMPv6.
const ICMP_TYPE: Slice = Slice { layer: Layer::Transport, offset: 0, length: 1 };

/// The steps of a rule.
pub(super) fn steps(rule: &Rule) -> Vec<Expression> {
    let mut steps = Vec::with_capacity(3 * rule.tests.len() + 4);
    for test in &rule.tests {
        add_test(&mut steps, test);
    }
    if rule.is_counted {
        steps.push(Expression::Count(Count::default()));
    }
    match &rule.action {
        Action::Verdict(verdict) => steps.push(Expression::Decide(Decision::Verdict(*verdict))),
        Action::AcceptMarked => steps.extend([
            Expression::Load(Field::Mark),
            Expression::MarkConnection,
            Expression::Decide(Decision::Verdict(Verdict::Accept)),
        ]),
        Action::Jump(chain) => steps.push(Expression::Decide(Decision::Jump(chain.clone()))),
        Action::Goto(chain) => steps.push(Expression::Decide(Decision::Goto(chain.clone()))),
    }
    steps
}

fn add_test(steps: &mut Vec<Expression>, test: &Test) {
    let equal = |value: &[u8]| Expression::Compare(Relation::Equal, value.to_vec());
    match test {
        Test::State(states) => steps.extend([
            Expression::Load(Field::State),
            Expression::Mask(bits(*states).to_ne_bytes().to_vec()),
            Expression::Compare(Relation::NotEqual, vec![0; 4]),
        ]),
        Test::ConnectionMark(mark) => {
            steps.extend([Expression::Load(Field::ConnectionMark), equal(&mark.to_ne_bytes())]);
        }
        Test::Loopback(hook) => {
            steps.extend([Expression::Load(Field::InterfaceType(*hook)), equal(&LOOPBACK.to_ne_bytes())]);
        }
        Test::Mark(mark) => steps.extend([Expression::Load(Field::Mark), equal(&mark.to_ne_bytes())]),
        Test::Family(family) => steps.extend([Expression::Load(Field::Family), equal(&[number(*family)])]),
        Test::Protocol(protocol) => steps.extend([Expression::Load(Field::Protocol), equal(&[*protocol])]),
        Test::Port(side, first, last) => {
            steps.push(Expression::Load(Field::Payload(port(*side))));
            add_range(steps, &first.to_be_bytes(), &last.to_be_bytes());
        }
        Test::PortIn(side, set) => {
            steps.extend([Expression::Load(Field::Payload(port(*side))), Expression::Lookup(set.clone())]);
        }
        Test::V4(side, first, last) => {
            steps.push(Expression::Load(Field::Payload(address(*side, Family::V4))));
            add_addresses(steps, &first.octets(), &last.octets());
        }
        Test::V6(side, first, last) => {
            steps.push(Expression::Load(Field::Payload(address(*side, Family::V6))));
            add_addresses(steps, &first.octets(), &last.octets());
        }
        Test::AddressIn(side, family, set) => {
            let slice = address(*side, *family);
            steps.extend([Expression::Load(Field::Payload(slice)), Expression::Lookup(set.clone())]);
        }
        Test::IcmpType(first, last) => {
            steps.push(Expression::Load(Field::Payload(ICMP_TYPE)));
            add_range(steps, &[*first], &[*last]);
        }
    }
}

fn add_range(steps: &mut Vec<Expression>, first: &[u8], last: &[u8]) {
    if first == last {
        steps.push(Expression::Compare(Relation::Equal, first.to_vec()));
    } else {
        steps.push(Expression::Compare(Relation::AtLeast, first.to_vec()));
        steps.push(Expression::Compare(Relation::AtMost, last.to_vec()));
    }
}

/// A range that is a prefix is said as one.
fn add_addresses(steps: &mut Vec<Expression>, first: &[u8], last: &[u8]) {
    match mask(first, last) {
        Some(mask) => {
            steps.push(Expression::Mask(mask));
            steps.push(Expression::Compare(Relation::Equal, first.to_vec()));
        }
        None => add_range(steps, first, last),
    }
}

/// The mask of the prefix that a range is, if it is one other than of one address or all.
fn mask(first: &[u8], last: &[u8]) -> Option<Vec<u8>> {
    let mask: Vec<u8> = first.iter().zip(last).map(|(first, last)| !(first ^ last)).collect();
    let n_ones: u32 = mask.iter().map(|byte| byte.count_ones()).sum();
    let n_leading = leading_ones(&mask);
    let is_base = first.iter().zip(&mask).all(|(byte, mask)| byte & !mask == 0);
    (n_ones == n_leading && is_base && n_ones > 0 && first != last).then_some(mask)
}

fn leading_ones(mask: &[u8]) -> u32 {
    let n_whole = mask.iter().take_while(|byte| **byte == 0xff).count();
    let rest = mask.get(n_whole).map_or(0, |byte| byte.leading_ones());
    u32::try_from(n_whole).unwrap_or_default() * 8 + rest
}

/// The rule that these steps are, and what it has counted.
///
/// # Errors
/// None that we would write: what is strange.
pub(super) fn recognise(steps: Vec<Expression>, comment: String) -> Result<(Rule, Count), String> {
    let mut rest = steps.into_iter().peekable();
    let (mut tests, mut counted, mut is_marking) = (Vec::new(), None, false);
    loop {
        match rest.next().ok_or("a rule that decides nothing")? {
            Expression::Load(Field::Mark)
                if rest.next_if(|step| matches!(step, Expression::MarkConnection)).is_some() =>
            {
                is_marking = true;
            }
            Expression::Load(field) if counted.is_none() && !is_marking => {
                tests.push(test(field, &mut || rest.next())?);
            }
            Expression::Count(count) if counted.is_none() && !is_marking => counted = Some(count),
            Expression::Decide(decision) => {
                let action = action(decision, is_marking)?;
                if rest.next().is_some() {
                    return Err("a rule with more behind its end".to_owned());
                }
                let rule = Rule { tests, is_counted: counted.is_some(), action, comment };
                return Ok((rule, counted.unwrap_or_default()));
            }
            Expression::Load(_)
            | Expression::Compare(..)
            | Expression::Mask(_)
            | Expression::Lookup(_)
            | Expression::Count(_)
            | Expression::MarkConnection => {
                return Err("a rule with its parts in an order that Landmark does not write".to_owned());
            }
        }
    }
}

fn action(decision: Decision, is_marking: bool) -> Result<Action, String> {
    match decision {
        Decision::Verdict(Verdict::Accept) if is_marking => Ok(Action::AcceptMarked),
        _ if is_marking => Err("a rule that marks a connection and does not accept it".to_owned()),
        Decision::Verdict(verdict) => Ok(Action::Verdict(verdict)),
        Decision::Jump(chain) => Ok(Action::Jump(chain)),
        Decision::Goto(chain) => Ok(Action::Goto(chain)),
    }
}

/// What the register is tested for.
enum Tested {
    Range(Vec<u8>, Vec<u8>),
    AnyOf(u32),
    In(String),
}

fn test(field: Field, next: &mut dyn FnMut() -> Option<Expression>) -> Result<Test, String> {
    let tested = tested(next).ok_or("a comparison that Landmark does not write")?;
    meaning(field, tested).ok_or_else(|| format!("a test of {field:?} that Landmark does not write"))
}

fn tested(next: &mut dyn FnMut() -> Option<Expression>) -> Option<Tested> {
    match next()? {
        Expression::Compare(Relation::Equal, value) => Some(Tested::Range(value.clone(), value)),
        Expression::Compare(Relation::AtLeast, first) => {
            let Expression::Compare(Relation::AtMost, last) = next()? else { return None };
            Some(Tested::Range(first, last))
        }
        Expression::Mask(mask) => {
            let Expression::Compare(relation, value) = next()? else { return None };
            masked(mask, relation, value)
        }
        Expression::Lookup(set) => Some(Tested::In(set)),
        Expression::Load(_)
        | Expression::Compare(Relation::NotEqual | Relation::AtMost, _)
        | Expression::Count(_)
        | Expression::MarkConnection
        | Expression::Decide(_) => None,
    }
}

fn masked(mask: Vec<u8>, relation: Relation, value: Vec<u8>) -> Option<Tested> {
    match relation {
        Relation::Equal => prefix(&mask, value),
        Relation::NotEqual if value == [0; 4] => {
            array(mask).map(|mask| Tested::AnyOf(u32::from_ne_bytes(mask)))
        }
        Relation::NotEqual | Relation::AtLeast | Relation::AtMost => None,
    }
}

fn prefix(mask: &[u8], first: Vec<u8>) -> Option<Tested> {
    let last: Vec<u8> = first.iter().zip(mask).map(|(byte, mask)| byte | !mask).collect();
    let is_prefix = mask.len() == first.len() && self::mask(&first, &last).as_deref() == Some(mask);
    is_prefix.then_some(Tested::Range(first, last))
}

/// What it means to test this for that; `None`: we do not write it.
fn meaning(field: Field, tested: Tested) -> Option<Test> {
    match (field, tested) {
        (Field::State, Tested::AnyOf(bits)) => states(bits).map(Test::State),
        (Field::ConnectionMark, Tested::Range(first, last)) => {
            Some(Test::ConnectionMark(u32::from_ne_bytes(same(first, &last)?)))
        }
        (Field::Mark, Tested::Range(first, last)) => {
            Some(Test::Mark(u32::from_ne_bytes(same(first, &last)?)))
        }
        (Field::InterfaceType(hook), Tested::Range(first, last)) => {
            (same(first, &last)? == LOOPBACK.to_ne_bytes()).then_some(Test::Loopback(hook))
        }
        (Field::Family, Tested::Range(first, last)) => match same::<1>(first, &last)? {
            [NFPROTO_IPV4] => Some(Test::Family(Family::V4)),
            [NFPROTO_IPV6] => Some(Test::Family(Family::V6)),
            _ => None,
        },
        (Field::Protocol, Tested::Range(first, last)) => {
            same::<1>(first, &last).map(|[number]| Test::Protocol(number))
        }
        (Field::Payload(slice), tested) => payload(slice, tested),
        _ => None,
    }
}

fn payload(slice: Slice, tested: Tested) -> Option<Test> {
    let sides = [Side::Source, Side::Destination];
    if let Some(side) = sides.into_iter().find(|side| port(*side) == slice) {
        return match tested {
            Tested::Range(first, last) => {
                Some(Test::Port(side, u16::from_be_bytes(array(first)?), u16::from_be_bytes(array(last)?)))
            }
            Tested::In(set) => Some(Test::PortIn(side, set)),
            Tested::AnyOf(_) => None,
        };
    }
    for (side, family) in
        sides.into_iter().flat_map(|side| [Family::V4, Family::V6].map(|family| (side, family)))
    {
        if address(side, family) == slice {
            return match (tested, family) {
                (Tested::Range(first, last), Family::V4) => {
                    let ip = |bytes| array::<4>(bytes).map(Ipv4Addr::from);
                    Some(Test::V4(side, ip(first)?, ip(last)?))
                }
                (Tested::Range(first, last), Family::V6) => {
                    let ip = |bytes| array::<16>(bytes).map(Ipv6Addr::from);
                    Some(Test::V6(side, ip(first)?, ip(last)?))
                }
                (Tested::In(set), _) => Some(Test::AddressIn(side, family, set)),
                (Tested::AnyOf(_), _) => None,
            };
        }
    }
    let Tested::Range(first, last) = tested else { return None };
    let ([first], [last]) = (array(first)?, array(last)?);
    (slice == ICMP_TYPE).then_some(Test::IcmpType(first, last))
}

fn same<const N: usize>(first: Vec<u8>, last: &[u8]) -> Option<[u8; N]> {
    array(first).filter(|first| first[..] == *last)
}

fn array<const N: usize>(bytes: Vec<u8>) -> Option<[u8; N]> {
    bytes.try_into().ok()
}

fn bits(states: States) -> u32 {
    let States { established, related, new, invalid } = states;
    [(established, ESTABLISHED), (related, RELATED), (new, NEW), (invalid, INVALID)]
        .into_iter()
        .filter_map(|(is_meant, bit)| is_meant.then_some(bit))
        .sum()
}

fn states(bits: u32) -> Option<States> {
    let has = |bit| bits & bit != 0;
    let states =
        States { established: has(ESTABLISHED), related: has(RELATED), new: has(NEW), invalid: has(INVALID) };
    (bits != 0 && bits == self::bits(states)).then_some(states)
}

fn number(family: Family) -> u8 {
    match family {
        Family::V4 => NFPROTO_IPV4,
        Family::V6 => NFPROTO_IPV6,
    }
}

fn port(side: Side) -> Slice {
    let offset = match side {
        Side::Source => 0,
        Side::Destination => 2,
    };
    Slice { layer: Layer::Transport, offset, length: 2 }
}

fn address(side: Side, family: Family) -> Slice {
    let (offset, length) = match (family, side) {
        (Family::V4, Side::Source) => (12, 4),
        (Family::V4, Side::Destination) => (16, 4),
        (Family::V6, Side::Source) => (8, 16),
        (Family::V6, Side::Destination) => (24, 16),
    };
    Slice { layer: Layer::Network, offset, length }
}

#[cfg(test)]
mod tests;
