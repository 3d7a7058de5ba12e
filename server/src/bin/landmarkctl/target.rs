//! What people write for a reference server: `HOST PORT…`, `HOST:PORT`, `[v6]:PORT`, a host alone.
//!
//! Takes text apart and no more: what a host or a port may be is decided by the server.

use landmark_proto::host::Host;

/// A host as written, and its ports with the argument that each came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) host: Written<String>,
    pub(crate) ports: Vec<Written<u32>>,
}

/// A value and the argument it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Written<T> {
    pub(crate) value: T,
    pub(crate) argument: String,
}

/// Not what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidTarget {
    #[error("an argument is empty: a host is missing")]
    Empty,
    #[error("{0:?} is not a port (a number from 1 to 65535)")]
    Port(String),
    #[error("{0:?}: the bracket is not closed")]
    Bracket(String),
    #[error("port {0} stands before any host")]
    PortFirst(u32),
    #[error("{port} stands alone; a port of an entry is removed as HOST:PORT{}", example(host.as_deref(), port))]
    Alone { port: String, host: Option<String> },
    #[error("{0:?} is not a port, and as a host it needs one ({0} PORT, or {0}:PORT)")]
    NoPort(String),
}

impl Target {
    /// The ports' numbers.
    pub(crate) fn numbers(&self) -> Vec<u32> {
        self.ports.iter().map(|port| port.value).collect()
    }
}

/// Hosts with their ports: a number, or several joined by commas, belongs to the host before it. Each host needs one.
pub(crate) fn with_ports(arguments: &[String]) -> Result<Vec<Target>, Vec<InvalidTarget>> {
    let mut targets: Vec<Target> = Vec::new();
    let mut problems = Vec::new();
    for argument in arguments {
        if looks_like_ports(argument) {
            match (ports(argument), targets.last_mut()) {
                (Ok(ports), Some(target)) => target.ports.extend(ports),
                (Ok(ports), None) => {
                    problems.extend(ports.first().map(|port| InvalidTarget::PortFirst(port.value)));
                }
                (Err(problem), _) => problems.push(problem),
            }
            continue;
        }
        match one(argument) {
            Ok(target) => targets.push(target),
            Err(problem) => problems.push(problem),
        }
    }
    let without = targets.iter().filter(|target| target.ports.is_empty());
    problems.extend(without.map(|target| InvalidTarget::NoPort(target.host.argument.clone())));
    if problems.is_empty() { Ok(targets) } else { Err(problems) }
}

/// Hosts, each with a port or without.
pub(crate) fn each(arguments: &[String]) -> Result<Vec<Target>, Vec<InvalidTarget>> {
    let mut targets: Vec<Target> = Vec::new();
    let mut problems = Vec::new();
    for argument in arguments {
        if looks_like_ports(argument) {
            let host = targets.last().map(|target| target.host.value.clone());
            problems.push(InvalidTarget::Alone { port: argument.clone(), host });
            continue;
        }
        match one(argument) {
            Ok(target) => targets.push(target),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(targets) } else { Err(problems) }
}

fn example(host: Option<&str>, port: &str) -> String {
    match host {
        Some(host) if host.contains(':') => format!(" ([{host}]:{port})"),
        Some(host) => format!(" ({host}:{port})"),
        None => String::new(),
    }
}

/// One host, with a port or without.
pub(crate) fn one(argument: &str) -> Result<Target, InvalidTarget> {
    if argument.trim().is_empty() {
        return Err(InvalidTarget::Empty);
    }
    let (host, port) = match argument.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) =
                rest.split_once(']').ok_or_else(|| InvalidTarget::Bracket(argument.to_owned()))?;
            (host, rest.strip_prefix(':'))
        }
        // Two colons or more are an IPv6 address; a URL is left to the server, which knows what to say about it.
        None if argument.matches(':').count() != 1 || argument.contains('/') => (argument, None),
        None => match argument.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (argument, None),
        },
    };
    let mut ports = port.map(ports).transpose()?.unwrap_or_default();
    for port in &mut ports {
        port.argument = argument.to_owned();
    }
    Ok(Target { host: Written { value: host.to_owned(), argument: argument.to_owned() }, ports })
}

