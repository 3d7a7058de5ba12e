//! `landmarkctl servers pin`: a reference server's certificate as this machine sees it, and its key saved to the draft.

use jiff::Timestamp;
use landmark_daemon::error::Chain;
use landmark_proto::host::Host;
use landmark_proto::pin::SpkiPin;
use serde::Serialize;

use super::{change, not_understood};
use crate::cli::edits::Etag;
use crate::cli::servers::Pin;
use crate::client::{Edit, Entry};
use crate::command::edits::{self, Save};
use crate::command::{Run, confirm};
use crate::errors::{Exit, Failure, Origins};
use crate::peer::{self, PeerError};
use crate::render::certificate::certificate;
use crate::render::settings::short_pin;
use crate::target::{self, Target};
use crate::view::certificate::Certificate;
use crate::view::draft::Draft;

/// Where TLS is spoken unless it is said.
const HTTPS: u16 = 443;
const CONFIRM: &str = "this is what answers here: confirm the pin on the server itself before you assign it";

#[derive(Serialize)]
struct Document<'a> {
    certificates: &'a [Certificate],
    #[serde(skip_serializing_if = "Option::is_none")]
    draft: Option<&'a Draft>,
}

/// One server to look at.
struct Wanted {
    host: Host,
    port: u16,
}

struct Looked {
    wanted: Wanted,
    pin: SpkiPin,
}

pub(super) async fn pin(run: &Run, arguments: Pin) -> Result<Exit, Failure> {
    let Pin { targets, add, yes, etag } = arguments;
    let wanted = wanted(&targets)?;
    let mut looked = Vec::new();
    let mut certificates = Vec::new();
    let mut failure = Failure::new(Exit::Unreachable, "no key was seen of these; nothing was saved");
    let n_wanted = wanted.len();
    for one in wanted {
        match peer::look(&one.host, one.port).await {
            Ok(seen) => {
                certificates.push(Certificate::new(one.host.to_string(), one.port, &seen, Timestamp::now()));
                looked.push(Looked { wanted: one, pin: seen.certificate.pin });
            }
            Err(error) => {
                failure = failure.problem(place(&one), Chain(&error).to_string());
                if matches!(error, PeerError::NotTls { .. }) {
                    failure = failure.hint("only servers that speak TLS at once can be pinned (no STARTTLS)");
                }
            }
        }
    }
    if !run.out.is_json() {
        let paper = run.out.paper();
        for one in &certificates {
            run.out.data(&format!("{}\n", certificate(one, &paper)))?;
        }
    }
    // All or none: what was asked for was not seen.
    if looked.len() < n_wanted {
        return Err(failure);
    }
    if add {
        return save(run, &looked, &certificates, yes, etag).await;
    }
    if run.out.is_json() {
        run.out.document(&Document { certificates: &certificates, draft: None })?;
    }
    run.out.warning(CONFIRM);
    run.out.remark("to save it: the same with --add");
    Ok(Exit::Done)
}

async fn save(
    run: &Run,
    looked: &[Looked],
    certificates: &[Certificate],
    yes: bool,
    etag: Etag,
) -> Result<Exit, Failure> {
    let mut client = run.client().await?;
    let before = edits::read(&mut client).await?;
    if yes && let Some(stranger) = looked.iter().find(|one| is_stranger(one, &before)) {
        return Err(stranger_is_not_believed(stranger));
    }
    run.out.warning(CONFIRM);
    if !yes {
        let deeds: Vec<String> = looked.iter().map(|one| deed(one, looked, &before)).collect();
        confirm(run, &deeds.join(" and "), "from then on agents recognise it by this key only").await?;
    }
    let mut origins = Origins::none();
    let mut edits = Vec::new();
    for (index, one) in looked.iter().enumerate() {
        origins.add(format!("edits[{index}].add_reference_server"), place(&one.wanted));
        let entry = Entry {
            host: one.wanted.host.to_string(),
            ports: vec![u32::from(one.wanted.port)],
            pins: vec![one.pin],
        };
        edits.push(Edit::Add { entry, position: None });
    }
    let save = Save { doing: "pin this", edits, origins, etag: etag.etag };
    let after = edits::save(run, &mut client, &before, save).await?;
    if run.out.is_json() {
        run.out.document(&Document { certificates, draft: Some(&after) })?;
        return Ok(Exit::Done);
    }
    let mut done: Vec<String> =
        looked.iter().filter_map(|one| change::keys_of(&one.wanted.host.to_string(), &after)).collect();
    done.extend(looked.iter().filter_map(|one| by_tls_too(one, looked, &before)));
    done.dedup();
    edits::tell(run, &after, &done)?;
    Ok(Exit::Done)
}

