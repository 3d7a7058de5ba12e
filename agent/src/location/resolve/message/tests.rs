use hickory_proto::op::{Message, OpCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME};
use hickory_proto::rr::{RData, Record};
use proptest::prelude::*;

use super::{Answer, Family, IpAddr, MAX_ADDRESSES, Name, Question, RecordType, ResponseCode};

fn question() -> Question {
    Question::new("db.lab.", Family::V4).unwrap()
}

fn dns(name: &str) -> Name {
    Name::from_ascii(name).unwrap()
}

fn ip(last: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, last])
}

fn a(owner: &str, last: u8) -> Record {
    Record::from_rdata(dns(owner), 60, RData::A(A([10, 0, 0, last].into())))
}

fn alias(owner: &str, target: &str) -> Record {
    Record::from_rdata(dns(owner), 60, RData::CNAME(CNAME(dns(target))))
}

/// What the question makes of this answer, changed by `change`.
fn heard(records: Vec<Record>, change: impl FnOnce(&mut Message)) -> Option<Answer> {
    let (id, sent) = question().message().unwrap();
    let sent = Message::from_vec(&sent).unwrap();
    assert!(sent.metadata.recursion_desired);
    let mut answer = Message::response(id, OpCode::Query);
    answer.metadata.recursion_available = true;
    answer.add_queries(sent.queries);
    answer.add_answers(records);
    change(&mut answer);
    question().answer(id, &answer.to_vec().unwrap())
}

#[test]
fn addresses_of_the_name_in_any_case_are_found_once_each() {
    let aaaa = Record::from_rdata(dns("db.lab."), 60, RData::AAAA(AAAA("::1".parse().unwrap())));
    let records = vec![a("db.lab.", 1), a("DB.lab.", 2), a("db.lab.", 1), a("other.lab.", 3), aaaa];
    assert_eq!(heard(records, |_| {}), Some(Answer::Addresses(vec![ip(1), ip(2)])));
}

#[test]
fn what_else_is_in_an_answer_can_be_anything() {
    let (id, mut bytes) = question().message().unwrap();
    // A response of a resolver with three answers and more, which do not come.
    bytes[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 3, 0, 9, 0, 9]);
    // Each for the name in the question; a type that nobody knows, one for text that is none, an address.
    bytes.extend([0xc0, 12, 0xff, 0xf0, 0, 1, 0, 0, 0, 60, 0, 3, 1, 2, 3]);
    bytes.extend([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60, 0, 1, 200]);
    bytes.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 0, 0, 1]);
    bytes.extend([0xff; 7]);
    assert_eq!(question().answer(id, &bytes), Some(Answer::Addresses(vec![ip(1)])));
}

#[test]
fn aliases_are_followed_and_their_loops_end() {
    let records = vec![a("c.lab.", 1), alias("b.lab.", "c.lab."), alias("db.lab.", "b.lab.")];
    assert_eq!(heard(records, |_| {}), Some(Answer::Addresses(vec![ip(1)])));
    let records = vec![alias("db.lab.", "b.lab."), alias("b.lab.", "db.lab."), a("c.lab.", 1)];
    assert_eq!(heard(records, |_| {}), Some(Answer::NoAddress));
    assert_eq!(heard(vec![alias("db.lab.", "b.lab.")], |_| {}), Some(Answer::NoAddress));
}

#[test]
fn there_is_a_bound_to_the_addresses_of_an_answer() {
    let records = (0..=255).map(|last| a("db.lab.", last)).collect();
    let Some(Answer::Addresses(found)) = heard(records, |_| {}) else { panic!("none") };
    assert_eq!(found.len(), MAX_ADDRESSES);
}

#[test]
fn what_answers_another_question_is_no_answer() {
    assert_eq!(heard(vec![a("db.lab.", 1)], |answer| answer.metadata.id ^= 1), None);
    assert_eq!(heard(vec![a("db.lab.", 1)], |answer| answer.queries[0].name = dns("x.lab.")), None);
    assert_eq!(heard(vec![a("db.lab.", 1)], |answer| answer.queries[0].query_type = RecordType::AAAA), None);
    assert_eq!(heard(vec![a("db.lab.", 1)], |answer| answer.queries.clear()), None);
    let (id, sent) = question().message().unwrap();
    assert_eq!(question().answer(id, &sent), None, "its own echo");
}

#[test]
fn only_a_server_that_knows_or_asks_others_can_say_that_there_is_nothing() {
    assert_eq!(heard(Vec::new(), |_| {}), Some(Answer::NoAddress));
    let said = |authoritative, recursion_available| {
        heard(Vec::new(), |answer| {
            answer.metadata.authoritative = authoritative;
            answer.metadata.recursion_available = recursion_available;
        })
    };
    assert_eq!(said(true, false), Some(Answer::NoAddress));
    assert_eq!(said(false, false), Some(Answer::NoHelp));
    for (code, expected) in [
        (ResponseCode::NXDomain, Answer::NoName),
        (ResponseCode::ServFail, Answer::NoHelp),
        (ResponseCode::Refused, Answer::NoHelp),
        (ResponseCode::FormErr, Answer::NoHelp),
    ] {
        assert_eq!(heard(Vec::new(), |answer| answer.metadata.response_code = code), Some(expected));
    }
    let refused_without_question = heard(Vec::new(), |answer| {
        answer.queries.clear();
        answer.metadata.response_code = ResponseCode::Refused;
    });
    assert_eq!(refused_without_question, Some(Answer::NoHelp));
}

#[test]
fn an_answer_that_is_cut_anywhere_asks_for_more() {
    let cut = heard(vec![a("db.lab.", 1)], |answer| answer.metadata.truncation = true);
    assert_eq!(cut, Some(Answer::Truncated(vec![ip(1)])));
    let (id, mut bytes) = question().message().unwrap();
    // A response, cut, with one answer that is not there.
    (bytes[2], bytes[7]) = (0x82, 1);
    assert_eq!(question().answer(id, &bytes), Some(Answer::Truncated(Vec::new())));
    bytes[2] = 0x80;
    assert_eq!(question().answer(id, &bytes), Some(Answer::NoHelp));
}

#[test]
fn a_name_that_is_too_long_is_no_question() {
    assert!(Question::new(&format!("{}example.", "a.".repeat(130)), Family::V4).is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_survived(mut bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let (id, sent) = question().message().unwrap();
        // Half of the time behind the beginning of an answer.
        for (byte, of_question) in bytes.iter_mut().zip(&sent[..if id % 2 == 0 { 2 } else { sent.len() }]) {
            *byte = *of_question;
        }
        if let Some(flags) = bytes.get_mut(2) {
            *flags |= 0x80;
        }
        if let Some(Answer::Addresses(found)) = question().answer(id, &bytes) {
            prop_assert!(!found.is_empty() && found.len() <= MAX_ADDRESSES);
        }
    }
}
