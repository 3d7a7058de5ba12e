//! `landmarkctl servers`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};
use landmark_proto::pin::SpkiPin;

use super::edits::{Etag, Import};

pub(crate) const EXAMPLES: &str = "\
Examples:
  landmarkctl servers add intranet.example.com 443 80      two ports, in this order
  landmarkctl servers add 10.1.1.5:1433 [2001:db8::1]:443  several hosts at once
  landmarkctl servers move 10.1.1.5 --first                tried before all others
  landmarkctl servers remove intranet.example.com:80       one port of it
  landmarkctl servers import list.csv --replace --dry-run  what would change
  landmarkctl servers pin intranet.example.com:443 --add   recognised by its key
  landmarkctl servers lint                                 what is doubtful, and why

A host is an IPv4 or IPv6 address, a computer name or a domain name. All of
these save to the draft; `landmarkctl assign` puts it in force.

An entry without a key pin is tried by a connection (probe kind tcp): whatever
answers counts. One with key pins is tried by a TLS handshake (probe kind tls):
only a server that has one of these keys counts, whoever signed its certificate.
To rotate a key: edit --add-pin NEW, assign, change the server's key, and when no
agent sees the old key any more, edit --remove-pin OLD and assign.";

/// The reference server list.
#[derive(Debug, Subcommand)]
pub(crate) enum Servers {
    /// The list as saved, and what of it is not yet assigned
    List {
        /// The list that is in force instead of the draft's
        #[arg(long)]
        assigned: bool,
    },

    /// Which of the assigned servers answer whom, and what happens without each
    Health {
        /// Let all agents that are online try them now
        #[arg(long)]
        refresh: bool,
    },

    /// One entry with its keys in full
    Show {
        /// The entry
        host: String,
    },

    /// Add reference servers; a host that is on the list already gets the ports and the pins added
    Add(Add),

    /// Change the host, the ports or the keys of an entry where it stands
    Edit(Edit),

    /// Look at a server's certificate from this machine, and pin its key
    #[command(after_help = PIN_HELP)]
    Pin(Pin),

    /// Tell what is doubtful in the draft, with reasons and remedies; assign does the same
    #[command(after_help = LINT_HELP)]
    Lint {
        /// Exit with 5 if anything is doubtful
        #[arg(long)]
        strict: bool,
    },

    /// Change the order in which the entries are tried
    Move(Move),

    /// Remove entries, or single ports of them
    Remove {
        /// What to remove: HOST takes the whole entry, HOST:PORT one port of it
        #[arg(value_name = "HOST[:PORT]", required = true)]
        targets: Vec<String>,
        #[command(flatten)]
        etag: Etag,
    },

    /// Use the list: an agent that loses the server tries it
    Enable(Etag),

    /// Do not use the list; its entries stay
    Disable(Etag),

    /// Read a list from a CSV file (host,port and, where keys are pinned, pins)
    #[command(after_help = IMPORT_HELP)]
    Import(Import),

    /// Write the list as CSV (host,port and, where keys are pinned, pins)
    Export {
        /// The file to write [default: standard output]
        #[arg(value_hint = ValueHint::FilePath)]
        file: Option<PathBuf>,
        /// The list that is in force instead of the draft's
        #[arg(long)]
        assigned: bool,
        /// Replace the file if it is there
        #[arg(long)]
        force: bool,
    },
}

const PIN_HELP: &str = "\
Connects from this machine by TLS 1.3 or 1.2 and shows whose certificate the peer
has, until when, and the pin of its key. The peer proves that it holds the key;
who signed the certificate does not matter, here or to the agents. No byte is sent
after the handshake.

What is fetched over the network is what answers there: from a hotel, through a
proxy, or with a forged name it may not be your server. Confirm the pin on the
server itself before you assign it:

  openssl x509 -in server.crt -pubkey -noout |
    openssl pkey -pubin -outform der | openssl dgst -sha256

Over the network openssl sees the same (the digits that are shown as sha256 hex):

  openssl s_client -connect HOST:PORT -servername HOST </dev/null |
    openssl x509 -pubkey -noout |
    openssl pkey -pubin -outform der | openssl dgst -sha256

Examples:
  landmarkctl servers pin intranet.example.com:443
  landmarkctl servers pin 10.1.1.5:636 [2001:db8::1]:443 --add
  landmarkctl servers pin intranet.example.com --add --yes    for scripts: no second key

Exit code 69: nothing there, no TLS, or no proof of the key.";

const LINT_HELP: &str = "\
Looked at: addresses that homes and hotspots have too, public addresses and names
with one, ports 80 and 443 without a key pin (captive portals answer there), too few
entries, entries that are one machine or that nobody reaches, names without an
address, certificates that end soon, a list or rules by which every agent would be
external, gateways that many networks have. Names are resolved by the server.

