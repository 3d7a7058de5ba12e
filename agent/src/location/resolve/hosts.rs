//! What hosts(5) says of a name. The text is kept and searched at each lookup, as the C library does: a map of a file with
//! a hundred thousand blocked names would be larger than the agent.

use std::net::SocketAddr;

use super::scoped::Scoped;

/// A hosts file.
#[derive(Debug, Default)]
pub(super) struct Hosts(Box<str>);

impl Hosts {
    pub(super) fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// Every address that a line gives to this name, which is compared without regard to case; at most `limit`, none
    /// twice. The search list does not apply to hosts files.
    pub(super) fn addresses(&self, name: &str, limit: usize) -> Vec<SocketAddr> {
        let mut found = Vec::new();
        for line in self.0.lines() {
            let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
            let Some(address) = words.next() else { continue };
            if !words.any(|word| word.strip_suffix('.').unwrap_or(word).eq_ignore_ascii_case(name)) {
                continue;
            }
            let address = Scoped::parse(address).and_then(|it| it.at(0));
            found.extend(address.filter(|it| !found.contains(it)));
            if found.len() >= limit {
                break;
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, name: &str) -> Vec<String> {
        Hosts::new(text).addresses(name, 3).iter().map(|it| it.ip().to_string()).collect()
    }

    #[test]
    fn every_line_with_the_name_counts_in_any_case_and_as_an_alias() {
        let text = "# 10.0.0.9 db\n10.0.0.1\tdb.corp.example db # main\r\n\n::5 DB.\n10.0.0.1 db\nx db\n10.0.0.2 other";
        assert_eq!(found(text, "db"), ["10.0.0.1", "::5"]);
        assert_eq!(found(text, "Db.Corp.Example"), ["10.0.0.1"]);
        for unknown in ["main", "corp.example", "10.0.0.2", ""] {
            assert_eq!(found(text, unknown), [""; 0], "{unknown}");
        }
    }

    #[test]
    fn a_name_has_a_bounded_number_of_addresses() {
        let text: String = (0..200).map(|n| format!("10.0.0.{n} db\n")).collect();
        assert_eq!(found(&text, "db"), ["10.0.0.0", "10.0.0.1", "10.0.0.2"]);
    }
}
