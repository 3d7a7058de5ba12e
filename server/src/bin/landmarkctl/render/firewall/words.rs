//! Words for parts of the firewall.

use std::fmt::Display;

use crate::render::NOTHING;
use crate::view::firewall::{Conditions, Direction, Exception, Level, Mode, Profile};

pub(super) fn or_nothing(text: Option<impl Display>) -> String {
    text.map_or_else(|| NOTHING.to_owned(), |text| text.to_string())
}

/// What a level says.
pub(super) fn meaning(level: Level) -> &'static str {
    match level {
        Level::Low => "inbound and outbound allowed",
        Level::Medium => "inbound blocked, outbound allowed",
        Level::High => "inbound and outbound blocked",
    }
}

/// "medium (inbound blocked, outbound allowed)".
pub(crate) fn level_words(level: Option<Level>) -> String {
    or_nothing(level.map(|level| format!("{level} ({})", meaning(level))))
}

/// "observe (what would be blocked passes and is counted)".
pub(crate) fn mode_words(mode: Option<Mode>) -> String {
    let words = mode.map(|mode| match mode {
        Mode::Enforce => "enforce (what is blocked is dropped)",
        Mode::Observe => "observe (what would be blocked passes and is counted)",
    });
    or_nothing(words)
}

/// "no exceptions", "1 exception", "3 exceptions".
pub(crate) fn n_exceptions(n_exceptions: usize) -> String {
    match n_exceptions {
        0 => "no exceptions".to_owned(),
        1 => "1 exception".to_owned(),
        n => format!("{n} exceptions"),
    }
}

/// "every machine", or "external; host name laptop-* or pc-?; label site=berlin".
pub(super) fn condition_words(conditions: &Conditions) -> String {
    let Conditions { locations, addresses, host_names, platforms, labels } = conditions;
    let optional = |words: Vec<String>| (!words.is_empty()).then(|| words.join(" or "));
    let named =
        |what: &str, words: &[String]| optional(words.to_vec()).map(|words| format!("{what} {words}"));
    let kinds = [
        optional(locations.iter().map(|place| or_nothing(*place)).collect()),
        named("address", addresses),
        named("host name", host_names),
        optional(platforms.iter().map(|platform| or_nothing(*platform)).collect()),
        named("label", labels),
    ];
    let kinds: Vec<String> = kinds.into_iter().flatten().collect();
    if kinds.is_empty() { "every machine".to_owned() } else { kinds.join("; ") }
}

/// "policy "Travel" for external; host name laptop-*".
pub(crate) fn profile_words(profile: &Profile) -> String {
    let Profile { name: _, enabled, policy, conditions } = profile;
    let state = if *enabled { "" } else { ", disabled" };
    format!("policy \"{policy}\" for {}{state}", condition_words(conditions))
}

/// "allow inbound tcp 22 from 10.0.0.0/8", as the model says it.
pub(crate) fn exception_words(exception: &Exception) -> String {
    let Exception { name: _, action, direction, protocol, ports, remotes } = exception;
    let (way, preposition) = match direction {
        Some(Direction::Inbound) => ("inbound", "from"),
        Some(Direction::Outbound) => ("outbound", "to"),
        Some(Direction::Both) => ("in and out", "with"),
        None => (NOTHING, "with"),
    };
    let mut text = format!("{} {way} {}", or_nothing(*action), or_nothing(*protocol));
    if !ports.is_empty() {
        text.push_str(&format!(" {}", ports.join(",")));
    }
    if !remotes.is_empty() {
        text.push_str(&format!(" {preposition} {}", remotes.join(",")));
    }
    text
}

/// `"a", "b"`.
pub(crate) fn list_of(names: &[impl Display]) -> String {
    names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

/// A name as a shell takes it.
pub(crate) fn argument(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '/' | '+');
    if !name.starts_with('-') && name.chars().all(is_plain) {
        name.to_owned()
    } else {
        format!("'{}'", name.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use landmark_proto::violation::Path;

    use super::*;
    use crate::view::firewall::{Action, Place, Platform, Protocol};

    #[test]
    fn conditions_of_a_kind_are_alternatives_and_kinds_are_not() {
        let conditions = Conditions {
            locations: vec![Some(Place::External)],
            addresses: vec!["10.0.0.0/8".into(), "10.1.0.1".into()],
            host_names: vec!["laptop-*".into()],
            platforms: vec![Some(Platform::Linux), None],
            labels: vec!["site=berlin".into()],
        };
        assert_eq!(
            condition_words(&conditions),
            "external; address 10.0.0.0/8 or 10.1.0.1; host name laptop-*; linux or –; label site=berlin"
        );
        assert_eq!(condition_words(&Conditions::default()), "every machine");
    }

    #[test]
    fn an_exception_is_told_as_the_model_tells_it() {
        let mut exception = Exception {
            name: "x".into(),
            action: Some(Action::Block),
            direction: Some(Direction::Outbound),
            protocol: Some(Protocol::TcpUdp),
            ports: vec!["53".into(), "137-139".into()],
            remotes: vec!["10.0.0.0/8".into(), "dns.example".into()],
        };
        for direction in [Direction::Inbound, Direction::Outbound, Direction::Both] {
            exception.direction = Some(direction);
            let model = exception.to_model(&Path::root()).unwrap();
            assert_eq!(exception_words(&exception), model.to_string());
        }
        exception.protocol = None;
        assert!(exception_words(&exception).starts_with("block in and out – 53"));
    }

    #[test]
    fn a_name_is_quoted_where_a_shell_needs_it() {
        for (name, word) in [
            ("Travel", "Travel"),
            ("All agents", "'All agents'"),
            ("-x", "'-x'"),
            ("Tom's", r"'Tom'\''s'"),
            ("$HOME", "'$HOME'"),
        ] {
            assert_eq!(argument(name), word);
        }
    }
}
