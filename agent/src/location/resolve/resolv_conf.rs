//! What resolv.conf(5) says: which name servers are asked, and for which names.
//!
//! Honoured: `nameserver`, `search`, `domain` (the last of both counts), `options ndots use-vc no-aaaa`. `timeout` and
//! `attempts` are not: they are seconds, and an attempt has two of them. Nor is `rotate`: which of several servers is
//! asked first is a decision of the administrator's. Lines that are not understood are skipped, as the C library does.

use std::iter;
use std::net::IpAddr;

use super::scoped::Scoped;

/// Name servers that are asked, as in the C library (`MAXNS`).
const MAX_SERVERS: usize = 3;
/// Domains that are tried; there is time for a few at most.
const MAX_SEARCH: usize = 32;
/// The largest `ndots`, as in the C library (`RES_MAXNDOTS`).
const MAX_NDOTS: usize = 15;

/// What the file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ResolvConf {
    /// At least one, in the order in which they are asked.
    pub(super) servers: Vec<Scoped>,
    /// Without dots at their ends.
    search: Vec<Box<str>>,
    ndots: usize,
    /// `use-vc`: no UDP.
    pub(super) over_tcp: bool,
    /// `no-aaaa`: no IPv6 addresses.
    pub(super) v4_only: bool,
}

/// What holds where nothing was ever said: this machine is asked.
impl Default for ResolvConf {
    fn default() -> Self {
        let servers = Scoped::parse("127.0.0.1").into_iter().collect();
        Self { servers, search: Vec::new(), ndots: 1, over_tcp: false, v4_only: false }
    }
}

impl ResolvConf {
    /// Without a name server it is this machine that is asked, and without a search list the domain in the name of this
    /// machine is searched. `None`: name servers are given, and none is an address.
    pub(super) fn parse(text: &str, host_name: &str) -> Option<Self> {
        let own_domain = host_name.split_once('.').map(|(_, domain)| domain);
        let mut conf = Self { search: domains(own_domain.into_iter()), ..Self::default() };
        let (mut servers, mut n_given) = (Vec::new(), 0);
        for line in text.lines() {
            // A comment begins a line; a `;` or `#` behind a value is part of it.
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => {
                    n_given += 1;
                    servers.extend(words.next().and_then(Scoped::parse));
                }
                Some("search") => conf.search = domains(words),
                Some("domain") => conf.search = domains(words.take(1)),
                Some("options") => words.for_each(|option| conf.set(option)),
                Some(_) | None => {}
            }
        }
        if n_given > 0 {
            servers.truncate(MAX_SERVERS);
            conf.servers = servers;
        }
        (!conf.servers.is_empty()).then_some(conf)
    }

    fn set(&mut self, option: &str) {
        match option {
            "use-vc" => self.over_tcp = true,
            "no-aaaa" => self.v4_only = true,
            _ => {
                let ndots = option.strip_prefix("ndots:").and_then(|n| n.parse().ok());
                self.ndots = ndots.map_or(self.ndots, |n: usize| n.min(MAX_NDOTS));
            }
        }
    }

    /// The names that are asked for one after the other: with enough dots it is first the name itself, else last.
    pub(super) fn candidates<'a>(&'a self, name: &'a str) -> impl Iterator<Item = String> + 'a {
        let first = name.bytes().filter(|byte| *byte == b'.').count() >= self.ndots;
        let itself =
            move |wanted: bool| iter::once(name).filter(move |_| wanted).map(|name| format!("{name}."));
        let searched = self.search.iter().map(move |domain| format!("{name}.{domain}."));
        itself(first).chain(searched).chain(itself(!first))
    }
}

/// All addresses that the file names as name servers, also those that the C library would not ask.
pub(super) fn name_servers(text: &str) -> impl Iterator<Item = IpAddr> + '_ {
    text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        words.next().filter(|word| *word == "nameserver")?;
        Scoped::parse(words.next()?).map(|server| server.ip())
    })
}

/// The root (`search .`) is no domain to search: the name itself is asked for anyway.
fn domains<'a>(words: impl Iterator<Item = &'a str>) -> Vec<Box<str>> {
    words
        .map(|word| word.trim_end_matches('.'))
        .filter(|word| !word.is_empty())
        .take(MAX_SEARCH)
        .map(Into::into)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> ResolvConf {
        ResolvConf::parse(text, "pc1").unwrap()
    }

    fn servers(text: &str) -> Vec<String> {
        parse(text).servers.iter().map(|it| it.at(53).unwrap().to_string()).collect()
    }

    fn candidates(text: &str, host_name: &str, name: &str) -> Vec<String> {
        ResolvConf::parse(text, host_name).unwrap().candidates(name).collect()
    }

    #[test]
    fn the_first_three_name_servers_are_asked_in_their_order() {
        let text = "# generated\n; nameserver 10.0.0.9\nnameserver 10.0.0.1 # main\r\n nameserver\tfe80::1%7\n\
                    nameserver dns.example\nnameserver\nsortlist 10.0.0.0\nnameserver ::1\nnameserver 10.0.0.4";
        assert_eq!(servers(text), ["10.0.0.1:53", "[fe80::1%7]:53", "[::1]:53"]);
    }

    #[test]
    fn without_a_name_server_it_is_this_machine_and_with_broken_ones_none() {
        assert_eq!(servers(""), ["127.0.0.1:53"]);
        assert_eq!(servers("#nameserver 10.0.0.1\nsearch corp.example"), ["127.0.0.1:53"]);
        assert_eq!(ResolvConf::parse("nameserver 10.0.0.300\nnameserver", "pc1"), None);
    }

    #[test]
    fn a_computer_name_is_searched_first_and_a_domain_name_asked_first() {
        let text = "domain old.example\nsearch corp.example. example .";
        assert_eq!(candidates(text, "pc1", "db"), ["db.corp.example.", "db.example.", "db."]);
        assert_eq!(candidates(text, "pc1", "db.lab"), ["db.lab.", "db.lab.corp.example.", "db.lab.example."]);
        let text = "search corp.example\noptions timeout:1 ndots:2 ndots:x attempts:9";
        assert_eq!(candidates(text, "pc1", "db.lab"), ["db.lab.corp.example.", "db.lab."]);
        assert_eq!(candidates(text, "pc1", "a.b.c"), ["a.b.c.", "a.b.c.corp.example."]);
        assert_eq!(candidates("options ndots:0", "pc1", "db"), ["db."]);
    }

    #[test]
    fn without_a_search_list_the_domain_of_this_machine_is_searched() {
        assert_eq!(candidates("", "pc1.corp.example", "db"), ["db.corp.example.", "db."]);
        for text in ["search .", "domain", "search"] {
            assert_eq!(candidates(text, "pc1.corp.example", "db"), ["db."], "{text}");
        }
        assert_eq!(
            candidates("domain lab.example other", "pc1.corp.example", "db"),
            ["db.lab.example.", "db."]
        );
    }

    #[test]
    fn an_absurd_search_list_is_cut() {
        let text = format!("search{}", " d.example".repeat(10_000));
        assert_eq!(candidates(&text, "pc1", "db").len(), MAX_SEARCH + 1);
    }

    #[test]
    fn options_are_honoured_wherever_they_stand() {
        let conf = parse("options use-vc edns0\noptions no-aaaa trust-ad");
        assert!(conf.over_tcp && conf.v4_only);
        assert_eq!(parse("options ndots:99").ndots, MAX_NDOTS);
    }
}
