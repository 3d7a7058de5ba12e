use serde_json::json;

use super::*;

fn running() -> Value {
    json!({
        "running": true,
        "at": "2026-11-23T15:00:00Z",
        "agent_id": "018f2c", "fleet_id": "77aa",
        "certificate_expires_at": "2026-12-23T15:00:00Z",
        "location": "internal",
        "basis": {"kind": "reference_server", "host": "files.example", "port": 443, "position": 2},
        "why": "reference server 2: files.example:443",
        "decided": {
            "evaluation": 4, "at": "2026-11-23T14:59:48Z", "triggers": ["link_lost", "recheck"],
            "decided_in_ms": 3.24, "is_provisional": true, "revision": 7,
        },
        "held_revision": 7, "held_digest": "9f86d081884c7d659a2feaa0c55ad015", "n_reference_servers": 3,
        "link": {
            "state": "lost", "since": "2026-11-23T14:59:48Z", "server": "landmark.example:7443",
            "reason": "connection lost: the connection ended", "needs_administrator": false,
            "next_dial_at": "2026-11-23T15:00:04Z",
        },
        "enforcement": {
            "state": "applied", "backend": "command", "location": "internal", "revision": 7,
            "since": "2026-11-23T12:30:00Z",
        },
        "outbox": {"n_records": 2, "n_dropped": 0, "n_not_on_disk": 0},
        "ledger_damage": [],
    })
}

