use super::*;
use crate::view::firewall::Action;

fn name(text: &str) -> ItemName {
    text.parse().unwrap()
}

fn wish(ports: Option<&str>, protocol: Option<Protocol>, remotes: &[&str]) -> Wish {
    Wish {
        allow: true,
        ports: ports.map(|ports| ports.parse().unwrap()),
        protocol,
        remotes: remotes.iter().map(|remote| remote.parse().unwrap()).collect(),
        ..Wish::default()
    }
}

fn told(exception: &Exception) -> String {
    match exception.to_model(&Path::root()) {
        Ok(exception) => exception.to_string(),
        Err(broken) => broken.to_string(),
    }
}

#[test]
fn a_new_exception_is_for_everything_that_is_not_said() {
    let new = |wish: &Wish| told(&new(&name("x"), wish).unwrap());
    assert_eq!(new(&wish(None, None, &[])), "allow in and out all");
    assert_eq!(new(&wish(Some("8000-8099,80"), None, &[])), "allow in and out tcp+udp 80,8000-8099");
    assert_eq!(new(&wish(Some("all"), None, &["all"])), "allow in and out all");
    let block = Wish { allow: false, block: true, inbound: true, ..Wish::default() };
    assert_eq!(new(&block), "block inbound all");
    let some = wish(None, Some(Protocol::Udp), &["10.0.0.0/8,dns.example", "2001:db8::1"]);
    assert_eq!(new(&some), "allow in and out udp with 10.0.0.0/8,dns.example,2001:db8::1");
}

#[test]
fn everyone_and_somebody_contradict_each_other() {
    let refused = new(&name("x"), &wish(None, None, &["all", "10.0.0.1"])).unwrap_err();
    assert_eq!(refused.exit(), Exit::Usage);
}

#[test]
fn ports_without_a_protocol_that_has_them_are_told_at_their_option() {
    let new = new(&name("Ping"), &wish(Some("80"), Some(Protocol::Icmp), &[])).unwrap();
    let path = Path::root().field("edits").index(0).field("add_firewall_exception");
    let origins = origins(&path, &Owner::Policy(name("Travel")), &name("Ping"), &new);
    let broken = new.to_model(&path.field("exception")).unwrap_err();
    insta::assert_snapshot!(unusable("add this exception", &broken, &origins), @r"
    landmarkctl: cannot add this exception
      --ports: icmp has no ports; leave them out, or choose tcp, udp or tcp+udp
    ");
}

fn ssh() -> Exception {
    Exception {
        name: "SSH".into(),
        action: Some(Action::Allow),
        direction: Some(Direction::Inbound),
        protocol: Some(Protocol::Tcp),
        ports: vec!["22".into()],
        remotes: vec!["10.0.0.0/8".into()],
    }
}

#[test]
fn what_is_not_given_stays() {
    let edited = |wish: &Wish| told(&changed(&ssh(), None, wish).unwrap());
    assert_eq!(edited(&Wish::default()), "allow inbound tcp 22 from 10.0.0.0/8");
    let block = Wish { block: true, outbound: true, ..Wish::default() };
    assert_eq!(edited(&block), "block outbound tcp 22 to 10.0.0.0/8");
    let wider =
        Wish { ports: "22,2222".parse().ok(), remotes: vec!["all".parse().unwrap()], ..Wish::default() };
    assert_eq!(edited(&wider), "allow inbound tcp 22,2222");
    assert_eq!(changed(&ssh(), Some(&name("Shell")), &Wish::default()).unwrap().name, "Shell");
}

#[test]
fn ports_are_only_given_up_on_purpose() {
    let icmp = Wish { protocol: Some(Protocol::Icmp), ..Wish::default() };
    insta::assert_snapshot!(changed(&ssh(), None, &icmp).unwrap_err(), @r#"
    landmarkctl: icmp has no ports, and "SSH" is for the ports 22
    hint: add --ports all to give them up
    "#);
    let both = Wish { ports: Some(PortSet::default()), ..icmp };
    assert_eq!(told(&changed(&ssh(), None, &both).unwrap()), "allow inbound icmp from 10.0.0.0/8");
    let ping = Exception { protocol: Some(Protocol::Icmp), ports: vec![], ..ssh() };
    insta::assert_snapshot!(changed(&ping, None, &wish(Some("7"), None, &[])).unwrap_err(), @r#"
    landmarkctl: "SSH" is for icmp, which has no ports
    hint: add --protocol tcp, udp or tcp+udp
    "#);
}

#[test]
fn a_word_of_a_newer_server_is_not_sent_back() {
    let strange = Exception { protocol: None, ..ssh() };
    let edited = changed(&strange, None, &Wish { block: true, ..Wish::default() }).unwrap();
    assert!(edited.to_model(&Path::root()).is_err());
}

#[test]
fn an_exception_that_is_not_there_is_looked_for_in_its_list() {
    let travel = Owner::Policy(name("On the way"));
    insta::assert_snapshot!(no_exception(&travel, &name("DNS"), &[ssh()]), @r#"
    landmarkctl: there is no exception "DNS" in the policy "On the way"
    hint: landmarkctl firewall exceptions list 'On the way'
    "#);
    insta::assert_snapshot!(no_exception(&Owner::Template, &name("ssh"), &[ssh()]), @r#"
    landmarkctl: there is no exception "ssh" in the template
    hint: did you mean SSH? Case matters
    "#);
}
