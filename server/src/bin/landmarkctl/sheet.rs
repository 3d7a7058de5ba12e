//! Lists of reference servers as CSV: `host,port`, one or several ports a line, several lines a host, and a column `pins`
//! where an entry is recognised by its key. Lists of gateways as CSV: `ip` or `ip,mac`. A
//! whole firewall as JSON or TOML.
//!
//! Pure. Every problem is named by its line, all of them at once. What a host or a port is comes from the model that the
//! server shares; how many of them there may be is left to the server.

mod encoding;
pub(crate) mod firewall;
pub(crate) mod gateways;
mod lines;
mod read;

use std::collections::HashMap;

use landmark_proto::host::Host;
use landmark_proto::pin::SpkiPin;

pub(crate) use encoding::{Encoding, decode};
pub(crate) use read::parse;

use crate::view::draft::ReferenceServers;

/// What was read: each host once, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sheet {
    pub(crate) rows: Vec<Row>,
}

/// One host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// In canonical form.
    pub(crate) host: String,
    /// Where it stands first, from 1.
    pub(crate) line: usize,
    pub(crate) ports: Vec<PortCell>,
    /// Of all its lines, each once, in the order of the file.
    pub(crate) pins: Vec<SpkiPin>,
}

/// One port and its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PortCell {
    pub(crate) port: u32,
    pub(crate) line: usize,
}

/// Something on a line that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LineProblem {
    pub(crate) line: usize,
    pub(crate) message: String,
}

/// Hosts in the order of their first line, ports in the order of the file.
#[derive(Debug, Default)]
struct Collector {
    sheet: Sheet,
    places: HashMap<Host, usize>,
}

impl Collector {
    /// The same pair twice is a mistake of the file's author that is better told than mended in silence.
    fn add(&mut self, host: &Host, port: u32, line: usize) -> Result<(), String> {
        let Some(row) = self.row(host, line) else { return Ok(()) };
        if let Some(earlier) = row.ports.iter().find(|cell| cell.port == port) {
            return Err(format!("{host} with port {port} stands on line {} already", earlier.line));
        }
        row.ports.push(PortCell { port, line });
        Ok(())
    }

    /// The same pin on several lines of a host is how spreadsheets are filled.
    fn add_pin(&mut self, host: &Host, pin: SpkiPin, line: usize) {
        if let Some(row) = self.row(host, line).filter(|row| !row.pins.contains(&pin)) {
            row.pins.push(pin);
        }
    }

    fn row(&mut self, host: &Host, line: usize) -> Option<&mut Row> {
        let rows = &mut self.sheet.rows;
        let place = *self.places.entry(host.clone()).or_insert_with(|| {
            rows.push(Row { host: host.to_string(), line, ports: Vec::new(), pins: Vec::new() });
            rows.len() - 1
        });
        rows.get_mut(place)
    }
}

/// The same form, one port a line; the pins stand on the first line of their host, separated by spaces.
pub(crate) fn write(list: &ReferenceServers) -> String {
    let is_pinned = list.servers.iter().any(|server| !server.probe.pins().is_empty());
    let mut text = if is_pinned { "host,port,pins\n" } else { "host,port\n" }.to_owned();
    for server in &list.servers {
        let mut pins: Vec<String> = server.probe.pins().iter().map(ToString::to_string).collect();
        for port in &server.ports {
            // Neither hosts in canonical form nor pins have commas or quotes.
            text.push_str(&format!("{},{port}", server.host));
            if is_pinned {
                text.push_str(&format!(",{}", std::mem::take(&mut pins).join(" ")));
            }
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests;