/// `443` or `443,80`.
pub(crate) fn ports(argument: &str) -> Result<Vec<Written<u32>>, InvalidTarget> {
    let one = |text: &str| {
        let number = text.trim().parse().map_err(|_| InvalidTarget::Port(text.to_owned()))?;
        Ok(Written { value: number, argument: text.trim().to_owned() })
    };
    argument.split(',').filter(|text| !text.is_empty()).map(one).collect()
}

fn looks_like_ports(argument: &str) -> bool {
    !argument.is_empty() && argument.bytes().all(|byte| byte.is_ascii_digit() || byte == b',')
}

/// The form in which the server names a host; as written when it is none, so that the server can say so.
pub(crate) fn canonical(host: &str) -> String {
    host.parse::<Host>().map_or_else(|_| host.trim().to_owned(), |host| host.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<Vec<(String, Vec<u32>)>, Vec<String>> {
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        with_ports(&arguments)
            .map(|targets| {
                targets.iter().map(|target| (target.host.value.clone(), target.numbers())).collect()
            })
            .map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn hosts_and_ports_are_read_in_every_form() {
        for arguments in [
            &["web.example", "443", "80"][..],
            &["web.example:443", "80"],
            &["web.example", "443,80"],
            &["web.example:443,80"],
        ] {
            assert_eq!(read(arguments), Ok(vec![("web.example".into(), vec![443, 80])]));
        }
        for arguments in [&["2001:db8::1", "443"][..], &["[2001:db8::1]:443"], &["[2001:db8::1]", "443"]] {
            assert_eq!(read(arguments), Ok(vec![("2001:db8::1".into(), vec![443])]));
        }
        assert_eq!(
            read(&["a", "1", "2", "b:3", "4"]),
            Ok(vec![("a".into(), vec![1, 2]), ("b".into(), vec![3, 4])])
        );
    }

    #[test]
    fn every_problem_is_told_at_once() {
        assert_eq!(
            read(&["80", "web:http", "[::1", "99999999999", "lonely"]),
            Err(vec![
                "port 80 stands before any host".into(),
                "\"http\" is not a port (a number from 1 to 65535)".into(),
                "\"[::1\": the bracket is not closed".into(),
                "\"99999999999\" is not a port (a number from 1 to 65535)".into(),
                "\"lonely\" is not a port, and as a host it needs one (lonely PORT, or lonely:PORT)".into(),
            ])
        );
    }

    #[test]
    fn a_port_that_is_to_be_removed_is_written_with_its_host() {
        let told = |arguments: &[&str]| {
            let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
            each(&arguments).unwrap_err().iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let text = "443 stands alone; a port of an entry is removed as HOST:PORT";
        assert_eq!(told(&["10.1.1.5", "443"]), [format!("{text} (10.1.1.5:443)")]);
        assert_eq!(told(&["2001:db8::1", "443"]), [format!("{text} ([2001:db8::1]:443)")]);
        assert_eq!(told(&["443"]), [text]);
        assert_eq!(told(&["", "a"]), ["an argument is empty: a host is missing"]);
        assert_eq!(each(&["a:1".into(), "b".into()]).map(|targets| targets.len()), Ok(2));
    }

    #[test]
    fn ports_that_are_out_of_range_and_urls_are_left_to_the_server() {
        assert_eq!(read(&["web", "70000"]), Ok(vec![("web".into(), vec![70_000])]));
        assert_eq!(one("https://web.example").unwrap().host.value, "https://web.example");
    }

    #[test]
    fn hosts_compare_in_canonical_form() {
        assert_eq!(canonical("WEB.Example."), "web.example");
        assert_eq!(canonical("[2001:DB8::1]"), "2001:db8::1");
        assert_eq!(canonical("not a host"), "not a host");
    }
}
