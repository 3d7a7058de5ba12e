//! What can be typed.

use std::net::IpAddr;
use std::time::Duration;

use landmark_proto::network::MacAddress;
use landmark_tests::lab::{Fault, Manner, Site, Traffic};

pub(crate) const HELP: &str = "Commands:
  plug office|home|cafe|v6       carry the machine there and plug it in
  unplug                         pull the cable; addresses and routes go
  cable out|in                   the same, but addresses and routes stay
  vpn up|down                    the tunnel to the office; bring it up anew after plug
  sign-in                        at the café's portal, so that packets leave
  address                        another address of the same network
  flap N                         pull the cable and plug it in again, N times
  delay MS                       each way, of the cables plugged in from now on
  resolver ADDRESS|none          what the machine asks for names
  dns truthful|dead|slow|fails|nothing    the office's resolver
  router MAC                     the office's gateway gets other hardware
  server start|stop|kill         the management server
  ref N start|stop|rekey         a reference server; the first has a key
  fault drop|reject|reset HOST [PORT]
  fault loss PERCENT             of connection attempts, in the office, 0 to 99
  fault clear
  status, explain [N], recheck   what the agent says
  ctl …                          landmarkctl in the office, such as: ctl agents list
  help, quit";

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Plug(Site),
    Unplug,
    /// Connected?
    Cable(bool),
    Vpn(bool),
    SignIn,
    Address,
    Flap(usize),
    Delay(Duration),
    Server(Order),
    /// From 1.
    Reference(usize, Order),
    Fault(Traffic, Fault),
    ClearFaults,
    Dns(Manner),
    Resolver(Option<IpAddr>),
    Router(MacAddress),
    Agent(Vec<String>),
    Ctl(Vec<String>),
    Help,
    Quit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Start,
    Stop,
    Kill,
    Rekey,
}

impl Command {
    /// `None`: nothing was typed. The error says what can be.
    pub(crate) fn parse(line: &str) -> Result<Option<Self>, String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some((first, rest)) = words.split_first() else { return Ok(None) };
        let command = match (*first, rest) {
            ("plug", [site]) => site_named(site).map(Self::Plug),
            ("unplug", []) => Some(Self::Unplug),
            ("cable", ["out"]) => Some(Self::Cable(false)),
            ("cable", ["in"]) => Some(Self::Cable(true)),
            ("vpn", ["up"]) => Some(Self::Vpn(true)),
            ("vpn", ["down"]) => Some(Self::Vpn(false)),
            ("sign-in", []) => Some(Self::SignIn),
            ("address", []) => Some(Self::Address),
            ("flap", [times]) => times.parse().ok().map(Self::Flap),
            ("delay", [ms]) => ms.parse().ok().map(|ms| Self::Delay(Duration::from_millis(ms))),
            ("server", [order]) => order_named(order).map(Self::Server),
            ("ref", [number, order]) => number
                .parse()
                .ok()
                .zip(order_named(order))
                .map(|(number, order)| Self::Reference(number, order)),
            ("fault", rest) => fault(rest),
            ("resolver", ["none"]) => Some(Self::Resolver(None)),
            ("resolver", [address]) => address.parse().ok().map(|address| Self::Resolver(Some(address))),
            ("router", [mac]) => mac.parse().ok().map(Self::Router),
            ("dns", [manner]) => manner_named(manner).map(Self::Dns),
            ("status" | "recheck", []) => Some(Self::Agent(vec![(*first).to_owned()])),
            ("explain", []) => Some(Self::Agent(vec!["explain".into()])),
            ("explain", [n]) => n
                .parse::<u8>()
                .ok()
                .map(|n| Self::Agent(vec!["explain".into(), "--last".into(), n.to_string()])),
            ("ctl", arguments) => Some(Self::Ctl(arguments.iter().map(|word| (*word).to_owned()).collect())),
            ("help" | "?", []) => Some(Self::Help),
            ("quit" | "exit", []) => Some(Self::Quit),
            _ => None,
        };
        command.map(Some).ok_or_else(|| format!("not understood: {line} (help tells what is)"))
    }
}

