//! A whole firewall as JSON or TOML.
//!
//! Pure. Words, ports and addresses that are wrong are all told at once, with their paths; what is not JSON or TOML at all,
//! or has a field or word that there is not, is told with its line.

use landmark_proto::firewall as model;
use landmark_proto::violation::{Path, Violations};
use serde::Deserialize;

use crate::view::firewall::{Exception, Firewall, Policy, Profile, Protocol};

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Json,
    Toml,
}

/// As it stands in a file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    policies: Vec<Policy>,
    #[serde(default)]
    profiles: Vec<Profile>,
    template: Option<Vec<Exception>>,
}

/// A file that is none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidFile {
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    #[error("{0}")]
    Toml(#[from] toml::de::Error),
}

impl Form {
    /// JSON begins with a brace, TOML never does.
    pub(crate) fn of_text(text: &str) -> Self {
        if text.trim_start_matches('\u{feff}').trim_start().starts_with('{') {
            Self::Json
        } else {
            Self::Toml
        }
    }

    pub(crate) fn of_file(file: &std::path::Path) -> Self {
        let is_toml = file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml"));
        if is_toml { Self::Toml } else { Self::Json }
    }
}

/// Reads a file; without a template in it that is the one given.
pub(crate) fn parse(text: &str, template: &[Exception]) -> Result<Firewall, InvalidFile> {
    let text = text.trim_start_matches('\u{feff}');
    let document: Document = match Form::of_text(text) {
        Form::Json => serde_json::from_str(text)?,
        Form::Toml => toml::from_str(text)?,
    };
    let Document { mut policies, profiles, template: own } = document;
    let mut template = own.unwrap_or_else(|| template.to_vec());
    let in_policies = policies.iter_mut().flat_map(|policy| &mut policy.exceptions);
    for exception in in_policies.chain(&mut template) {
        let usual = if exception.ports.is_empty() { Protocol::All } else { Protocol::TcpUdp };
        exception.protocol.get_or_insert(usual);
    }
    Ok(Firewall { policies, profiles, template })
}

/// Writes one that is understood whole: what a newer server says with words of its own would be lost.
pub(crate) fn write(firewall: &Firewall, form: Form) -> Result<String, Violations> {
    let whole: model::Firewall = firewall.to_model(&Path::root())?;
    drop(whole);
    let cannot = |error: &dyn std::fmt::Display| Violations::one(&Path::root(), error);
    match form {
        Form::Json => {
            let text = serde_json::to_string_pretty(firewall).map_err(|error| cannot(&error))?;
            Ok(format!("{text}\n"))
        }
        Form::Toml => toml::to_string(firewall).map_err(|error| cannot(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::firewall::{Direction, Mode};

    const FILE: &str = r#"
        [[policies]]
        name = "Travel"
        level = "medium"

        [[policies.exceptions]]
        name = "SSH"
        action = "allow"
        ports = ["22", "8000-8099"]
        remotes = ["10.0.0.0/8"]

        [[policies.exceptions]]
        name = "Rest"
        action = "block"

        [[profiles]]
        name = "Laptops"
        policy = "Travel"
        conditions.host_names = ["laptop-*"]
    "#;

    #[test]
    fn what_is_not_said_is_the_usual() {
        let template = Firewall::default().template;
        let read = parse(FILE, &template).unwrap();
        let Policy { mode, exceptions, .. } = &read.policies[0];
        assert_eq!(*mode, Some(Mode::Enforce));
        assert_eq!(exceptions[0].direction, Some(Direction::Both));
        assert_eq!(exceptions[0].protocol, Some(Protocol::TcpUdp));
        assert_eq!(exceptions[1].protocol, Some(Protocol::All));
        assert!(read.profiles[0].enabled);
        assert_eq!(read.template, template);
        assert_eq!(parse("template = []", &template).unwrap().template, []);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let firewall = parse(FILE, &Firewall::default().template).unwrap();
        for form in [Form::Json, Form::Toml] {
            let text = write(&firewall, form).unwrap();
            assert_eq!(Form::of_text(&text), form);
            assert_eq!(parse(&text, &[]).unwrap(), firewall, "{text}");
        }
    }

    #[test]
    fn everything_that_is_wrong_is_told_with_its_path() {
        let wrong = FILE
            .replace("8000-8099", "8099-8000")
            .replace("10.0.0.0/8", "10.0.0.1/8")
            .replace("laptop-*", "laptop *");
        let broken = parse(&wrong, &[]).unwrap().to_model(&Path::root()).unwrap_err();
        let paths: Vec<&str> = broken.as_slice().iter().map(|broken| broken.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "policies[0].exceptions[0].ports",
                "policies[0].exceptions[0].remotes[0]",
                "profiles[0].conditions.host_names[0]",
            ]
        );
        let alone = parse(&FILE.replace("policy = \"Travel\"", "policy = \"x\""), &[]).unwrap();
        assert_eq!(
            alone.to_model(&Path::root()).unwrap_err().to_string(),
            "profiles[0].policy: there is no firewall policy \"x\""
        );
    }

    #[test]
    fn a_field_or_a_word_that_there_is_not_is_told_with_its_line() {
        let told = |text: &str| parse(text, &[]).unwrap_err().to_string();
        let field = told("{\"policies\": [\n{\"name\": \"a\", \"levels\": \"low\"}]}");
        assert!(field.contains("unknown field `levels`") && field.contains("line 2"), "{field}");
        let word = told("[[policies]]\nname = \"a\"\nlevel = \"lo\"\n");
        assert!(word.contains("unknown variant `lo`") && word.contains("line 3"), "{word}");
        // What a newer server said, as an older landmarkctl shows it.
        let unknown = told(r#"{"template": [{"name": "a", "action": "allow", "protocol": null}]}"#);
        assert!(unknown.contains("line 1 column 6"), "{unknown}");
    }

    #[test]
    fn what_is_not_understood_is_not_written() {
        let mut firewall = Firewall::default();
        firewall.policies[0].level = None;
        assert!(write(&firewall, Form::Json).is_err());
    }
}
