//! What was found last, on the disk: an agent that starts anew, or a machine without a network, goes by it until names can be
//! looked up again. So no rule that rests on a name is gone for the time of a start.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use landmark_daemon::durable::{self, DurableError, Mode};
use landmark_proto::host::{Host, Name};
use serde::{Deserialize, Serialize};
use tracing::debug;

use super::MAX_KNOWN;

const FILE: &str = "firewall-names.json";
const VERSION: u32 = 1;
/// The most that is written is 512 names of 253 characters with 32 addresses each.
const MAX_BYTES: u64 = 1024 * 1024;

/// Where it lies.
#[derive(Clone, Debug)]
pub struct Memory(PathBuf);

#[derive(Serialize, Deserialize)]
struct Document {
    version: u32,
    names: BTreeMap<String, Vec<IpAddr>>,
}

impl Memory {
    /// In this state folder.
    pub fn in_folder(folder: &Path) -> Self {
        Self(folder.join(FILE))
    }

    /// What it holds; nothing if it was never written, or is damaged. Blocks on the disk.
    pub fn load(&self) -> BTreeMap<Name, Vec<IpAddr>> {
        let bytes = durable::read_bounded(&self.0, MAX_BYTES).ok().flatten().unwrap_or_default();
        let document = match serde_json::from_slice::<Document>(&bytes) {
            Ok(document) if document.version == VERSION => document,
            Ok(_) => return BTreeMap::new(),
            Err(error) => {
                debug!(path = %self.0.display(), %error, "no names of an earlier time");
                return BTreeMap::new();
            }
        };
        let names = document.names.into_iter().filter_map(|(name, addresses)| match name.parse::<Host>() {
            Ok(Host::Name(name)) => Some((name, canonical(addresses))),
            Ok(Host::V4(_) | Host::V6(..)) | Err(_) => None,
        });
        names.take(MAX_KNOWN).collect()
    }

    /// Replaces what it holds. Blocks on the disk.
    ///
    /// # Errors
    /// The disk does not take it; what was held before is still held.
    pub fn save(&self, names: &BTreeMap<Name, Vec<IpAddr>>) -> Result<(), DurableError> {
        let names =
            names.iter().map(|(name, addresses)| (name.as_str().to_owned(), addresses.clone())).collect();
        // Names and addresses always have a JSON form.
        let bytes = serde_json::to_vec(&Document { version: VERSION, names }).unwrap_or_default();
        durable::write(&self.0, &bytes, Mode::Private)
    }
}

fn canonical(mut addresses: Vec<IpAddr>) -> Vec<IpAddr> {
    addresses.iter_mut().for_each(|address| *address = address.to_canonical());
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        match text.parse().unwrap() {
            Host::Name(name) => name,
            other @ (Host::V4(_) | Host::V6(..)) => panic!("{other} is no name"),
        }
    }

    #[test]
    fn what_was_found_is_there_after_a_start() {
        let folder = tempfile::tempdir().unwrap();
        let memory = Memory::in_folder(folder.path());
        assert_eq!(memory.load(), BTreeMap::new());
        let addresses = vec!["192.0.2.7".parse().unwrap(), "2001:db8::7".parse().unwrap()];
        let names = BTreeMap::from([(name("files.example"), addresses), (name("gone.example"), Vec::new())]);
        memory.save(&names).unwrap();
        assert_eq!(memory.load(), names);
    }

    #[test]
    fn a_file_that_is_damaged_or_of_another_version_holds_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let memory = Memory::in_folder(folder.path());
        for text in ["", "{", "{\"version\":2,\"names\":{}}", "{\"version\":1,\"names\":{\"a\":[\"x\"]}}"] {
            durable::write(&folder.path().join(FILE), text.as_bytes(), Mode::Private).unwrap();
            assert_eq!(memory.load(), BTreeMap::new(), "{text}");
        }
        let text = "{\"version\":1,\"names\":{\"10.0.0.1\":[\"10.0.0.1\"],\"a\":[\"::ffff:10.0.0.2\",\"10.0.0.2\"]}}";
        durable::write(&folder.path().join(FILE), text.as_bytes(), Mode::Private).unwrap();
        let expected = BTreeMap::from([(name("a"), vec!["10.0.0.2".parse().unwrap()])]);
        assert_eq!(memory.load(), expected);
    }
}