#[test]
fn a_running_agent_is_told_in_a_few_lines() {
    insta::assert_snapshot!(render(&running()), @r#"
    Identity     018f2c of fleet 77aa
    Location     internal
                 because: reference server 2: files.example:443 (an earlier one may still answer)
                 decided 12 s ago in 3.2 ms; trigger: link lost, recheck
    Policy       internal: in force for 2 h (by command)
    Assignment   7 (9f86d081884c), 3 reference servers
    Link         lost for 12 s (landmark.example:7443)
                 connection lost: the connection ended
                 next try in 4 s
    History      2 changes of location not yet at the server
    Certificate  good until 2026-12-23T15:00:00Z
    "#);
}

#[test]
fn what_is_wrong_stands_out() {
    let mut status = running();
    status["link"]["needs_administrator"] = json!(true);
    status["link"]["reason"] = json!("this agent was removed from its fleet");
    status["link"]["next_dial_at"] = Value::Null;
    status["enforcement"]["state"] = json!("failed");
    status["enforcement"]["reason"] = json!("/sbin/x ended with exit status: 3: no rules");
    status["outbox"] = json!({"n_records": 1000, "n_dropped": 1, "n_not_on_disk": 2});
    status["ledger_damage"] = json!(["/x/ledger cannot be used: its header is damaged"]);
    status["certificate_expires_at"] = json!("2026-11-20T00:00:00Z");
    insta::assert_snapshot!(render(&status), @r#"
    Identity     018f2c of fleet 77aa
    Location     internal
                 because: reference server 2: files.example:443 (an earlier one may still answer)
                 decided 12 s ago in 3.2 ms; trigger: link lost, recheck
    Policy       internal: NOT in force for 2 h: /sbin/x ended with exit status: 3: no rules
    Assignment   7 (9f86d081884c), 3 reference servers
    Link         lost for 12 s (landmark.example:7443)
                 this agent was removed from its fleet
                 trying again will not help before an administrator acts
    History      1000 changes of location not yet at the server, 1 change lost
    Warning      the disk does not take the history: 2 changes in memory only
    Certificate  ended 2026-11-20T00:00:00Z
    Warning      at the start: /x/ledger cannot be used: its header is damaged
    "#);
}

#[test]
fn a_refused_assignment_and_a_disabled_list_are_told() {
    let mut status = running();
    status["list_enabled"] = json!(false);
    status["refused"] = json!({
        "revision": 8, "digest": "00", "code": "invalid", "at": "2026-11-23T14:55:00Z",
        "violations": [
            {"subject": "reference server 3 (127.0.0.1:9999)", "path": "reference_servers.servers[2].host",
             "message": "127.0.0.1 is this machine itself"},
            {"subject": null, "path": "", "message": "the whole is wrong"},
        ],
    });
    let told = render(&status);
    let told: Vec<&str> = told.lines().filter(|line| !line.starts_with("Identity")).skip(4).take(4).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    Assignment   7 (9f86d081884c), 3 reference servers (the list is disabled)
    Refused      assignment 8, 5 min ago: it breaks a rule
                 reference server 3 (127.0.0.1:9999): 127.0.0.1 is this machine itself
                 the whole is wrong
    "#);
}

#[test]
fn an_agent_that_does_not_run_is_told_by_its_disk() {
    let status = of_disk(None, None, &[], SystemTime::UNIX_EPOCH);
    insta::assert_snapshot!(render(&serde_json::to_value(status).unwrap()), @r#"
    Agent        not running; this is what its disk says
    Identity     none; make this machine an agent with: landmark-agent enroll JOIN_STRING
    Assignment   none is held
    "#);
}

#[test]
fn who_may_not_use_the_agent_of_the_machine_is_told_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let system = || folder.path().to_owned();
    let (own, other) = (Path::new("/home/x/landmark-agent"), Path::new("/tmp/try"));
    assert_eq!(elsewhere(own, own, system()), Some(system()));
    assert_eq!(elsewhere(other, own, system()), None);
    assert_eq!(elsewhere(&system(), &system(), system()), None);
    assert_eq!(elsewhere(own, own, folder.path().join("missing")), None);
    let mut status = serde_json::to_value(of_disk(None, None, &[], SystemTime::UNIX_EPOCH)).unwrap();
    status["agent_elsewhere"] = json!("/var/lib/landmark-agent");
    let told = render(&status);
    assert!(told.contains("lies in /var/lib/landmark-agent: ask as the user that it runs as"), "{told}");
    assert!(!told.contains("enroll"), "{told}");
}

#[test]
fn triggers_are_called_as_in_an_explanation() {
    use landmark_proto::explain::words;
    use landmark_proto::location::Trigger;
    for trigger in [
        Trigger::Start,
        Trigger::LinkLost,
        Trigger::LinkConnected,
        Trigger::Assignment,
        Trigger::Recheck,
        Trigger::ServerRequest,
        Trigger::LocalRequest,
        Trigger::NetworkChange,
        Trigger::ResolverChange,
        Trigger::Wake,
        Trigger::Confirmation,
    ] {
        assert_eq!(trigger_in_words(words::trigger(trigger)), trigger.to_string());
    }
}

#[test]
fn each_state_of_many_has_its_time() {
    assert!(render_at(&running()).starts_with("Time         2026-11-23T15:00:00Z\nIdentity "));
}

#[test]
fn ages_are_told_in_the_largest_unit_that_says_enough() {
    let told: Vec<String> =
        [-5, 0, 119, 120, 7_199, 7_200, 172_800].map(jiff::SignedDuration::from_secs).map(readable).to_vec();
    assert_eq!(told, ["0 s", "0 s", "119 s", "2 min", "119 min", "2 h", "2 days"]);
}

#[test]
fn what_has_just_happened_is_not_told_in_zero_seconds() {
    let mut status = running();
    let at = status["at"].clone();
    for time in [&at, &json!("2026-11-23T15:00:00.400Z")] {
        status["decided"]["at"] = time.clone();
        status["link"]["since"] = time.clone();
        status["enforcement"]["since"] = time.clone();
        status["link"]["next_dial_at"] = json!("2026-11-23T15:00:00.700Z");
        let told = render(&status);
        for expected in [
            "decided just now in 3.2 ms",
            "in force for less than a second",
            "lost for less than a second",
            "next try in a moment",
        ] {
            assert!(told.contains(expected), "{expected}: {told}");
        }
        assert!(!told.contains(" 0 s"), "{told}");
    }
}

#[test]
fn what_tempers_a_decision_is_told() {
    let mut status = running();
    status["held_back"] =
        json!({ "found": "external", "lacks": "found 2 of 3 times in a row that a change needs" });
    status["n_flips_last_hour"] = json!(4);
    status["rules"] = json!({
        "criterion": "connection-status", "server_connection_means_internal": true, "recheck_interval_s": 60.0,
        "required_successes": 2, "tunnels": "ignore", "confirmations_to_internal": 1,
        "confirmations_to_external": 3, "minimum_dwell_s": 30.0, "n_gateways": 0,
    });
    status["watched"] = json!({ "network": false, "neighbours": false, "resolver": true, "wake": true });
    let told = render(&status);
    let told: Vec<&str> = told.lines().skip(1).take(7).collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    Location     internal
                 because: reference server 2: files.example:443 (an earlier one may still answer)
                 decided 12 s ago in 3.2 ms; trigger: link lost, recheck
                 external was found: found 2 of 3 times in a row that a change needs
                 changed 4 times in the last hour
    Rules        2 reference servers must answer; what is beyond a tunnel does not count; external once found 3 times in a row; a location stands for 30 s at least
    Warning      not noticed at once on this machine: changes of the network (see the log)
    ");
}
