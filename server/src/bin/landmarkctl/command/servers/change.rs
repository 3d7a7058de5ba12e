//! `landmarkctl servers edit`: another host, other ports, other keys.

use landmark_proto::pin::SpkiPin;

use super::wrong_targets;
use crate::cli::servers::{Edit as EditArguments, Keys};
use crate::client::Edit;
use crate::command::Run;
use crate::command::edits::{self, Save};
use crate::errors::{Exit, Failure, Origins};
use crate::render::settings::entry;
use crate::target::{self, canonical};
use crate::view::draft::Draft;

pub(super) async fn edit(run: &Run, arguments: EditArguments) -> Result<Exit, Failure> {
    let EditArguments { host, new_host, ports, keys, etag } = arguments;
    if new_host.is_none() && ports.is_empty() && !keys.are_given() {
        return Err(Failure::usage(format!("what shall become of {host}?")).hint(
            "give --host HOST, --ports PORT…, --add-pin PIN, --remove-pin PIN, --pin PIN… or --no-pins",
        ));
    }
    let ports = ports.iter().try_fold(Vec::new(), |mut all, argument| {
        all.extend(target::ports(argument)?);
        Ok(all)
    });
    let ports = ports.map_err(|problem| wrong_targets(&[problem]))?;
    let mut origins = Origins::none();
    let path = "edits[0].edit_reference_server";
    origins.add(format!("{path}.host"), host.clone());
    origins.add(format!("{path}.new_host"), "--host");
    origins.add(format!("{path}.new_ports"), "--ports");
    origins.add(format!("{path}.new_tls"), "the keys");
    for (index, port) in ports.iter().enumerate() {
        origins.add(format!("{path}.new_ports[{index}]"), format!("--ports {}", port.argument));
    }
    let new_ports: Vec<u32> = ports.iter().map(|port| port.value).collect();
    let name = canonical(new_host.as_deref().unwrap_or(&host));
    let mut client = run.client().await?;
    let before = edits::read(&mut client).await?;
    let old = before.settings.reference_servers.find(&canonical(&host));
    let new_pins = new_pins(&keys, &host, old.map(|old| old.probe.pins()))?;
    let edit = Edit::Change { host: host.clone(), new_host, new_ports, new_pins };
    let save = Save {
        doing: "edit this entry",
        edits: vec![edit],
        origins,
        // Keys that were counted from those that were read are only right beside those.
        etag: etag.etag.or_else(|| keys.are_relative().then(|| before.etag.clone())),
    };
    let after = edits::save(run, &mut client, &before, save).await?;
    let new = after.settings.reference_servers.find(&name);
    let mut done = Vec::new();
    match (old, new) {
        (Some(old), Some(new)) if (&old.host, &old.ports) != (&new.host, &new.ports) => {
            done.push(format!("{} is now {}", entry(&old.host, &old.ports), entry(&new.host, &new.ports)));
        }
        (Some(_), Some(_)) if keys.are_given() => {}
        _ => done.push(format!("{host} is changed")),
    }
    if keys.are_given() {
        done.extend(keys_of(&name, &after));
    }
    edits::tell(run, &after, &done)?;
    edits::remark_own_machine(run, &after);
    Ok(Exit::Done)
}

/// What the entry's keys shall be; `present`: what they are, if there is such an entry.
fn new_pins(keys: &Keys, host: &str, present: Option<&[SpkiPin]>) -> Result<Option<Vec<SpkiPin>>, Failure> {
    if keys.none {
        return Ok(Some(Vec::new()));
    }
    if !keys.pins.is_empty() {
        return Ok(Some(keys.pins.clone()));
    }
    // The server says that there is no such entry.
    let Some(present) = present.filter(|_| keys.are_relative()) else {
        return Ok(keys.are_relative().then(|| keys.add.clone()));
    };
    let unknown = keys.remove.iter().filter(|pin| !present.contains(pin));
    let unknown: Vec<String> = unknown.map(ToString::to_string).collect();
    if !unknown.is_empty() {
        let failure =
            Failure::new(Exit::Refused, format!("{host} does not have these keys; nothing was changed"));
        let failure = unknown.into_iter().fold(failure, |failure, pin| failure.problem("--remove-pin", pin));
        return Err(failure.hint(format!("landmarkctl servers show {host}")));
    }
    let mut left: Vec<SpkiPin> = present.iter().filter(|pin| !keys.remove.contains(pin)).copied().collect();
    left.extend(keys.add.iter().filter(|pin| !present.contains(pin)));
    if left.is_empty() {
        return Err(Failure::usage(format!("{host} has no other key: any server would be taken for it"))
            .hint("--add-pin names the next key; --no-pins takes any connection as an answer"));
    }
    Ok(Some(left))
}

/// What an entry is recognised by now.
pub(super) fn keys_of(host: &str, after: &Draft) -> Option<String> {
    let server = after.settings.reference_servers.find(&canonical(host))?;
    let host = &server.host;
    Some(match server.probe.pins() {
        [] => format!("{host} is not recognised by a key: any connection is an answer"),
        [pin] => format!("{host} is recognised by the key {pin}"),
        pins => {
            let pins: Vec<String> = pins.iter().map(ToString::to_string).collect();
            format!("{host} is recognised by any of the keys {}", pins.join(", "))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(n: u8) -> SpkiPin {
        SpkiPin::of(&[n])
    }

    #[test]
    fn keys_are_added_to_and_taken_from_those_that_are_there() {
        let present = [pin(1), pin(2)];
        let new = |keys: &Keys| new_pins(keys, "a", Some(&present)).unwrap();
        assert_eq!(new(&Keys::default()), None);
        let add = Keys { add: vec![pin(3), pin(1)], ..Keys::default() };
        assert_eq!(new(&add), Some(vec![pin(1), pin(2), pin(3)]));
        let rotate = Keys { add: vec![pin(3)], remove: vec![pin(1), pin(2)], ..Keys::default() };
        assert_eq!(new(&rotate), Some(vec![pin(3)]));
        assert_eq!(new(&Keys { pins: vec![pin(9)], ..Keys::default() }), Some(vec![pin(9)]));
        assert_eq!(new(&Keys { none: true, ..Keys::default() }), Some(vec![]));
    }

    #[test]
    fn the_last_key_is_only_given_up_on_purpose() {
        let remove = |pins: &[SpkiPin]| Keys { remove: pins.to_vec(), ..Keys::default() };
        let last = new_pins(&remove(&[pin(1)]), "a", Some(&[pin(1)])).unwrap_err();
        assert_eq!(last.exit(), Exit::Usage);
        let unknown = new_pins(&remove(&[pin(7)]), "a", Some(&[pin(1)])).unwrap_err();
        assert_eq!(unknown.exit(), Exit::Refused);
        assert!(unknown.to_string().contains(&pin(7).to_string()));
        assert_eq!(new_pins(&remove(&[pin(7)]), "a", None).unwrap(), Some(vec![]));
    }
}
