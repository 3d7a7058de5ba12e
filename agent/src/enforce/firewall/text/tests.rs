//! What people read.

use landmark_proto::firewall::{Level, Mode, template};

use super::*;
use crate::enforce::firewall::ground::{Ground, Resolvers};
use crate::enforce::firewall::render::{base, render};
use crate::enforce::firewall::testing::policy_of;

#[test]
fn a_policy_of_the_default_template() {
    let policy = policy_of(Level::Medium, Mode::Enforce, template::exceptions().into_vec());
    let resolvers = ["192.0.2.53", "192.0.2.99", "2001:db8::53"].map(|text| text.parse().unwrap()).to_vec();
    let rendered = render(&policy, &Ground { resolvers: Resolvers::These(resolvers), ..Ground::default() });
    insta::assert_snapshot!(ruleset(&rendered.ruleset), @r#"
    table inet landmark {
        set ports-1 { type inet_service; flags interval; elements = { 137-139, 445 }; }
        set v4-1 { type ipv4_addr; flags interval; elements = { 192.0.2.53, 192.0.2.99 }; }
        chain input {
            type filter hook input priority filter; policy drop;
            ct mark 0x4c4d4358 drop comment "flows from before this policy, which it forbids"
            ct state established,related accept comment "replies and what belongs to them"
            meta iiftype loopback accept comment "loopback"
            meta nfproto ipv4 udp sport 67 udp dport 68 accept comment "DHCP"
            ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept comment "DHCPv6"
            meta nfproto ipv6 icmpv6 type 130-137 accept comment "neighbours and multicast listeners"
            meta nfproto ipv6 icmpv6 type 143 accept comment "neighbours and multicast listeners"
            meta nfproto ipv4 meta l4proto igmp accept comment "multicast groups"
            meta l4proto tcp goto input-tcp
            meta l4proto udp goto input-udp
            counter drop comment "security level medium"
        }
        chain input-tcp {
            tcp dport 53 counter accept comment "DNS"
            tcp dport @ports-1 counter accept comment "NetBIOS"
            tcp dport 443 counter accept comment "HTTPS"
            tcp dport 80 counter accept comment "HTTP"
            tcp dport 23 counter accept comment "Telnet"
            tcp dport 25 counter accept comment "SMTP"
            tcp dport 21 counter accept comment "FTP"
            tcp dport 110 counter accept comment "POP3"
            tcp dport 389 counter accept comment "LDAP"
            counter drop comment "security level medium"
        }
        chain input-udp {
            udp dport 53 counter accept comment "DNS"
            udp dport @ports-1 counter accept comment "NetBIOS"
            udp dport 389 counter accept comment "LDAP"
            counter drop comment "security level medium"
        }
        chain output {
            type filter hook output priority filter; policy accept;
            ct mark 0x4c4d4358 drop comment "flows from before this policy, which it forbids"
            ct state established,related accept comment "replies and what belongs to them"
            meta oiftype loopback accept comment "loopback"
            meta mark 0x4c4d0000 ct mark set meta mark accept comment "the agent's own"
            meta nfproto ipv4 udp sport 68 udp dport 67 accept comment "DHCP"
            ip6 saddr fe80::/10 udp sport 546 udp dport 547 accept comment "DHCPv6"
            meta nfproto ipv6 icmpv6 type 130-137 accept comment "neighbours and multicast listeners"
            meta nfproto ipv6 icmpv6 type 143 accept comment "neighbours and multicast listeners"
            meta nfproto ipv4 meta l4proto igmp accept comment "multicast groups"
            udp dport 53 ip daddr @v4-1 accept comment "this machine's name servers"
            udp dport 53 ip6 daddr 2001:db8::53 accept comment "this machine's name servers"
            tcp dport 53 ip daddr @v4-1 accept comment "this machine's name servers"
            tcp dport 53 ip6 daddr 2001:db8::53 accept comment "this machine's name servers"
            tcp dport 853 ip daddr @v4-1 accept comment "this machine's name servers"
            tcp dport 853 ip6 daddr 2001:db8::53 accept comment "this machine's name servers"
            meta l4proto tcp goto output-tcp
            meta l4proto udp goto output-udp
            counter accept comment "security level medium"
        }
        chain output-tcp {
            tcp dport 53 counter accept comment "DNS"
            tcp dport @ports-1 counter accept comment "NetBIOS"
            tcp dport 443 counter accept comment "HTTPS"
            tcp dport 80 counter accept comment "HTTP"
            tcp dport 23 counter accept comment "Telnet"
            tcp dport 25 counter accept comment "SMTP"
            tcp dport 21 counter accept comment "FTP"
            tcp dport 110 counter accept comment "POP3"
            tcp dport 389 counter accept comment "LDAP"
            counter accept comment "security level medium"
        }
        chain output-udp {
            udp dport 53 counter accept comment "DNS"
            udp dport @ports-1 counter accept comment "NetBIOS"
            udp dport 389 counter accept comment "LDAP"
            counter accept comment "security level medium"
        }
    }
    "#);
}

#[test]
fn what_stands_where_there_is_nothing_to_enforce() {
    insta::assert_snapshot!(ruleset(&base()), @r#"
    table inet landmark {
        chain input {
            type filter hook input priority filter; policy accept;
            ct state established,related accept comment "nothing to enforce; flows become known"
        }
        chain output {
            type filter hook output priority filter; policy accept;
            ct state established,related accept comment "nothing to enforce; flows become known"
            meta mark 0x4c4d0000 ct mark set meta mark accept comment "the agent's own"
        }
    }
    "#);
}

#[test]
fn every_test_and_action_has_its_words() {
    let v4 = |side, first: [u8; 4], last: [u8; 4]| Test::V4(side, first.into(), last.into());
    let any = States { established: true, related: true, new: true, invalid: true };
    let accept = Action::Verdict(Verdict::Accept);
    let told = |tests: Vec<Test>, action: &Action| {
        rule(&Rule { tests, is_counted: false, action: action.clone(), comment: String::new() })
    };
    for (tests, action, expected) in [
        (vec![], &Action::Jump("a".to_owned()), "jump a"),
        (vec![Test::State(any)], &accept, "ct state established,related,new,invalid accept"),
        (vec![Test::Loopback(Hook::Output)], &accept, "meta oiftype loopback accept"),
        (vec![Test::Protocol(132)], &accept, "meta l4proto 132 accept"),
        (vec![Test::Port(Side::Source, 1, 2)], &accept, "th sport 1-2 accept"),
        (
            vec![Test::Family(Family::V4), v4(Side::Source, [10, 0, 0, 0], [10, 255, 255, 255])],
            &accept,
            "ip saddr 10.0.0.0/8 accept",
        ),
        (
            vec![Test::Family(Family::V6), v4(Side::Destination, [10, 0, 0, 1], [10, 0, 0, 2])],
            &accept,
            "meta nfproto ipv6 ip daddr 10.0.0.1-10.0.0.2 accept",
        ),
        (vec![Test::Protocol(1), Test::IcmpType(8, 8)], &accept, "icmp type 8 accept"),
    ] {
        assert_eq!(told(tests, action), expected);
    }
    let rule =
        Rule {
            tests: Vec::new(), is_counted: true, action: accept, comment: "a \"b\" ä\u{202e}".to_owned()
        };
    assert_eq!(super::rule(&rule), r#"counter accept comment "a \"b\" ä\u{202e}""#);
}
