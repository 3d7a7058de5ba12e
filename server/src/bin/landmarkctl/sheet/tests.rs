use encoding_rs::WINDOWS_1252;
use proptest::prelude::*;

use super::*;
use crate::view::draft::{Probe, ReferenceServer};

fn read(text: &str) -> Vec<(String, Vec<u32>)> {
    let sheet = parse(text).unwrap_or_else(|problems| panic!("{problems:?}"));
    sheet
        .rows
        .iter()
        .map(|row| (row.host.clone(), row.ports.iter().map(|cell| cell.port).collect()))
        .collect()
}

fn problems(text: &str) -> Vec<String> {
    let problems = parse(text).unwrap_err();
    problems.iter().map(|problem| format!("{}: {}", problem.line, problem.message)).collect()
}

#[test]
fn one_list_in_many_forms() {
    let expected = vec![("web.example".to_owned(), vec![443, 80]), ("10.1.1.5".to_owned(), vec![22])];
    for text in [
        "web.example,443\nweb.example,80\n10.1.1.5,22\n",
        "host,port\nweb.example,443,80\n10.1.1.5,22\n",
        "# a comment\r\nHost;Port number\r\n\r\nWEB.example.;443;80\r\n10.1.1.5;22;\r\n;;\r\n",
        "sep=;\nweb.example;443;80\n10.1.1.5;22",
        "web.example\t443\t80\n  # indented comment\n10.1.1.5\t22",
        "\"web.example\",\"443\",\"80\"\n\"10.1.1.5\", 22 \n",
        "host\nweb.example:443\nweb.example:80\n10.1.1.5:22\n",
        "web.example,443\n10.1.1.5,22\nweb.example,80\n",
    ] {
        assert_eq!(read(text), expected, "{text}");
    }
}

#[test]
fn ipv6_is_read_with_and_without_brackets() {
    assert_eq!(read("2001:db8::1,443"), [("2001:db8::1".to_owned(), vec![443])]);
    assert_eq!(read("[2001:db8::1]:443"), [("2001:db8::1".to_owned(), vec![443])]);
    assert_eq!(problems("2001:db8::1"), ["1: 2001:db8::1: the port is missing (host,port)"]);
}

fn pins(text: &str) -> Vec<(String, Vec<SpkiPin>)> {
    let sheet = parse(text).unwrap_or_else(|problems| panic!("{problems:?}"));
    sheet.rows.into_iter().map(|row| (row.host, row.pins)).collect()
}

#[test]
fn pins_stand_in_their_column_or_show_by_their_beginning() {
    let (one, two) = (SpkiPin::of(b"one"), SpkiPin::of(b"two"));
    let hex: String = two.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let expected = vec![("a".to_owned(), vec![one, two]), ("b".to_owned(), vec![])];
    for text in [
        format!("host,port,pins\na,443,{one} {two}\nb,22,\n"),
        format!("host,port,pins\na,443,{one}\na,8443,{one} {two}\nb,22\n"),
        format!("Host;Port;Key pins\na;443;{one} {hex}\nb;22;\n"),
        format!("a,443,{one},{two}\nb,22\n"),
        format!("host\na:443,{one} {two}\nb:22\n"),
    ] {
        assert_eq!(pins(&text), expected, "{text}");
    }
    assert_eq!(
        problems("host,port,pins\na,443,sha256:abc\nb,,\nc,x,443\n"),
        [
            "2: \"sha256:abc\" is not a key pin (sha256: and 43 characters of base64url, or 64 hexadecimal digits)",
            "3: b: the port is missing (host,port)",
            "4: \"x\" is not a port (1 to 65535)",
            "4: \"443\" is not a key pin (sha256: and 43 characters of base64url, or 64 hexadecimal digits)",
        ]
    );
}

