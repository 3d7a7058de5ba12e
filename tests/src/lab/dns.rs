//! A resolver that answers, and misbehaves, as told (RFC 1035, as much of it as a stub resolver sees).

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use tokio::net::UdpSocket;
use tokio::task::JoinSet;

use crate::place::Place;

/// What it does with a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Tells what it knows, and that other names do not exist.
    Truthful,
    /// Says nothing.
    Dead,
    /// Truthful, after this time.
    Slow(Duration),
    /// No name exists (NXDOMAIN).
    NothingExists,
    /// It cannot tell (SERVFAIL).
    Fails,
    /// Every name has this address.
    Everything(IpAddr),
}

/// The resolver. Dropping it ends it.
#[derive(Debug)]
pub struct Dns {
    shared: Arc<Mutex<Shared>>,
    _tasks: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    manner: Manner,
    names: HashMap<String, Vec<IpAddr>>,
    asked: Vec<String>,
}

/// Of the domain name system.
const PORT: u16 = 53;
/// Questions that wait for a slow answer at a time; more are not answered.
const MAX_WAITING: usize = 256;
/// Questions that are remembered.
const MAX_REMEMBERED: usize = 4096;

impl Dns {
    /// Answers at these addresses of a place, port 53.
    ///
    /// # Errors
    /// Somebody else does.
    pub fn start(place: &Place, addresses: &[IpAddr]) -> Result<Self> {
        let shared = Shared { manner: Manner::Truthful, names: HashMap::new(), asked: Vec::new() };
        let shared = Arc::new(Mutex::new(shared));
        let mut tasks = JoinSet::new();
        for address in addresses {
            let socket = place.bind_udp(SocketAddr::new(*address, PORT))?;
            tasks.spawn(serve(socket, Arc::clone(&shared)));
        }
        Ok(Self { shared, _tasks: tasks })
    }

    /// Changes what it does from now on.
    pub fn behave(&self, manner: Manner) {
        self.lock().manner = manner;
    }

    /// Gives a name these addresses, instead of those that it had.
    pub fn name(&self, name: &str, addresses: &[IpAddr]) {
        self.lock().names.insert(name.to_ascii_lowercase(), addresses.to_vec());
    }

