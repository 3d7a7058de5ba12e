//! What is doubtful in the draft is told before it is assigned, with a remedy that works, and nothing is refused for it.

use anyhow::{Context as _, Result, ensure};
use landmark_tests::fleet::{Ctl, Server};
use landmark_tests::scratch::test;
use serde_json::Value;

/// Codes and remedies.
async fn findings(ctl: &Ctl) -> Result<Vec<(String, String)>> {
    let answer = ctl.ok(&["servers", "lint"]).await?;
    let text = |finding: &Value, field: &str| finding[field].as_str().unwrap_or_default().to_owned();
    let findings = answer["findings"].as_array().with_context(|| format!("no findings in {answer}"))?;
    Ok(findings.iter().map(|finding| (text(finding, "code"), text(finding, "remedy"))).collect())
}

#[tokio::test]
async fn doubts_are_told_before_the_assignment_and_their_remedies_end_them() -> Result<()> {
    test(async |scratch| {
        let server = Server::started(scratch).await?;
        let ctl = server.ctl();
        ctl.add("10.1.1.5", 1433).await?;
        ctl.add("192.168.178.20", 5432).await?;
        ctl.add("10.1.1.6", 80).await?;
        ctl.add("no-such-host.invalid", 22).await?;
        ctl.ok(&["location", "set", "--required-successes", "4"]).await?;

        let found = findings(&ctl).await?;
        let codes: Vec<&str> = found.iter().map(|(code, _)| code.as_str()).collect();
        ensure!(
            codes[..4] == ["list_disabled", "no_spare_server", "home_range_address", "unpinned_web_port"],
            "{found:?}"
        );
        // Where no resolver answers, that is told instead.
        ensure!(["name_not_found", "names_unchecked"].contains(&codes[4]) && codes.len() == 5, "{found:?}");
        ctl.run(&["servers", "lint", "--strict"]).await?.exited(5)?;

        let assigned = ctl.run(&["assign"]).await?.success()?;
        ensure!(assigned.json()?["created"] == true, "{assigned}");
        assigned.says(&["warning", "list_disabled", "home_range_address", "landmarkctl servers enable"])?;

        // The remedies that need nothing from the administrator.
        for wanted in ["list_disabled", "no_spare_server"] {
            let found = findings(&ctl).await?;
            let (_, remedy) = found.iter().find(|(code, _)| code == wanted).context("it is gone")?;
            let words: Vec<&str> = remedy.split_whitespace().skip(1).collect();
            ctl.run(&words).await?.success()?;
            ensure!(findings(&ctl).await?.iter().all(|(code, _)| code != wanted), "{remedy} did not help");
        }
        for host in ["192.168.178.20", "10.1.1.6", "no-such-host.invalid"] {
            ctl.ok(&["servers", "remove", host]).await?;
        }
        ctl.add("10.1.1.7", 1433).await?;
        ctl.ok(&["location", "set", "--required-successes", "1"]).await?;
        ensure!(findings(&ctl).await?.is_empty());
        ctl.run(&["servers", "lint", "--strict"]).await?.success()?;
        let quiet = ctl.run(&["assign"]).await?.success()?;
        ensure!(quiet.stderr.trim().is_empty(), "{quiet}");
        Ok(())
    })
    .await
}
