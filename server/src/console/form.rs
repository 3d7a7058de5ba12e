//! What is wrong with a form, at the field where it is wrong.

use landmark_proto::violation::Violations;

/// Broken rules, each with the path that the contract gives it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Errors(Vec<(String, String)>);

impl Errors {
    /// One, at a field.
    pub(super) fn at(field: &str, message: impl Into<String>) -> Self {
        Self(vec![(field.to_owned(), message.into())])
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn push(&mut self, field: &str, message: impl Into<String>) {
        self.0.push((field.to_owned(), message.into()));
    }

    /// Those of a field: of every path that has the field's name as one of its parts.
    pub(super) fn of(&self, field: &str) -> Vec<&str> {
        self.0.iter().filter(|(path, _)| has_part(path, field)).map(|(_, message)| message.as_str()).collect()
    }

    /// Those of no field that the form has: with their paths, above the form.
    pub(super) fn beside(&self, fields: &[&str]) -> Vec<String> {
        let rest = self.0.iter().filter(|(path, _)| !fields.iter().any(|field| has_part(path, field)));
        rest.map(
            |(path, message)| if path.is_empty() { message.clone() } else { format!("{path}: {message}") },
        )
        .collect()
    }
}

impl From<Violations> for Errors {
    fn from(violations: Violations) -> Self {
        Self(violations.as_slice().iter().map(|it| (it.path.to_string(), it.message.to_string())).collect())
    }
}

/// Parts stand between dots, and may have an index.
fn has_part(path: &str, field: &str) -> bool {
    path.split('.').any(|part| part.split('[').next() == Some(field))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_stands_at_its_field() {
        let mut errors = Errors::at("edits[0].add_reference_server.ports[1]", "0 is not a port");
        errors.push("edits[0].add_reference_server.host", "is missing");
        errors.push("reference_servers.servers", "33 servers are too many");
        assert_eq!(errors.of("ports"), ["0 is not a port"]);
        assert_eq!(errors.of("host"), ["is missing"]);
        assert_eq!(errors.of("port"), Vec::<&str>::new());
        assert_eq!(errors.beside(&["host", "ports"]), ["reference_servers.servers: 33 servers are too many"]);
    }
}
