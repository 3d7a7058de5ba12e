//! Lists of reference servers as CSV: `host,port`, one or several ports a line, several lines a host.
//!
//! Pure. Every problem is named by its line, all of them at once. What a host or a port is comes from the model that the
//! server shares; how many of them there may be is left to the server.

mod encoding;
mod read;

use std::collections::HashMap;

use landmark_proto::host::Host;

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
        let rows = &mut self.sheet.rows;
        let place = *self.places.entry(host.clone()).or_insert_with(|| {
            rows.push(Row { host: host.to_string(), line, ports: Vec::new() });
            rows.len() - 1
        });
        let Some(row) = rows.get_mut(place) else { return Ok(()) };
        if let Some(earlier) = row.ports.iter().find(|cell| cell.port == port) {
            return Err(format!("{host} with port {port} stands on line {} already", earlier.line));
        }
        row.ports.push(PortCell { port, line });
        Ok(())
    }
}

/// The same form, one port a line.
pub(crate) fn write(list: &ReferenceServers) -> String {
    let mut text = "host,port\n".to_owned();
    for server in &list.servers {
        for port in &server.ports {
            // Hosts have neither commas nor quotes in canonical form.
            text.push_str(&format!("{},{port}\n", server.host));
        }
    }
    text
}

#[cfg(test)]
mod tests;
