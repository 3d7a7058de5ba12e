//! What each shape takes, and in which words it refuses the rest.

use std::fmt::Debug;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::config::value::Item;

fn untyped(text: &str) -> Value {
    Value::Untyped(text.to_owned())
}

fn string(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn refusal<S: Shape<Value: Debug>>(shape: &S, value: &Value) -> String {
    let complaints = shape.read(value).unwrap_err();
    assert_eq!(complaints.len(), 1);
    complaints[0].message.clone()
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

#[test]
fn durations_have_limits() {
    let shape = Durations::within(seconds(5)..=seconds(3600));
    assert_eq!(shape.read(&string("5s")), Ok(seconds(5)));
    assert_eq!(shape.read(&untyped("1h")), Ok(seconds(3600)));
    assert_eq!(refusal(&shape, &string("0s")), "0s is too short (at least 5s)");
    assert_eq!(refusal(&shape, &string("2h")), "2h is too long (at most 1h)");
    assert_eq!(refusal(&shape, &Value::Integer(5)), "5 has no unit (ms, s, m, h or d)");
    assert_eq!(refusal(&shape, &Value::Boolean(true)), "must be a duration such as \"5s\", not a boolean");
    assert_eq!(shape.hint().as_deref(), Some("5s to 1h"));
}

#[test]
fn limits_may_be_open_or_leave_out_their_end() {
    let hint = |shape: Durations| shape.hint();
    assert_eq!(hint(Durations::within(..)), None);
    assert_eq!(hint(Durations::within(seconds(5)..)).as_deref(), Some("at least 5s"));
    assert_eq!(hint(Durations::within(..=seconds(5))).as_deref(), Some("at most 5s"));
    assert_eq!(hint(Durations::within(seconds(1)..seconds(5))).as_deref(), Some("at least 1s, less than 5s"));
    let shape = Durations::within(seconds(1)..seconds(5));
    assert_eq!(refusal(&shape, &string("5s")), "5s is too long (less than 5s)");
}

#[test]
fn sizes_have_limits() {
    let shape = Sizes::within(1024..=1024 * 1024);
    assert_eq!(shape.read(&string("64KiB")), Ok(65_536));
    assert_eq!(refusal(&shape, &string("1B")), "1B is too small (at least 1KiB)");
    assert_eq!(refusal(&shape, &string("2MiB")), "2MiB is too large (at most 1MiB)");
    assert_eq!(refusal(&shape, &Value::Integer(5)), "5 has no unit (B, KiB, MiB or GiB)");
}

#[test]
fn numbers_are_bounded_by_range_and_type() {
    let shape = Numbers::<u16>::within(1..);
    assert_eq!(shape.read(&Value::Integer(7443)), Ok(7443));
    assert_eq!(shape.read(&untyped("7443")), Ok(7443));
    assert_eq!(refusal(&shape, &Value::Integer(0)), "0 is too small (at least 1)");
    assert_eq!(refusal(&shape, &Value::Integer(70_000)), "70000 is too large (at most 65535)");
    assert_eq!(refusal(&shape, &untyped("many")), "\"many\" is not a whole number");
    assert_eq!(refusal(&shape, &string("7443")), "must be a whole number, not a string");
    assert_eq!(refusal(&shape, &Value::Other("a float")), "must be a whole number, not a float");
    assert_eq!(refusal(&Numbers::<u8>::within(..), &Value::Integer(-1)), "-1 is too small (at least 0)");
}

#[test]
fn switches_are_true_or_false() {
    assert_eq!(Switches.read(&Value::Boolean(true)), Ok(true));
    assert_eq!(Switches.read(&untyped("false")), Ok(false));
    assert_eq!(refusal(&Switches, &untyped("yes")), "\"yes\" is neither true nor false");
    assert_eq!(refusal(&Switches, &string("true")), "must be true or false, not a string");
}

#[test]
fn texts_and_paths_are_not_empty() {
    assert_eq!(Texts.read(&string("fleet 7")), Ok("fleet 7".to_owned()));
    assert_eq!(refusal(&Texts, &untyped("")), "is empty");
    assert_eq!(refusal(&Texts, &Value::Integer(7)), "must be a string, not an integer");
    assert_eq!(Paths.read(&untyped("/var/lib")), Ok(PathBuf::from("/var/lib")));
    assert_eq!(refusal(&Paths, &string("")), "is empty");
}

#[test]
fn socket_addresses_need_address_and_port() {
    assert_eq!(SocketAddresses.read(&string("[::]:7443")), Ok("[::]:7443".parse::<SocketAddr>().unwrap()));
    assert_eq!(
        refusal(&SocketAddresses, &string("0.0.0.0")),
        "0.0.0.0 is not an IP address and port (such as 127.0.0.1:7446 or [::1]:7446)"
    );
}

#[test]
fn choices_name_what_there_is() {
    let shape = Choices::of(&[("text", 1), ("json", 2)]);
    assert_eq!(shape.read(&string("json")), Ok(2));
    assert_eq!(refusal(&shape, &untyped("yaml")), "yaml is not one of text, json");
    assert_eq!(shape.write(&2), toml::Value::from("json"));
    assert_eq!(shape.hint().as_deref(), Some("one of text, json"));
}

#[test]
fn a_parsed_value_is_refused_in_the_words_of_its_type() {
    let shape = Parsed::<std::net::IpAddr>::new();
    assert!(shape.read(&string("::1")).is_ok());
    assert_eq!(refusal(&shape, &string("localhost")), "invalid IP address syntax");
}

#[test]
fn a_list_tells_which_items_are_wrong() {
    let shape = ListOf(Numbers::<u8>::within(1..));
    let items = [1, 0, 2, 256].map(|n| Item { value: Value::Integer(n), position: None });
    assert_eq!(
        shape.read(&Value::List(items.to_vec())).unwrap_err(),
        [
            Complaint { item: Some(1), message: "0 is too small (at least 1)".to_owned() },
            Complaint { item: Some(3), message: "256 is too large (at most 255)".to_owned() },
        ]
    );
    assert_eq!(refusal(&shape, &Value::Integer(1)), "must be a list, not an integer");
    assert_eq!(shape.hint().as_deref(), Some("a list; each at least 1"));
}

#[test]
fn untyped_text_is_a_list_separated_by_commas() {
    let shape = ListOf(Texts);
    assert_eq!(shape.read(&untyped("a, b")), Ok(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(shape.read(&untyped(" ")), Ok(Vec::new()));
    assert_eq!(shape.read(&untyped("a,,b")).unwrap_err()[0].item, Some(1));
    assert_eq!(refusal(&shape, &string("a")), "must be a list, not a string");
}