Findings are warnings: nothing is refused for them. Each has a code that stays.";

const IMPORT_HELP: &str = "\
The file has one host and port a line; several lines with one host, or several
ports on a line, add ports in that order. A header line, blank lines and lines
that begin with # are skipped. The separator (comma, semicolon or tab) and the
encoding (UTF-8, UTF-16, windows-1252) are detected.

  host,port
  intranet.example.com,443
  intranet.example.com,80
  10.1.1.5,1433

A third column named pins has the key pins of a host, separated by spaces:

  host,port,pins
  intranet.example.com,443,sha256:LHDhK3oGRvkiefQnx7OOczTY5Tic_xZ6HcMOc_gmtoM

Everything that is wrong is told at once, with its line, and then nothing is changed.";

/// `servers add`.
#[derive(Debug, Args)]
pub(crate) struct Add {
    /// HOST PORT…, HOST:PORT or [IPV6]:PORT; ports are tried in the given order
    #[arg(value_name = "HOST PORT", required = true)]
    pub(crate) targets: Vec<String>,
    /// Recognise the host by this key; may be given several times. The entry is tried by TLS then
    #[arg(long = "pin", value_name = "PIN", value_parser = parse_pin)]
    pub(crate) pins: Vec<SpkiPin>,
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) etag: Etag,
}

/// `servers pin`.
#[derive(Debug, Args)]
pub(crate) struct Pin {
    /// Where TLS is spoken; the port is 443 unless given
    #[arg(value_name = "HOST[:PORT]", required = true)]
    pub(crate) targets: Vec<String>,
    /// Save the key to the draft, and the host and port if they are not on the list; asks first
    #[arg(long)]
    pub(crate) add: bool,
    /// Do not ask
    #[arg(long, short, requires = "add")]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) etag: Etag,
}

/// Which keys an entry shall have.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Keys {
    /// All keys that it shall have; may be given several times
    #[arg(long = "pin", value_name = "PIN", value_parser = parse_pin)]
    pub(crate) pins: Vec<SpkiPin>,
    /// A further key, before the server changes to it
    #[arg(long = "add-pin", value_name = "PIN", value_parser = parse_pin, conflicts_with = "pins")]
    pub(crate) add: Vec<SpkiPin>,
    /// A key that no server has any more
    #[arg(long = "remove-pin", value_name = "PIN", value_parser = parse_pin, conflicts_with = "pins")]
    pub(crate) remove: Vec<SpkiPin>,
    /// No key: any connection is an answer again (probe kind tcp)
    #[arg(long = "no-pins", conflicts_with_all = ["pins", "add", "remove"])]
    pub(crate) none: bool,
}

impl Keys {
    pub(crate) fn are_given(&self) -> bool {
        self.none || !self.pins.is_empty() || self.are_relative()
    }

    /// Whether they are counted from the keys that the entry has.
    pub(crate) fn are_relative(&self) -> bool {
        !self.add.is_empty() || !self.remove.is_empty()
    }
}

/// `servers edit`.
#[derive(Debug, Args)]
pub(crate) struct Edit {
    /// The entry to change
    pub(crate) host: String,
    /// What it shall be called
    #[arg(long = "host", value_name = "HOST")]
    pub(crate) new_host: Option<String>,
    /// All ports that it shall have, in the order in which they are tried
    #[arg(long = "ports", value_name = "PORT", num_args = 1.., value_delimiter = ',')]
    pub(crate) ports: Vec<String>,
    #[command(flatten)]
    pub(crate) keys: Keys,
    #[command(flatten)]
    pub(crate) etag: Etag,
}

/// `servers move`.
#[derive(Debug, Args)]
pub(crate) struct Move {
    /// The entry to move
    pub(crate) host: String,
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) etag: Etag,
}

/// Where an entry shall stand.
#[derive(Clone, Debug, Default, Args)]
#[group(multiple = false)]
pub(crate) struct Place {
    /// At this place, counted from 1
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) to: Option<u32>,
    /// Before all others
    #[arg(long)]
    pub(crate) first: bool,
    /// After all others
    #[arg(long)]
    pub(crate) last: bool,
    /// Just before this entry
    #[arg(long, value_name = "HOST")]
    pub(crate) before: Option<String>,
    /// Just after this entry
    #[arg(long, value_name = "HOST")]
    pub(crate) after: Option<String>,
}

impl Place {
    pub(crate) fn is_given(&self) -> bool {
        self.to.is_some() || self.first || self.last || self.before.is_some() || self.after.is_some()
    }
}

fn parse_pin(text: &str) -> Result<SpkiPin, String> {
    text.parse().map_err(|_| {
        "a key pin looks like sha256:LHDhK3oG… (landmarkctl servers pin prints it), or is 64 hexadecimal digits"
            .to_owned()
    })
}
