use proptest::prelude::*;

use super::*;

fn canonical(text: &str) -> String {
    text.parse::<Host>().unwrap().to_string()
}

fn refused(text: &str) -> String {
    text.parse::<Host>().unwrap_err().to_string()
}

#[test]
fn addresses_and_names_take_one_canonical_form() {
    for (written, expected) in [
        ("10.1.1.5", "10.1.1.5"),
        ("  10.1.1.5 ", "10.1.1.5"),
        ("2001:DB8::0:1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("::ffff:10.1.1.5", "10.1.1.5"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("[fe80::1%3]", "fe80::1%3"),
        ("FILESRV01", "filesrv01"),
        ("build_host", "build_host"),
        ("Intranet.Example.COM.", "intranet.example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("127.0.0.1", "127.0.0.1"),
    ] {
        assert_eq!(canonical(written), expected, "{written}");
    }
}

#[test]
fn the_same_host_written_differently_compares_equal() {
    assert_eq!("[2001:DB8::1]".parse::<Host>(), "2001:db8:0:0:0:0:0:1".parse());
    assert_eq!("Server.example.".parse::<Host>(), "server.EXAMPLE".parse());
}

#[test]
fn what_is_no_host_is_refused_with_its_value() {
    assert!(refused("").starts_with("a host is missing"));
    assert_eq!(refused("http://a/"), "\"http://a/\" is a URL; give the host alone and the port beside it");
    assert_eq!(refused("a:80"), "\"a:80\" has a port in it; give the host alone and the port beside it");
    assert!(refused("[::1]:80").contains("[::1]:80"));
    assert_eq!(refused("300.1.1.1"), "\"300.1.1.1\" is not an IPv4 or IPv6 address");
    assert_eq!(refused("10.1.1"), "\"10.1.1\" is not an IPv4 or IPv6 address");
    assert_eq!(refused("010.1.1.1"), "\"010.1.1.1\" is not an IPv4 or IPv6 address");
    assert_eq!(refused("2001:db8::g"), "\"2001:db8::g\" is not an IPv4 or IPv6 address");
    assert!(refused("2001:db8::1%eth0").contains("only a link-local"));
    assert!(refused("a..b").contains("is empty"));
    assert!(refused("-a.example").contains("hyphen"));
    assert!(refused("a b").contains("characters"));
    assert!(refused(&"a".repeat(64)).contains("63"));
    assert!(refused(&"a.".repeat(200)).contains("253"));
    assert!(refused("\u{0}").contains("\\0"));
}

#[test]
fn addresses_that_no_agent_may_try_are_refused() {
    for address in [
        "0.0.0.0",
        "0.1.2.3",
        "::",
        "255.255.255.255",
        "224.0.0.1",
        "239.255.255.250",
        "ff02::1",
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "fd00:ec2::254",
        "100.100.100.200",
    ] {
        assert!(matches!(address.parse::<Host>(), Err(InvalidHost::Forbidden { .. })), "{address}");
    }
}

proptest! {
    #[test]
    fn any_text_gives_a_host_or_a_short_reason(text in ".{0,300}") {
        match text.parse::<Host>() {
            Ok(host) => prop_assert!(host.to_string().len() <= 300),
            Err(error) => prop_assert!(error.to_string().len() < 1_200),
        }
    }

    #[test]
    fn the_canonical_form_is_its_own_canonical_form(text in "[a-zA-Z0-9:.%_-]{1,40}") {
        if let Ok(host) = text.parse::<Host>() {
            prop_assert_eq!(host.to_string().parse::<Host>(), Ok(host));
        }
    }

    #[test]
    fn every_permitted_address_is_a_host(octets in any::<[u8; 16]>()) {
        let address = Ipv6Addr::from(octets);
        let parsed = address.to_string().parse::<Host>();
        prop_assert_eq!(parsed.is_ok(), forbidden(IpAddr::V6(address)).is_none());
    }
}
