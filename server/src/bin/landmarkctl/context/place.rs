//! Where to sign in, and the context that the token is kept with. Decides; nothing is read or written here.

use std::path::PathBuf;

use landmark_proto::pin::SpkiPin;

use super::{Address, Authority, Contexts, ResolveError, Wanted, resolve};
use crate::context::Origin;

/// A server, and the name of its context, which may be there already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) name: String,
    pub(crate) address: Address,
    pub(crate) authority: Authority,
}

/// It is not known where to sign in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlaceError {
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The name of the server's address belongs to another one.
    #[error("there is a context {name:?} for another server or another authority")]
    Taken { name: String },
    /// A new context, of a server that nobody named.
    #[error("there is no context {name:?}, and no server is given to make one")]
    NoServer { name: String },
}

impl Place {
    /// What is given outright wins over the context that is named or current, and that over the server on this machine.
    pub(crate) fn find(
        wanted: &Wanted,
        pin: Option<SpkiPin>,
        contexts: &Contexts,
        default_state_dir: impl FnOnce() -> PathBuf,
    ) -> Result<Self, PlaceError> {
        let name = wanted.context.clone();
        let is_new = name.as_ref().is_some_and(|name| !contexts.contexts.contains_key(name));
        let is_outright = wanted.server.is_some() || wanted.ca.is_some() || pin.is_some();
        if let Some(name) = name.clone().filter(|_| is_new && wanted.server.is_none()) {
            return Err(PlaceError::NoServer { name });
        }
        // The current context is another server's where anything is given outright, and a new one has nothing to give.
        let base = Wanted { context: name.clone().filter(|_| !is_new), token_file: None, ..wanted.clone() };
        let none = Contexts { current: None, ..contexts.clone() };
        let target = resolve(&base, if is_outright { &none } else { contexts }, default_state_dir)?;
        let authority = pin.map_or(target.authority, Authority::Pin);
        let address = target.address;
        let name = match (name, target.origin) {
            (Some(name), _) | (None, Origin::Context(name)) => name,
            (None, Origin::StateDir(_)) => of_server(contexts, &address, &authority)?,
        };
        Ok(Self { name, address, authority })
    }
}

/// The context of a server that was named outright: one that has it already, or one named after it.
fn of_server(contexts: &Contexts, address: &Address, authority: &Authority) -> Result<String, PlaceError> {
    let is_same = |context: &super::Context| {
        context.server == *address
            && match authority {
                Authority::File(path) => context.ca.as_ref() == Some(path),
                Authority::Pin(pin) => context.pin == Some(*pin),
            }
    };
    if let Some((name, _)) = contexts.contexts.iter().find(|(_, context)| is_same(context)) {
        return Ok(name.clone());
    }
    let name = name_of(address);
    if contexts.contexts.contains_key(&name) {
        return Err(PlaceError::Taken { name });
    }
    Ok(name)
}

/// Its host, and its port unless it is the usual one, in what a file can be called.
fn name_of(address: &Address) -> String {
    let host: String = address
        .host()
        .chars()
        .map(|character| {
            let fits = character.is_ascii_alphanumeric() || "._-".contains(character);
            if fits { character } else { '-' }
        })
        .collect();
    let port = if address.port() == Address::local().port() {
        String::new()
    } else {
        format!("-{}", address.port())
    };
    let room = 64 - port.len();
    let host: String = host.trim_start_matches(['.', '-', '_']).chars().take(room).collect();
    if host.is_empty() { format!("server{port}") } else { format!("{host}{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Context;

    fn contexts(current: Option<&str>) -> Contexts {
        let context = Context {
            server: "landmark.example".parse().unwrap(),
            ca: None,
            pin: Some(SpkiPin::of(b"key")),
            token_file: "/home/mia/token".into(),
        };
        let contexts = [("prod".to_owned(), context)].into();
        Contexts { current: current.map(str::to_owned), contexts, path: "contexts.toml".into() }
    }

    fn find(wanted: &Wanted, pin: Option<SpkiPin>, current: Option<&str>) -> Result<Place, String> {
        Place::find(wanted, pin, &contexts(current), || "/var/lib/landmark-server".into())
            .map_err(|error| error.to_string())
    }

    fn server(text: &str) -> Wanted {
        Wanted { server: Some(text.parse().unwrap()), ..Wanted::default() }
    }

    fn file(path: &str) -> Authority {
        Authority::File(path.into())
    }

    #[test]
    fn a_first_contact_makes_a_context_named_after_the_server() {
        let pin = SpkiPin::of(b"other");
        for (address, name) in [
            ("hq.example", "hq.example"),
            ("hq.example:8443", "hq.example-8443"),
            ("[2001:db8::1]", "2001-db8--1"),
            ("[::1]:9", "1-9"),
        ] {
            let place = find(&server(address), Some(pin), Some("prod")).unwrap();
            assert_eq!((place.name.as_str(), place.authority), (name, Authority::Pin(pin)), "{address}");
        }
    }

    #[test]
    fn the_current_context_is_used_when_nothing_is_given() {
        let place = find(&Wanted::default(), None, Some("prod")).unwrap();
        assert_eq!(
            (place.name.as_str(), place.address.to_string().as_str()),
            ("prod", "landmark.example:7445")
        );
        assert_eq!(place.authority, Authority::Pin(SpkiPin::of(b"key")));
        let local = find(&Wanted::default(), None, None).unwrap();
        assert_eq!(
            (local.name.as_str(), local.authority),
            ("127.0.0.1", file("/var/lib/landmark-server/authority.pem"))
        );
    }

    #[test]
    fn a_server_that_has_a_context_gets_no_second_one() {
        let place = find(&server("landmark.example"), Some(SpkiPin::of(b"key")), None).unwrap();
        assert_eq!(place.name, "prod");
    }

    #[test]
    fn a_context_that_is_named_is_made_or_changed() {
        let named = |name: &str, wanted: Wanted| Wanted { context: Some(name.to_owned()), ..wanted };
        let pin = SpkiPin::of(b"other");
        let place = find(&named("test", server("10.0.0.7")), Some(pin), Some("prod")).unwrap();
        assert_eq!((place.name.as_str(), place.authority), ("test", Authority::Pin(pin)));
        let place = find(&named("prod", Wanted::default()), None, None).unwrap();
        assert_eq!(place.address.to_string(), "landmark.example:7445");
        assert_eq!(
            find(&named("test", Wanted::default()), None, None).unwrap_err(),
            "there is no context \"test\", and no server is given to make one"
        );
    }

    #[test]
    fn another_servers_context_is_not_taken_over() {
        let mut contexts = contexts(None);
        let prod = contexts.contexts.remove("prod").unwrap();
        contexts.contexts.insert("landmark.example".to_owned(), prod);
        let wanted = server("landmark.example");
        let error = Place::find(&wanted, Some(SpkiPin::of(b"other")), &contexts, PathBuf::new).unwrap_err();
        assert!(matches!(error, PlaceError::Taken { name } if name == "landmark.example"));
    }
}