/// The ports of an entry that was tried by a connection so far which nobody looked at, as in "22, 389"; `None`: there are
/// none. All ports of an entry are of one kind.
fn other_ports(looked: &Looked, all: &[Looked], before: &Draft) -> Option<String> {
    let host = &looked.wanted.host;
    let server = before.settings.reference_servers.find(&host.to_string())?;
    let is_looked_at =
        |port: u32| all.iter().any(|one| one.wanted.host == *host && u32::from(one.wanted.port) == port);
    let others = server.ports.iter().filter(|port| !is_looked_at(**port)).map(ToString::to_string);
    let others: Vec<String> = others.collect();
    (server.probe.pins().is_empty() && !others.is_empty()).then(|| others.join(", "))
}

/// What becomes of the other ports.
fn by_tls_too(looked: &Looked, all: &[Looked], before: &Draft) -> Option<String> {
    let (host, others) = (&looked.wanted.host, other_ports(looked, all, before)?);
    Some(format!(
        "all ports of {host} are tried by TLS from then on, also {others}: what does not show the key there is no answer"
    ))
}

/// Whether it shows another key than those pinned so far.
fn is_stranger(looked: &Looked, before: &Draft) -> bool {
    let server = before.settings.reference_servers.find(&looked.wanted.host.to_string());
    let pins = server.map_or(&[][..], |server| server.probe.pins());
    !pins.is_empty() && !pins.contains(&looked.pin)
}

/// Nobody has looked at it who could tell a spoof from a new key.
fn stranger_is_not_believed(looked: &Looked) -> Failure {
    let (host, pin) = (&looked.wanted.host, looked.pin);
    let place = place(&looked.wanted);
    Failure::new(
        Exit::Unreachable,
        format!(
            "{place} shows the key {pin}, which is none of those pinned: a spoof, or a new key; nothing was saved"
        ),
    )
    .hint(format!("if it is the server's own new key: landmarkctl servers edit {host} --add-pin {pin}"))
}

/// As in "would …".
fn deed(looked: &Looked, all: &[Looked], before: &Draft) -> String {
    let host = looked.wanted.host.to_string();
    let pin = short_pin(&looked.pin);
    match before.settings.reference_servers.find(&host) {
        None => format!("add {} with the key {pin}", place(&looked.wanted)),
        Some(server) if server.probe.pins().is_empty() => match other_ports(looked, all, before) {
            None => format!("recognise {host} by the key {pin}"),
            Some(others) => {
                format!("recognise {host} by the key {pin} on all its ports (by TLS also on {others})")
            }
        },
        Some(server) if server.probe.pins().contains(&looked.pin) => {
            format!("leave {host}, which has the key {pin} already,")
        }
        Some(_) => format!("add the key {pin}, which is none of those pinned so far, to those of {host}"),
    }
}

fn wanted(arguments: &[String]) -> Result<Vec<Wanted>, Failure> {
    let targets = target::each(arguments).map_err(|problems| not_understood(&problems))?;
    let mut wanted = Vec::new();
    let mut failure = Failure::usage("this cannot be understood");
    let mut n_problems = 0;
    for target in &targets {
        let Target { host, ports } = target;
        let parsed = host.value.parse::<Host>().map_err(|error| error.to_string());
        let port = match ports.as_slice() {
            [] => Ok(HTTPS),
            [port] => u16::try_from(port.value)
                .ok()
                .filter(|port| *port != 0)
                .ok_or_else(|| format!("{} is not a port (1 to 65535)", port.value)),
            [_, _, ..] => Err("one port at a time".to_owned()),
        };
        match (parsed, port) {
            (Ok(host), Ok(port)) => wanted.push(Wanted { host, port }),
            (Err(problem), _) | (_, Err(problem)) => {
                n_problems += 1;
                failure = failure.problem(host.argument.clone(), problem);
            }
        }
    }
    if n_problems == 0 {
        Ok(wanted)
    } else {
        Err(failure.hint("HOST, HOST:PORT or [IPV6]:PORT, for example: intranet.example.com:443"))
    }
}