    /// The names it was asked for, in order.
    pub fn asked(&self) -> Vec<String> {
        self.lock().asked.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn serve(socket: UdpSocket, shared: Arc<Mutex<Shared>>) {
    let socket = Arc::new(socket);
    let mut waiting = JoinSet::new();
    let mut buffer = [0; 1500];
    loop {
        let (n, from) = tokio::select! {
            received = socket.recv_from(&mut buffer) => match received {
                Ok(received) => received,
                // Of an earlier answer, to somebody who has left.
                Err(_) => continue,
            },
            Some(_) = waiting.join_next() => continue,
        };
        let Some(question) = buffer.get(..n).and_then(Question::read) else { continue };
        let (manner, answer) = {
            let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
            if shared.asked.len() < MAX_REMEMBERED {
                shared.asked.push(question.name.clone());
            }
            (shared.manner, question.answer(shared.manner, &shared.names))
        };
        let pause = match manner {
            Manner::Dead => continue,
            Manner::Slow(pause) => pause,
            Manner::Truthful | Manner::NothingExists | Manner::Fails | Manner::Everything(_) => {
                Duration::ZERO
            }
        };
        if waiting.len() < MAX_WAITING {
            let socket = Arc::clone(&socket);
            waiting.spawn(async move {
                tokio::time::sleep(pause).await;
                // Who has left does not get it.
                socket.send_to(&answer, from).await.map(drop).unwrap_or_default();
            });
        }
    }
}

/// The first question of a message, and the bytes that an answer repeats.
struct Question {
    id: [u8; 2],
    /// Lower case, without the last dot.
    name: String,
    kind: u16,
    /// Name, type and class as they were asked.
    raw: Vec<u8>,
}

const TYPE_A: u16 = 1;
const TYPE_AAAA: u16 = 28;
/// Of the header, 12 bytes long.
const HEADER: usize = 12;
const NO_ERROR: u8 = 0;
const SERVER_FAILURE: u8 = 2;
const NAME_ERROR: u8 = 3;
/// Of an answer: a name may point to another place of the message, here to the question.
const POINTER_TO_QUESTION: [u8; 2] = [0xc0, 0x0c];

impl Question {
    fn read(message: &[u8]) -> Option<Self> {
        let id = message.get(..2)?.try_into().ok()?;
        let mut name = String::new();
        let mut at = HEADER;
        loop {
            let length = usize::from(*message.get(at)?);
            at += 1;
            if length == 0 {
                break;
            }
            let label = message.get(at..at + length)?;
            if !name.is_empty() {
                name.push('.');
            }
            name.push_str(&String::from_utf8_lossy(label).to_ascii_lowercase());
            at += length;
        }
        let kind = u16::from_be_bytes(message.get(at..at + 2)?.try_into().ok()?);
        let raw = message.get(HEADER..at + 4)?.to_vec();
        Some(Self { id, name, kind, raw })
    }

    fn answer(&self, manner: Manner, names: &HashMap<String, Vec<IpAddr>>) -> Vec<u8> {
        let known = names.get(&self.name).map(Vec::as_slice);
        match manner {
            Manner::NothingExists => self.message(NAME_ERROR, &[]),
            Manner::Fails => self.message(SERVER_FAILURE, &[]),
            Manner::Everything(address) => self.message(NO_ERROR, &[address]),
            Manner::Truthful | Manner::Slow(_) | Manner::Dead => match known {
                Some(addresses) => self.message(NO_ERROR, addresses),
                None => self.message(NAME_ERROR, &[]),
            },
        }
    }

    /// With those of the addresses that are of the kind asked for.
    fn message(&self, code: u8, addresses: &[IpAddr]) -> Vec<u8> {
        let records: Vec<Vec<u8>> = addresses
            .iter()
            .filter_map(|address| match (address, self.kind) {
                (IpAddr::V4(address), TYPE_A) => Some(address.octets().to_vec()),
                (IpAddr::V6(address), TYPE_AAAA) => Some(address.octets().to_vec()),
                _ => None,
            })
            .collect();
        let n_records = u16::try_from(records.len()).unwrap_or(u16::MAX);
        let mut message = self.id.to_vec();
        // An answer, recursion was wished and is to be had; one question; no authority, nothing additional.
        message.extend([0x81, 0x80 | code, 0, 1]);
        message.extend(n_records.to_be_bytes());
        message.extend([0; 4]);
        message.extend(&self.raw);
        for record in records {
            message.extend(POINTER_TO_QUESTION);
            message.extend(self.kind.to_be_bytes());
            // Internet; forgotten at once.
            message.extend([0, 1, 0, 0, 0, 0]);
            message.extend(u16::try_from(record.len()).unwrap_or_default().to_be_bytes());
            message.extend(record);
        }
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `www.corp.example`, with this type, as a stub resolver asks.
    fn asks(kind: u16) -> Question {
        let mut message = vec![0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in ["WWW", "corp", "example"] {
            message.push(u8::try_from(label.len()).unwrap());
            message.extend(label.bytes());
        }
        message.push(0);
        message.extend(kind.to_be_bytes());
        message.extend([0, 1]);
        Question::read(&message).unwrap()
    }

    fn names() -> HashMap<String, Vec<IpAddr>> {
        let addresses = ["10.20.1.11", "fd00:20:1::b"].map(|address| address.parse().unwrap());
        HashMap::from([("www.corp.example".to_owned(), addresses.to_vec())])
    }

    #[test]
    fn tells_the_address_of_the_kind_that_was_asked_for() {
        let v4 = asks(TYPE_A).answer(Manner::Truthful, &names());
        assert_eq!(v4[..12], [0xab, 0xcd, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
        assert_eq!(v4[v4.len() - 6..], [0, 4, 10, 20, 1, 11]);
        let v6 = asks(TYPE_AAAA).answer(Manner::Truthful, &names());
        assert_eq!(v6[v6.len() - 18..v6.len() - 16], [0, 16]);
        let other = asks(16).answer(Manner::Truthful, &names());
        assert_eq!((other[3] & 0xf, other[7]), (NO_ERROR, 0));
    }

    #[test]
    fn misbehaves_as_told() {
        let code = |manner| asks(TYPE_A).answer(manner, &names())[3] & 0xf;
        assert_eq!(code(Manner::NothingExists), NAME_ERROR);
        assert_eq!(code(Manner::Fails), SERVER_FAILURE);
        assert_eq!(asks(TYPE_A).answer(Manner::Truthful, &HashMap::new())[3] & 0xf, NAME_ERROR);
        let everything =
            asks(TYPE_A).answer(Manner::Everything("172.20.0.1".parse().unwrap()), &HashMap::new());
        assert_eq!(everything[everything.len() - 4..], [172, 20, 0, 1]);
    }

    #[test]
    fn a_message_that_is_cut_off_is_no_question() {
        assert!(Question::read(&[0; 11]).is_none());
        assert!(Question::read(&[0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 9, b'a']).is_none());
    }
}
