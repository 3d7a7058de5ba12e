//! Lists of gateways: one a line, its hardware address beside it or not.

use std::collections::HashMap;
use std::net::IpAddr;

use landmark_proto::gateway::Gateway;
use landmark_proto::network::MacAddress;

use super::{LineProblem, lines};
use crate::view::draft;

/// Gateways in the order of the file, each with its line.
pub(crate) fn parse(text: &str) -> Result<Vec<(Gateway, usize)>, Vec<LineProblem>> {
    let mut rows = Vec::new();
    let mut places: HashMap<Gateway, usize> = HashMap::new();
    let mut problems = Vec::new();
    let mut header_possible = true;
    for (line, _, cells) in lines::read(text) {
        let is_first = std::mem::take(&mut header_possible);
        let read =
            cells.and_then(
                |cells| {
                    if is_first && is_header(&cells) { Ok(None) } else { gateway(&cells).map(Some) }
                },
            );
        match read {
            Ok(None) => {}
            Ok(Some(gateway)) => match places.get(&gateway) {
                Some(earlier) => {
                    let message = format!("{gateway} stands on line {earlier} already");
                    problems.push(LineProblem { line, message });
                }
                None => {
                    places.insert(gateway, line);
                    rows.push((gateway, line));
                }
            },
            Err(message) => problems.push(LineProblem { line, message }),
        }
    }
    if problems.is_empty() { Ok(rows) } else { Err(problems) }
}

/// `ADDRESS` or `ADDRESS,MAC`, as a command line has it.
pub(crate) fn one(argument: &str) -> Result<Gateway, String> {
    let cells: Vec<String> = argument.split(',').map(|cell| cell.trim().to_owned()).collect();
    gateway(&cells)
}

/// The same form.
pub(crate) fn write(list: &[draft::Gateway]) -> String {
    list.iter().fold("ip,mac\n".to_owned(), |mut text, gateway| {
        text.push_str(&format!("{},{}\n", gateway.address, gateway.mac.as_deref().unwrap_or_default()));
        text
    })
}

fn gateway(cells: &[String]) -> Result<Gateway, String> {
    let cells: Vec<&str> = cells.iter().map(String::as_str).filter(|cell| !cell.is_empty()).collect();
    let (address, mac) = match cells.as_slice() {
        [address] => (*address, None),
        [address, mac] => (*address, Some(*mac)),
        [] => return Err("the address is missing (ip or ip,mac)".to_owned()),
        [_, _, more @ ..] => return Err(format!("{:?} is too much (ip or ip,mac)", more.join(","))),
    };
    let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
    let ip: Result<IpAddr, String> = if bare.contains('%') {
        Err(format!("{bare:?}: a gateway has no zone; its hardware address says which one is meant"))
    } else {
        bare.parse().map_err(|_| format!("{bare:?} is not an IPv4 or IPv6 address"))
    };
    let mac: Result<Option<MacAddress>, String> = mac
        .map(str::parse)
        .transpose()
        .map_err(|error: landmark_proto::network::InvalidMacAddress| error.to_string());
    match (ip, mac) {
        (Ok(ip), Ok(mac)) => Gateway::new(ip, mac).map_err(|error| error.to_string()),
        (Err(first), Err(second)) => Err(format!("{first}; {second}")),
        (Err(problem), Ok(_)) | (Ok(_), Err(problem)) => Err(problem),
    }
}

/// The first line with content is one when its first cell is a word for an address.
fn is_header(cells: &[String]) -> bool {
    let first = cells.first().map(|cell| cell.to_ascii_lowercase()).unwrap_or_default();
    ["ip", "address", "ip address", "gateway", "gateway ip"].contains(&first.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        parse(text)
            .unwrap_or_else(|problems| panic!("{problems:?}"))
            .iter()
            .map(|(it, _)| it.to_string())
            .collect()
    }

    #[test]
    fn gateways_are_read_with_and_without_hardware() {
        let expected = ["10.0.0.1", "fe80::1 (00:11:22:aa:bb:cc)"];
        for text in [
            "10.0.0.1\nfe80::1,00:11:22:aa:bb:cc\n",
            "ip,mac\n10.0.0.1,\nfe80::1,00-11-22-AA-BB-CC\n",
            "# offices\r\nGateway;MAC\r\n10.0.0.1;\r\n;\r\n[fe80::1];0011.22aa.bbcc\r\n",
            "sep=\t\nIP\n10.0.0.1\nfe80::1\t001122aabbcc\n",
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
        assert_eq!(one("10.0.0.1, 00:11:22:aa:bb:cc").unwrap().to_string(), "10.0.0.1 (00:11:22:aa:bb:cc)");
        assert_eq!(read(""), [""; 0]);
    }

    #[test]
    fn every_bad_line_is_named_at_once() {
        let text = "ip,mac\n10.0.0.1\nten,eleven\n10.0.0.1\n127.0.0.1\n10.0.0.2,00:11\n10.0.0.3,001122aabbcc,x\nfe80::1%eth0\n\"10.0.0.4\n";
        let problems = parse(text).unwrap_err();
        let told: Vec<String> = problems.iter().map(|it| format!("{}: {}", it.line, it.message)).collect();
        insta::assert_snapshot!(told.join("\n"), @r#"
        3: "ten" is not an IPv4 or IPv6 address; "eleven" is not a MAC address (for example 00:11:22:aa:bb:cc)
        4: 10.0.0.1 stands on line 2 already
        5: 127.0.0.1 cannot be a gateway: a loopback address is this machine
        6: "00:11" is not a MAC address (for example 00:11:22:aa:bb:cc)
        7: "x" is too much (ip or ip,mac)
        8: "fe80::1%eth0": a gateway has no zone; its hardware address says which one is meant
        "#);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let gateway = |address: &str, mac: Option<&str>| draft::Gateway {
            address: address.to_owned(),
            mac: mac.map(str::to_owned),
        };
        let text = write(&[gateway("10.0.0.1", None), gateway("fe80::1", Some("00:11:22:aa:bb:cc"))]);
        assert_eq!(read(&text), ["10.0.0.1", "fe80::1 (00:11:22:aa:bb:cc)"]);
    }
}
