//! What packets meet: in the router, what the measured decision meets; on the machine itself, what its preparation does.
//!
//! The sets of two tables are filled anew for every run, each in one transaction.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use landmark_tests::lab::Namespace;

use crate::cell::{Cell, LOST_PERCENT, List, N_ENTRIES, Obstacle, PINNED_PORT, PORT, Path, entry};

/// In the office's router, where the entries are.
pub(crate) struct Obstacles {
    router: Namespace,
    present: String,
}

impl Obstacles {
    /// None so far. What answers late is somewhere else in truth.
    ///
    /// # Errors
    /// The kernel lacks what it needs.
    pub(crate) fn new(router: &Namespace, late: SocketAddrV4) -> Result<Self> {
        let (late, late_port) = (late.ip(), late.port());
        router.nft(&format!(
            "table inet bench {{\n\
             set silent {{ type ipv4_addr; flags interval; }}\n\
             set refusing {{ type ipv4_addr; flags interval; }}\n\
             set late {{ type ipv4_addr; flags interval; }}\n\
             set lossy {{ type ipv4_addr; flags interval; }}\n\
             chain arriving {{ type filter hook input priority -5; policy accept;\n\
             \x20 ip daddr @silent tcp dport {PORT} drop\n\
             \x20 ip daddr @lossy tcp dport {PORT} tcp flags & (syn | ack) == syn numgen random mod 100 < {LOST_PERCENT} drop\n\
             \x20 ip daddr @refusing tcp dport {PORT} reject with tcp reset\n\
             }}\n\
             chain turning {{ type nat hook prerouting priority -100; policy accept;\n\
             \x20 ip daddr @late tcp dport {PORT} dnat ip to {late}:{late_port}\n\
             }}\n\
             }}\n"
        ))?;
        // The detour to what answers late ends in the network where the packet came from.
        for interface in ["all", "lan"] {
            router.set(&format!("net/ipv4/conf/{interface}/send_redirects"), "0")?;
        }
        Ok(Self { router: router.clone(), present: String::new() })
    }

    /// Puts those of a cell in the place of what was there.
    ///
    /// # Errors
    /// `nft` cannot be run.
    pub(crate) fn set(&mut self, cell: &Cell) -> Result<()> {
        let set = match cell.obstacle {
            Obstacle::Silent => "silent",
            Obstacle::Refuse => "refusing",
            Obstacle::Late => "late",
        };
        let mut rules = flush();
        if cell.n > 0 {
            rules.push_str(&add(set, entry(cell.list, 0), entry(cell.list, cell.n - 1)));
        }
        if cell.path == Path::Lossy {
            rules.push_str(&add("lossy", entry(cell.list, 0), entry(cell.list, N_ENTRIES - 1)));
        }
        self.apply(rules)
    }

    /// Takes all away.
    ///
    /// # Errors
    /// `nft` cannot be run.
    pub(crate) fn clear(&mut self) -> Result<()> {
        self.apply(flush())
    }

    fn apply(&mut self, rules: String) -> Result<()> {
        if rules != self.present {
            fill(&self.router, &rules)?;
            self.present = rules;
        }
        Ok(())
    }
}

/// As [`Namespace::nft`], without the program in between that enters the namespace: between two runs there are several.
fn fill(namespace: &Namespace, rules: &str) -> Result<()> {
    namespace.place().within(|| {
        let mut nft = Command::new("nft");
        let mut nft = nft.args(["-f", "-"]).stdin(Stdio::piped()).spawn().context("start nft")?;
        nft.stdin.take().context("no input")?.write_all(rules.as_bytes())?;
        let status = nft.wait()?;
        ensure!(status.success(), "nft ended with {status}: {rules}");
        Ok(())
    })
}

fn flush() -> String {
    ["silent", "refusing", "late", "lossy"].map(|set| format!("flush set inet bench {set}\n")).concat()
}

fn add(set: &str, first: Ipv4Addr, last: Ipv4Addr) -> String {
    let range = if first == last { first.to_string() } else { format!("{first}-{last}") };
    format!("add element inet bench {set} {{ {range} }}\n")
}

/// On the machine of an agent: what is not open refuses at once, whatever the path.
pub(crate) struct Gate {
    machine: Namespace,
    present: String,
}

impl Gate {
    /// All is open.
    ///
    /// # Errors
    /// The kernel lacks what it needs.
    pub(crate) fn new(machine: &Namespace) -> Result<Self> {
        let (first, last) = (entry(List::Pinned, 0), entry(List::Plain, N_ENTRIES - 1));
        machine.nft(&format!(
            "table inet bench {{\n\
             set open {{ type ipv4_addr; flags interval; elements = {{ {first}-{last} }}; }}\n\
             chain leaving {{ type filter hook output priority 0; policy accept;\n\
             \x20 ip daddr {first}-{last} ip daddr != @open tcp dport {{ {PORT}, {PINNED_PORT} }} reject with tcp reset\n\
             }}\n\
             }}\n"
        ))?;
        Ok(Self { machine: machine.clone(), present: String::new() })
    }

    /// Everything refuses.
    ///
    /// # Errors
    /// `nft` cannot be run.
    pub(crate) fn close(&mut self) -> Result<()> {
        self.apply("flush set inet bench open\n".to_owned())
    }

    /// Only this one answers.
    ///
    /// # Errors
    /// `nft` cannot be run.
    pub(crate) fn open_only(&mut self, address: Ipv4Addr) -> Result<()> {
        self.apply(format!("flush set inet bench open\n{}", add("open", address, address)))
    }

    /// Nothing refuses here.
    ///
    /// # Errors
    /// `nft` cannot be run.
    pub(crate) fn open(&mut self) -> Result<()> {
        let all = add("open", entry(List::Pinned, 0), entry(List::Plain, N_ENTRIES - 1));
        self.apply(format!("flush set inet bench open\n{all}"))
    }

    fn apply(&mut self, rules: String) -> Result<()> {
        if rules != self.present {
            fill(&self.machine, &rules)?;
            self.present = rules;
        }
        Ok(())
    }
}
