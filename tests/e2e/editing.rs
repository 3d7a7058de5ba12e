//! What administrators do to the draft: bad values are refused by name, nothing that was saved is lost.

use std::time::Duration;

use anyhow::{Result, ensure};
use landmark_tests::fleet::{Server, facts};
use landmark_tests::process::Output;
use landmark_tests::scratch::test;
use serde_json::Value;
use tokio::task::JoinSet;

#[tokio::test]
async fn the_second_of_two_administrators_gets_the_conflict_and_nothing_is_lost() -> Result<()> {
    test(async |scratch| {
        let server = Server::started(scratch).await?;
        let ctl = server.ctl();
        let etag = ctl.draft().await?["etag"].as_str().unwrap_or_default().to_owned();

        ctl.ok(&["servers", "add", "first.example", "443", "--etag", &etag]).await?;
        let second = ctl.run(&["servers", "add", "second.example", "443", "--etag", &etag]).await?;
        second.failure()?.says(&["first.example"])?;
        ensure!(facts::hosts(&ctl.draft().await?["settings"]) == ["first.example"]);

        // With what is there now, the second goes through.
        let etag = ctl.draft().await?["etag"].as_str().unwrap_or_default().to_owned();
        ctl.ok(&["servers", "add", "second.example", "443", "--etag", &etag]).await?;
        ensure!(facts::hosts(&ctl.draft().await?["settings"]) == ["first.example", "second.example"]);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn administrators_who_add_at_the_same_time_lose_nothing() -> Result<()> {
    const EACH: usize = 5;
    test(async |scratch| {
        let server = Server::started(scratch).await?;
        let mut administrators = JoinSet::new();
        for name in ["mia", "noah", "zoe"] {
            let ctl = server.ctl();
            administrators.spawn(async move {
                let mut acknowledged = Vec::new();
                for n in 0..EACH {
                    let host = format!("{name}-{n}.example");
                    let output = ctl.run(&["servers", "add", &host, "443"]).await?;
                    // Refused for the sake of another's edit, in words: that is no loss.
                    if output.code == 0 {
                        acknowledged.push(host);
                    } else {
                        output.failure()?;
                    }
                }
                anyhow::Ok(acknowledged)
            });
        }
        let mut acknowledged: Vec<String> = Vec::new();
        while let Some(joined) = administrators.join_next().await {
            acknowledged.extend(joined??);
        }
        let mut saved = facts::hosts(&server.ctl().draft().await?["settings"]);
        saved.sort();
        acknowledged.sort();
        ensure!(saved == acknowledged, "saved {saved:?}, acknowledged {acknowledged:?}");
        ensure!(!saved.is_empty());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_33rd_reference_server_is_refused_until_the_limit_is_raised() -> Result<()> {
    test(async |scratch| {
        let list: String = (1..=33).map(|n| format!("10.1.1.{n},443\n")).collect();
        let too_long = scratch.write("33.csv", format!("host,port\n{list}"))?;
        let too_long = too_long.display().to_string();
        let mut server = Server::started(scratch).await?;
        let ctl = server.ctl();

        ctl.run(&["servers", "import", &too_long]).await?.failure()?.says(&["32"])?;
        ensure!(
            facts::hosts(&ctl.draft().await?["settings"]).is_empty(),
            "a refused import changed the draft"
        );
        for n in 1..=32 {
            ctl.add(&format!("10.1.1.{n}"), 443).await?;
        }
        ctl.run(&["servers", "add", "10.1.1.33", "443"]).await?.failure()?.says(&["32"])?;
        ensure!(facts::hosts(&ctl.draft().await?["settings"]).len() == 32);

        server.stop().await?;
        server.set("reference-servers.max", "33");
        server.start().await?;
        ctl.add("10.1.1.33", 443).await?;
        ensure!(facts::hosts(&ctl.draft().await?["settings"]).len() == 33);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_bad_value_is_refused_by_its_name_and_changes_nothing() -> Result<()> {
    test(async |scratch| {
        let server = Server::started(scratch).await?;
        let ctl = server.ctl();
        ctl.add("intranet.example", 443).await?;
        let before = ctl.draft().await?;

        let refused: [(&[&str], &[&str]); 9] = [
            (&["servers", "add", "a.example", "0"], &["port", "0", "1 to 65535"]),
            (&["servers", "add", "a.example", "70000"], &["port", "70000", "1 to 65535"]),
            (&["servers", "add", "a.example", "http"], &["port", "http"]),
            (&["servers", "add", "a.example", "1", "2", "3", "4", "5", "6", "7", "8", "9"], &["port", "8"]),
            (&["servers", "add", "a b", "443"], &["host"]),
            (&["servers", "add", "0.0.0.0", "443"], &["host", "0.0.0.0"]),
            (&["servers", "add", "224.0.0.1", "443"], &["host", "224.0.0.1"]),
            (&["servers", "add", "255.255.255.255", "443"], &["host", "255.255.255.255"]),
            (&["servers", "remove", "unknown.example"], &["unknown.example"]),
        ];
        for (arguments, said) in refused {
            ctl.run(arguments).await?.failure()?.says(said)?;
        }
        let after = ctl.draft().await?;
        ensure!(before == after, "before {before}, after {after}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn adding_a_host_again_adds_its_port() -> Result<()> {
    test(async |scratch| {
        let server = Server::started(scratch).await?;
        let ctl = server.ctl();
        ctl.add("intranet.example", 443).await?;
        ctl.add("other.example", 443).await?;
        ctl.add("INTRANET.example", 80).await?;
        let draft = ctl.draft().await?;
        ensure!(facts::hosts(&draft["settings"]) == ["intranet.example", "other.example"], "{draft}");
        let first = &draft["settings"]["reference_servers"]["servers"][0];
        ensure!(first["ports"] == serde_json::json!([443, 80]), "{first}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_file_that_lists_a_host_twice_or_a_bad_port_is_refused_by_line() -> Result<()> {
    test(async |scratch| {
        let server = Server::started(scratch).await?;
        let ctl = server.ctl();
        let import = async |name: &str, text: &str| -> Result<Output> {
            let file = scratch.write(name, text)?;
            ctl.run(&["servers", "import", &file.display().to_string()]).await
        };
        import("ports.csv", "host,port\na.example,443\nb.example,70000\nc.example,0\n")
            .await?
            .failure()?
            .says(&["70000", "line 3", "line 4"])?;
        import("same.csv", "host,port\na.example,443\na.example,443\n")
            .await?
            .failure()?
            .says(&["a.example", "443"])?;
        let draft: Value = ctl.draft().await?;
        ensure!(facts::hosts(&draft["settings"]).is_empty(), "{draft}");
        Ok(())
    })
    .await
}

/// Long enough that a hang shows, short enough for a test.
const BRIEFLY: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_server_that_is_not_there_is_said_to_be_so() -> Result<()> {
    test(async |scratch| {
        let mut server = Server::started(scratch).await?;
        let ctl = server.ctl();
        let address = server.listeners().administration.address().to_string();
        server.stop().await?;
        ctl.run_within(BRIEFLY, &["draft", "show"]).await?.exited(69)?.says(&[&address])?;
        Ok(())
    })
    .await
}