fn site_named(name: &str) -> Option<Site> {
    match name {
        "office" => Some(Site::Office),
        "home" => Some(Site::Home),
        "cafe" | "café" => Some(Site::Cafe),
        "v6" => Some(Site::OfficeV6),
        _ => None,
    }
}

fn order_named(name: &str) -> Option<Order> {
    match name {
        "start" => Some(Order::Start),
        "stop" => Some(Order::Stop),
        "kill" => Some(Order::Kill),
        "rekey" => Some(Order::Rekey),
        _ => None,
    }
}

fn manner_named(name: &str) -> Option<Manner> {
    match name {
        "truthful" => Some(Manner::Truthful),
        "dead" => Some(Manner::Dead),
        // Longer than any time-out of ours.
        "slow" => Some(Manner::Slow(Duration::from_secs(8))),
        "fails" => Some(Manner::Fails),
        "nothing" => Some(Manner::NothingExists),
        _ => None,
    }
}

fn fault(words: &[&str]) -> Option<Command> {
    let (kind, rest) = match words {
        ["clear"] => return Some(Command::ClearFaults),
        ["loss", percent] => {
            let percent = percent.parse().ok().filter(|percent| *percent < 100)?;
            return Some(Command::Fault(Traffic::ALL, Fault::LosesSyns(percent)));
        }
        [kind, rest @ ..] => (*kind, rest),
        [] => return None,
    };
    let fault = match kind {
        "drop" => Fault::BlackHole,
        "reject" => Fault::HostUnreachable,
        "reset" => Fault::Reset,
        _ => return None,
    };
    let (host, port) = match rest {
        [host] => (host, None),
        [host, port] => (host, Some(port.parse().ok()?)),
        _ => return None,
    };
    let host: IpAddr = host.parse().ok()?;
    Some(Command::Fault(Traffic { host: Some(host), port }, fault))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_understood_as_the_help_tells_it() {
        let parsed = |line| Command::parse(line).unwrap().unwrap();
        assert_eq!(parsed("plug cafe"), Command::Plug(Site::Cafe));
        assert_eq!(parsed(" vpn   up "), Command::Vpn(true));
        assert_eq!(parsed("ref 2 stop"), Command::Reference(2, Order::Stop));
        assert_eq!(parsed("fault loss 20"), Command::Fault(Traffic::ALL, Fault::LosesSyns(20)));
        let host: IpAddr = "10.20.1.11".parse().unwrap();
        assert_eq!(
            parsed("fault drop 10.20.1.11 80"),
            Command::Fault(Traffic::to_port(host, 80), Fault::BlackHole)
        );
        assert_eq!(
            parsed("explain 3"),
            Command::Agent(["explain", "--last", "3"].map(str::to_owned).to_vec())
        );
        let mac = "02:0f:f1:ce:00:99";
        assert_eq!(parsed("router 02:0f:f1:ce:00:99"), Command::Router(mac.parse().unwrap()));
        assert_eq!(parsed("resolver none"), Command::Resolver(None));
        let typed = [
            "plug office",
            "unplug",
            "cable out",
            "vpn down",
            "sign-in",
            "address",
            "flap 3",
            "delay 75",
            "resolver 10.20.1.53",
            "dns slow",
            "router 02:0f:f1:ce:00:99",
            "server stop",
            "ref 1 start",
            "fault clear",
            "status",
            "ctl x",
            "help",
        ];
        for line in HELP.lines().skip(1) {
            let first = line.split_whitespace().next().unwrap().trim_end_matches(',');
            let known = typed.iter().find(|line| line.starts_with(first));
            assert!(Command::parse(known.unwrap()).is_ok(), "{line}");
        }
    }

    #[test]
    fn what_is_not_understood_is_shown() {
        assert_eq!(Command::parse("  ").unwrap(), None);
        for line in [
            "plug moon",
            "fault drop",
            "fault loss 100",
            "flap many",
            "explain x",
            "resolver x",
            "server",
            "dance",
        ] {
            assert!(Command::parse(line).unwrap_err().contains(line));
        }
    }
}