fn place(wanted: &Wanted) -> String {
    match &wanted.host {
        Host::V6(..) => format!("[{}]:{}", wanted.host, wanted.port),
        Host::V4(_) | Host::Name(_) => format!("{}:{}", wanted.host, wanted.port),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::draft::{Probe, ReferenceServer, ReferenceServers, Settings};

    fn draft(ports: &[u32], pins: &[SpkiPin]) -> Draft {
        let (host, probe) = ("10.1.1.5".to_owned(), Probe::new(pins.to_vec()));
        let server = ReferenceServer { position: 1, host, ports: ports.to_vec(), probe };
        Draft {
            etag: "1".into(),
            assigned_revision: None,
            differs: true,
            changed_at: None,
            changed_by: None,
            settings: Settings {
                reference_servers: ReferenceServers { enabled: true, servers: vec![server] },
                ..Settings::default()
            },
        }
    }

    #[test]
    fn who_pins_one_port_is_told_what_becomes_of_the_others() {
        let looked = |port| Looked {
            wanted: Wanted { host: "10.1.1.5".parse().unwrap(), port },
            pin: SpkiPin::of(b"key"),
        };
        let told = |ports: &[u32], pins: &[SpkiPin], looked: &[Looked]| {
            let before = draft(ports, pins);
            (deed(&looked[0], looked, &before), by_tls_too(&looked[0], looked, &before))
        };
        let pin = short_pin(&SpkiPin::of(b"key"));
        let alone = (format!("recognise 10.1.1.5 by the key {pin}"), None);
        assert_eq!(told(&[443], &[], &[looked(443)]), alone);
        assert_eq!(told(&[443, 636], &[], &[looked(443), looked(636)]), alone, "both speak TLS");
        let (question, result) = told(&[22, 443, 389], &[], &[looked(443)]);
        assert_eq!(
            question,
            format!("recognise 10.1.1.5 by the key {pin} on all its ports (by TLS also on 22, 389)")
        );
        assert_eq!(
            result.unwrap(),
            "all ports of 10.1.1.5 are tried by TLS from then on, also 22, 389: what does not show the key there is no answer"
        );
        // It is so already.
        assert_eq!(told(&[22, 443], &[SpkiPin::of(b"other")], &[looked(443)]).1, None);
    }

    #[test]
    fn a_key_that_is_none_of_those_pinned_is_believed_by_nobody_but_a_person() {
        let seen = SpkiPin::of(b"key");
        let looked = Looked { wanted: Wanted { host: "10.1.1.5".parse().unwrap(), port: 443 }, pin: seen };
        let other = SpkiPin::of(b"other");
        for (pins, expected) in
            [(vec![], false), (vec![seen], false), (vec![other, seen], false), (vec![other], true)]
        {
            assert_eq!(is_stranger(&looked, &draft(&[443], &pins)), expected, "{pins:?}");
        }
        let told = stranger_is_not_believed(&looked).to_string();
        assert!(told.contains("none of those pinned") && told.contains("edit 10.1.1.5 --add-pin"), "{told}");
        let question = deed(&looked, &[], &draft(&[443], &[other]));
        assert!(question.contains("none of those pinned so far"), "{question}");
    }

    #[test]
    fn a_server_without_a_port_is_looked_at_where_https_is() {
        let read = |arguments: &[&str]| {
            let arguments: Vec<String> = arguments.iter().map(|it| (*it).to_owned()).collect();
            wanted(&arguments).map(|all| all.iter().map(place).collect::<Vec<_>>())
        };
        let places = read(&["Web.example", "10.1.1.5:636", "2001:db8::1", "[2001:db8::1]:8443"]).unwrap();
        assert_eq!(places, ["web.example:443", "10.1.1.5:636", "[2001:db8::1]:443", "[2001:db8::1]:8443"]);
        insta::assert_snapshot!(read(&["a:0", "https://b", "c:1,2", "224.0.0.1"]).unwrap_err(), @r#"
        landmarkctl: this cannot be understood
          a:0: 0 is not a port (1 to 65535)
          "https://b" is a URL; give the host alone and the port beside it
          c:1,2: one port at a time
          224.0.0.1: a multicast address is not a host
        hint: HOST, HOST:PORT or [IPV6]:PORT, for example: intranet.example.com:443
        "#);
    }
}
