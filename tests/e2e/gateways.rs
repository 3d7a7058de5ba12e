//! The list of gateways: edited, imported, exported, and the rules beside it.

use anyhow::{Result, ensure};
use landmark_tests::fleet::Server;
use landmark_tests::scratch::test;
use serde_json::json;

#[tokio::test]
async fn gateways_come_and_go_and_the_rules_are_assigned_with_them() -> Result<()> {
    test(async |scratch| {
        let server = Server::started(scratch).await?;
        let ctl = server.ctl();
        ctl.ok(&["gateways", "add", "10.20.0.1,00-11-22-AA-BB-01", "10.20.0.1,0011.22aa.bb02", "fe80::5"])
            .await?;
        ctl.ok(&["gateways", "remove", "10.20.0.1,00:11:22:aa:bb:02"]).await?;
        let unknown = ctl.run(&["gateways", "remove", "10.20.0.9"]).await?;
        unknown.failure()?.says(&["10.20.0.9 is not on the list"])?;
        ctl.run(&["gateways", "add", "127.0.0.1"]).await?.exited(64)?.says(&["loopback"])?;
        let rules = [
            "location",
            "set",
            "--criterion",
            "gateway",
            "--tunnels",
            "ignore",
            "--confirmations-to-internal",
            "2",
            "--confirmations-to-external",
            "3",
            "--minimum-dwell",
            "30s",
        ];
        ctl.ok(&rules).await?;
        let too_many = ctl.run(&["location", "set", "--confirmations-to-external", "11"]).await?;
        too_many.failure()?.says(&["--confirmations-to-external", "1 to 10"])?;

        let assigned = ctl.run(&["assign"]).await?.success()?;
        assigned.says(&["gateway_without_mac", "fe80::5"])?;
        let settings = ctl.ok(&["assignments", "show"]).await?["settings"].clone();
        let gateways = json!([
            { "address": "10.20.0.1", "mac": "00:11:22:aa:bb:01" },
            { "address": "fe80::5", "mac": null },
        ]);
        ensure!(settings["gateways"] == gateways, "{settings}");
        let location = &settings["location"];
        ensure!(location["criterion"] == "gateway" && location["tunnels"] == "ignore", "{settings}");
        ensure!(
            location["confirmations_to_external"] == 3 && location["minimum_dwell_seconds"] == 30,
            "{settings}"
        );

        let file = scratch.path().join("gateways.csv").display().to_string();
        ctl.run(&["gateways", "export", &file]).await?.success()?;
        ctl.ok(&["gateways", "remove", "10.20.0.1"]).await?;
        ctl.ok(&["gateways", "import", "--replace", &file]).await?;
        let draft = ctl.draft().await?;
        ensure!(draft["differs"] == json!(false), "{draft}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_file_with_bad_lines_names_them_all_and_changes_nothing() -> Result<()> {
    test(async |scratch| {
        let server = Server::started(scratch).await?;
        let ctl = server.ctl();
        ctl.ok(&["gateways", "add", "10.20.0.1"]).await?;
        let before = ctl.draft().await?;
        let text = "ip;mac\r\n10.21.0.1;001122aabbcc\r\n10.21.0.300\r\n10.22.0.1;00:11\r\n0.0.0.0\r\n10.21.0.1;00:11:22:AA:BB:CC\r\n";
        // As Excel saves "Unicode text".
        let utf16: Vec<u8> =
            std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        let file = scratch.write("gateways.csv", utf16)?.display().to_string();
        let refused = ctl.run(&["gateways", "import", &file]).await?.exited(65)?;
        refused.says(&["line 3", "line 4", "line 5", "0.0.0.0", "line 6", "line 2 already"])?;
        let after = ctl.draft().await?;
        ensure!(before == after, "before {before}, after {after}");
        Ok(())
    })
    .await
}
