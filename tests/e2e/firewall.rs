//! The firewall of a fleet: edited, looked at, assigned, held by agents; what is refused is refused whole, and by its name.

use anyhow::{Result, ensure};
use landmark_tests::fleet::{Agent, Server, facts};
use landmark_tests::scratch::test;
use landmark_tests::wait::LIMIT;
use serde_json::{Value, json};

/// A policy for outside, and a profile that gives it to laptops that are there.
const OUTSIDE: [&[&str]; 4] = [
    &["firewall", "policies", "add", "Road", "--level", "high"],
    &[
        "firewall",
        "exceptions",
        "add",
        "Road",
        "Web",
        "--allow",
        "--out",
        "--protocol",
        "tcp",
        "--ports",
        "443,80",
    ],
    &[
        "firewall",
        "exceptions",
        "add",
        "Road",
        "Not the printers",
        "--block",
        "--remote",
        "10.9.0.0/16",
        "--first",
    ],
    &[
        "firewall",
        "profiles",
        "add",
        "Outside",
        "--policy",
        "Road",
        "--location",
        "external",
        "--label",
        "kind=laptop",
    ],
];

fn enforcement(status: &Value, wanted: (&str, &str, &str)) -> bool {
    let enforcement = &status["enforcement"];
    let (location, profile, policy) = wanted;
    enforcement["location"] == location
        && enforcement["profile"] == profile
        && enforcement["policy"] == policy
}

#[tokio::test]
async fn a_machine_gets_the_first_profile_that_matches_as_its_location_changes() -> Result<()> {
    test(async |scratch| {
        let mut server = Server::started(scratch).await?;
        let ctl = server.ctl();
        let mut agent = Agent::new(scratch, "laptop-7")?;
        agent.set("machine.name", "LAPTOP-7");
        agent.set("machine.labels", "kind=laptop,site=berlin");
        agent.join(&server).await?;
        for line in OUTSIDE {
            ctl.ok(line).await?;
        }
        let untouched = agent.status().await?;
        ensure!(untouched["enforcement"]["state"] == "nothing", "a draft reached an agent: {untouched}");

        let which = ["firewall", "which", "--agent", "LAPTOP-7", "--location"];
        let outside = ctl.ok(&[&which[..], &["external"]].concat()).await?;
        ensure!(outside["profile"]["name"] == "Outside" && outside["host_name"] == "LAPTOP-7", "{outside}");
        let inside = ctl.ok(&[&which[..], &["internal"]].concat()).await?;
        ensure!(inside["profile"]["name"] == "All agents", "{inside}");
        let reasons = json!([{
            "name": "Outside",
            "reasons": ["it is for external machines, and this one is internal"],
        }]);
        ensure!(inside["skipped"] == reasons, "{inside}");

        ctl.assign().await?;
        let wanted = ("internal", "All agents", "All access");
        agent.wait_for(LIMIT, "its profile is that of inside", |status| enforcement(status, wanted)).await?;
        let shown = ctl.ok(&["agents", "show", "LAPTOP-7"]).await?;
        ensure!(shown["enforcement"]["profile"] == "All agents", "{shown}");
        ensure!(shown["facts"]["labels"] == json!(["kind=laptop", "site=berlin"]), "{shown}");
        ensure!(shown["facts"]["platform"] == "linux", "{shown}");

        server.kill().await?;
        let wanted = ("external", "Outside", "Road");
        agent.wait_for(LIMIT, "its profile is that of outside", |status| enforcement(status, wanted)).await?;
        // From its disk, before any server is there.
        agent.kill().await?;
        agent.start().await?;
        agent
            .wait_for(LIMIT, "its profile is still that of outside", |status| enforcement(status, wanted))
            .await
            .map(drop)
    })
    .await
}