#[test]
fn every_problem_is_told_with_its_line() {
    let text = "host,port\nweb.example,443\nweb.example,70000\n300.1.1.1,80\n\nalone\n0.0.0.0,http\n";
    insta::assert_snapshot!(problems(text).join("\n"), @r#"
    3: 70000 is not a port (1 to 65535)
    4: "300.1.1.1" is not an IPv4 or IPv6 address
    6: alone: the port is missing (host,port)
    7: 0.0.0.0: the unspecified address is not a host
    7: "http" is not a port (1 to 65535)
    "#);
}

#[test]
fn a_line_that_may_be_meant_as_a_header_is_told_what_one_looks_like() {
    assert_eq!(
        problems("name,number\nweb.example,443\nweb.example,http\n"),
        [
            "1: \"number\" is not a port (1 to 65535); if this line is a header, it must be host,port",
            "3: \"http\" is not a port (1 to 65535)"
        ]
    );
}

#[test]
fn an_unclosed_quote_spoils_its_own_line_only() {
    let told = problems("\"web.example,443\n10.1.1.5,0\n");
    assert!(told.iter().any(|problem| problem == "2: 0 is not a port (1 to 65535)"), "{told:?}");
}

#[test]
fn a_pair_that_stands_there_twice_is_refused_with_both_lines() {
    assert_eq!(
        problems("web.example,443\nweb.example,80\nWEB.EXAMPLE.,443\n"),
        ["3: web.example with port 443 stands on line 1 already"]
    );
    assert_eq!(problems("web.example,443,443\n"), ["1: web.example with port 443 stands on line 1 already"]);
}

#[test]
fn an_empty_file_is_an_empty_list() {
    assert_eq!(read(""), []);
    assert_eq!(read("host,port\n# nothing yet\n"), []);
}

#[test]
fn files_of_windows_programs_are_understood() {
    let text = "# größe\nhost,port\nweb.example,443\n";
    let utf16 = |to_bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(to_bytes).collect::<Vec<u8>>();
    let with_mark = |mark: &[u8], bytes: &[u8]| [mark, bytes].concat();
    let ansi = WINDOWS_1252.encode(text).0.into_owned();
    for bytes in [
        text.as_bytes().to_vec(),
        with_mark(&[0xef, 0xbb, 0xbf], text.as_bytes()),
        with_mark(&[0xff, 0xfe], &utf16(u16::to_le_bytes)),
        with_mark(&[0xfe, 0xff], &utf16(u16::to_be_bytes)),
        utf16(u16::to_le_bytes),
        utf16(u16::to_be_bytes),
        ansi,
    ] {
        assert_eq!(decode(&bytes, Encoding::Auto).as_deref(), Ok(text));
    }
}

#[test]
fn a_wrong_encoding_is_named_with_the_line() {
    let ansi = WINDOWS_1252.encode("web.example,443\n# größe\n").0.into_owned();
    let error = decode(&ansi, Encoding::Utf8).unwrap_err();
    assert_eq!(error.to_string(), "line 2 is not UTF-8");
    assert!(decode(&ansi, Encoding::Windows1252).is_ok());
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(servers in proptest::collection::btree_map(
        prop_oneof![
            "[a-z][a-z0-9]{0,8}(\\.[a-z][a-z0-9]{0,8}){0,2}",
            any::<[u8; 4]>().prop_map(|octets| std::net::Ipv4Addr::from(octets).to_string()),
            any::<[u16; 8]>().prop_map(|segments| std::net::Ipv6Addr::from(segments).to_string()),
        ]
        .prop_filter("a host", |text| text.parse::<Host>().is_ok_and(|host| host.to_string() == *text)),
        (
            proptest::collection::btree_set(1_u32..=65_535, 1..=8),
            proptest::collection::btree_set(any::<u8>(), 0..=8),
        ),
        0..40,
    )) {
        let servers = servers.into_iter().zip(1..).map(|((host, (ports, keys)), position)| {
            let probe = Probe::new(keys.into_iter().map(|key| SpkiPin::of(&[key])).collect());
            ReferenceServer { position, host, ports: ports.into_iter().rev().collect(), probe }
        });
        let list = ReferenceServers { enabled: true, servers: servers.collect() };
        let expected: Vec<_> = list.servers.iter().map(|server| (server.host.clone(), server.ports.clone())).collect();
        prop_assert_eq!(read(&write(&list)), expected);
        let expected: Vec<_> =
            list.servers.iter().map(|server| (server.host.clone(), server.probe.pins().to_vec())).collect();
        prop_assert_eq!(pins(&write(&list)), expected);
    }

    #[test]
    fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let text = decode(&bytes, Encoding::Auto);
        if let Ok(text) = text {
            let n_lines = text.lines().count();
            let both = [parse(&text).err(), gateways::parse(&text).err()];
            for problems in both.into_iter().flatten() {
                prop_assert!(problems.iter().all(|problem| (1..=n_lines).contains(&problem.line)));
            }
        }
    }
}