#[tokio::test]
async fn what_does_not_fit_together_is_refused_by_its_name_and_changes_nothing() -> Result<()> {
    test(async |scratch| {
        let server = Server::started(scratch).await?;
        let ctl = server.ctl();
        for line in OUTSIDE {
            ctl.ok(line).await?;
        }
        let before = ctl.draft().await?;
        for (line, says) in [
            (&["firewall", "policies", "add", "Road", "--level", "low"][..], &["Road"][..]),
            (&["firewall", "policies", "remove", "Road"], &["Outside"]),
            (&["firewall", "exceptions", "add", "Road", "Web", "--allow"], &["Web"]),
            (&["firewall", "exceptions", "remove", "Road", "Web", "Mail"], &["Mail"]),
            (&["firewall", "exceptions", "move", "Road", "Web", "--to", "3"], &["3", "2"]),
            (&["firewall", "profiles", "add", "Home", "--policy", "Sofa"], &["--policy", "Sofa"]),
            (&["firewall", "profiles", "edit", "Nobody", "--policy", "Road"], &["Nobody"]),
            (&["firewall", "template", "add", "DNS", "--allow"], &["DNS"]),
        ] {
            ctl.run(line).await?.failure()?.says(says)?;
        }
        for (line, says) in [
            (&["firewall", "policies", "add", "X", "--level", "higher"][..], &["low", "medium", "high"][..]),
            (
                &["firewall", "exceptions", "add", "Road", "X", "--allow", "--ports", "70000"],
                &["70000", "65535"],
            ),
            (
                &["firewall", "exceptions", "add", "Road", "X", "--allow", "--remote", "10.0.0.1/8"],
                &["10.0.0.0/8"],
            ),
            (
                &[
                    "firewall",
                    "exceptions",
                    "add",
                    "Road",
                    "X",
                    "--block",
                    "--protocol",
                    "icmp",
                    "--ports",
                    "8",
                ],
                &["--ports", "icmp"],
            ),
            (&["firewall", "profiles", "add", "X", "--policy", "Road", "--label", "berlin"], &["KEY=VALUE"]),
            (&["firewall", "profiles", "add", "X", "--policy", "Road", "--host-name", "a b"], &["a b"]),
        ] {
            ctl.run(line).await?.exited(64)?.says(says)?;
        }
        let after = ctl.draft().await?;
        ensure!(before == after, "before {before}, after {after}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_thousand_exceptions_travel_and_what_is_too_large_is_refused_whole() -> Result<()> {
    test(async |scratch| {
        let server = Server::started(scratch).await?;
        let ctl = server.ctl();
        let agent = Agent::started(scratch, "agent", &server).await?;
        let shown = ctl.ok(&["firewall", "show"]).await?;
        let exception = |n: usize, remotes: &[String]| {
            json!({
                "name": format!("exception {n}"),
                "action": "allow",
                "direction": "inbound",
                "protocol": "tcp",
                "ports": [(1000 + n).to_string()],
                "remotes": remotes,
            })
        };
        let with = |exceptions: Vec<Value>| {
            let large =
                json!({ "name": "Large", "level": "medium", "mode": "enforce", "exceptions": exceptions });
            let profile = json!({ "name": "All", "enabled": true, "policy": "Large" });
            json!({ "policies": [large], "profiles": [profile], "template": shown["template"] })
        };
        let file = scratch.path().join("firewall.json").display().to_string();
        let import = async |document: Value| {
            scratch.write("firewall.json", document.to_string().into_bytes())?;
            ctl.run(&["firewall", "import", &file]).await
        };
        let small: Vec<Value> = (0..1000).map(|n| exception(n, &["10.0.0.0/8".to_owned()])).collect();
        import(with(small)).await?.success()?;
        let revision = ctl.assign().await?;
        let holds = |status: &Value| {
            facts::held_revision(status) == Some(revision) && status["enforcement"]["revision"] == revision
        };
        let status = agent.wait_for(LIMIT, "it holds and enforces the large policy", holds).await?;
        ensure!(status["enforcement"]["policy"] == "Large", "{status}");

        let before = ctl.draft().await?;
        let remotes: Vec<String> = (0..20).map(|n| format!("10.100.{n}.0/24")).collect();
        let large: Vec<Value> = (0..1000).map(|n| exception(n, &remotes)).collect();
        import(with(large)).await?.failure()?.says(&["agents take at most 261120"])?;
        let many: Vec<Value> = (0..1001).map(|n| exception(n, &[])).collect();
        import(with(many))
            .await?
            .failure()?
            .says(&["1001 exceptions are too many (at most 1000 a policy)"])?;
        let after = ctl.draft().await?;
        ensure!(before == after, "the draft has changed");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_firewall_that_was_exported_is_the_same_when_it_comes_back() -> Result<()> {
    test(async |scratch| {
        let server = Server::started(scratch).await?;
        let ctl = server.ctl();
        for line in OUTSIDE {
            ctl.ok(line).await?;
        }
        let before = ctl.ok(&["firewall", "show"]).await?;
        for name in ["firewall.json", "firewall.toml"] {
            let file = scratch.path().join(name).display().to_string();
            ctl.run(&["firewall", "export", &file]).await?.success()?;
            ctl.ok(&["firewall", "profiles", "remove", "Outside"]).await?;
            ctl.ok(&["firewall", "policies", "edit", "Road", "--level", "low"]).await?;
            ctl.ok(&["firewall", "template", "remove", "DNS"]).await?;
            ctl.run(&["firewall", "import", &file]).await?.success()?;
            let after = ctl.ok(&["firewall", "show"]).await?;
            for part in ["policies", "profiles", "template"] {
                ensure!(before[part] == after[part], "{name}: before {before}, after {after}");
            }
        }
        Ok(())
    })
    .await
}
