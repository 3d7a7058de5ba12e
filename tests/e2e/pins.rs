//! Reference servers that are recognised by their key: seen, pinned, assigned, carried in files, rotated.

use std::process::Command;

use anyhow::{Result, ensure};
use landmark_tests::fleet::Server;
use landmark_tests::process;
use landmark_tests::reference::nginx::{self, TlsServer};
use landmark_tests::reference::silent::Silent;
use landmark_tests::scratch::{Scratch, test};
use serde_json::{Value, json};

fn place(web: &TlsServer) -> String {
    format!("{}:{}", web.server.host(), web.server.port())
}

fn entry(settings: &Value) -> &Value {
    &settings["reference_servers"]["servers"][0]
}

/// What openssl says of the key in a certificate, as hexadecimal digits.
async fn digest_by_openssl(scratch: &Scratch, web: &TlsServer) -> Result<String> {
    let mut command = Command::new("sh");
    let pipe = format!(
        "openssl x509 -in '{}' -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256",
        web.certificate.display()
    );
    command.arg("-c").arg(pipe);
    let output = process::run(command, scratch.journal()).await?.success()?;
    Ok(output.stdout.rsplit(' ').next().unwrap_or_default().trim().to_owned())
}

#[tokio::test]
async fn a_key_is_seen_pinned_assigned_and_carried_in_a_file() -> Result<()> {
    test(async |scratch| {
        let Some(web) = nginx::start_tls(scratch, "TLSv1.3").await? else { return Ok(()) };
        let server = Server::started(scratch).await?;
        let ctl = server.ctl();
        let pin = web.pin.to_string();

        let seen = ctl.ok(&["servers", "pin", &place(&web)]).await?;
        let certificate = &seen["certificates"][0];
        ensure!(certificate["pin"] == json!(pin), "{seen}");
        ensure!(certificate["tls"] == "TLS 1.3" && certificate["key"] == "ECDSA P-256", "{seen}");
        ensure!(certificate["names"] == json!([web.server.host().to_string(), "intranet.example"]), "{seen}");
        ensure!(certificate["days_left"].as_i64().is_some_and(|days| days > 0), "{seen}");
        ensure!(certificate["pin_hex"] == json!(digest_by_openssl(scratch, &web).await?), "{seen}");
        let draft = ctl.draft().await?;
        ensure!(entry(&draft["settings"]).is_null(), "looking saved something: {draft}");

        // Without a terminal nobody can be asked.
        ctl.run(&["servers", "pin", &place(&web), "--add"]).await?.exited(64)?.says(&["--yes"])?;
        let added = ctl.run(&["servers", "pin", &place(&web), "--add", "--yes"]).await?;
        added.success()?.says(&["confirm the pin on the server itself"])?;
        let draft = ctl.draft().await?;
        let expected = json!({
            "position": 1,
            "host": web.server.host().to_string(),
            "ports": [web.server.port()],
            "probe": "tls",
            "pins": [pin],
        });
        ensure!(*entry(&draft["settings"]) == expected, "{draft}");

        ctl.ok(&["servers", "enable"]).await?;
        ctl.assign().await?;
        let assigned = ctl.ok(&["assignments", "show"]).await?;
        ensure!(*entry(&assigned["settings"]) == expected, "{assigned}");

        let file = scratch.path().join("list.csv").display().to_string();
        ctl.run(&["servers", "export", &file]).await?.success()?;
        ctl.ok(&["servers", "remove", &web.server.host().to_string()]).await?;
        ctl.ok(&["servers", "import", &file]).await?;
        let imported = ctl.draft().await?;
        ensure!(imported["settings"] == assigned["settings"], "{imported}");
        ensure!(imported["differs"] == json!(false), "{imported}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_key_is_seen_by_tls_1_2_too() -> Result<()> {
    test(async |scratch| {
        let Some(web) = nginx::start_tls(scratch, "TLSv1.2").await? else { return Ok(()) };
        let server = Server::started(scratch).await?;
        let seen = server.ctl().ok(&["servers", "pin", &place(&web)]).await?;
        let certificate = &seen["certificates"][0];
        ensure!(
            certificate["tls"] == "TLS 1.2" && certificate["pin"] == json!(web.pin.to_string()),
            "{seen}"
        );
        Ok(())
    })
    .await
}

#[tokio::test]
async fn what_shows_no_key_is_told_by_what_it_does_and_nothing_is_saved() -> Result<()> {
    test(async |scratch| {
        let Some(mut plain) = nginx::start(scratch).await? else { return Ok(()) };
        let Some(web) = nginx::start_tls(scratch, "TLSv1.3").await? else { return Ok(()) };
        let server = Server::started(scratch).await?;
        let ctl = server.ctl();
        let of_plain = format!("{}:{}", plain.host(), plain.port());
        // One that works does not save the other.
        let both = ctl.run(&["servers", "pin", &place(&web), &of_plain, "--add", "--yes"]).await?;
        both.exited(69)?.says(&[&of_plain, "does not speak TLS"])?;
        plain.stop().await?;
        ctl.run(&["servers", "pin", &of_plain]).await?.exited(69)?.says(&["refused"])?;
        let silent = Silent::start().await?;
        let of_silent = format!("127.0.0.1:{}", silent.port()?);
        ctl.run(&["servers", "pin", &of_silent]).await?.exited(69)?.says(&["longer than 5 s"])?;
        ctl.run(&["servers", "pin", "no-such-host.invalid:443"]).await?.exited(69)?.says(&["no address"])?;
        let draft = ctl.draft().await?;
        ensure!(entry(&draft["settings"]).is_null(), "{draft}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_key_is_rotated_without_a_moment_without_one() -> Result<()> {
    test(async |scratch| {
        let server = Server::started(scratch).await?;
        let ctl = server.ctl();
        let [old, new] = [b"old", b"new"].map(|key| landmark_proto::pin::SpkiPin::of(key).to_string());
        ctl.ok(&["servers", "add", "10.1.1.5", "636", "--pin", &old]).await?;
        ctl.ok(&["servers", "enable"]).await?;
        ctl.assign().await?;

        ctl.ok(&["servers", "edit", "10.1.1.5", "--add-pin", &new]).await?;
        let diff = ctl.ok(&["draft", "diff"]).await?;
        let path = "reference_servers.servers[10.1.1.5].tls.pins";
        ensure!(
            diff["changes"] == json!([{ "kind": "added", "path": path, "before": null, "after": new }]),
            "{diff}"
        );
        ctl.assign().await?;
        ctl.ok(&["servers", "edit", "10.1.1.5", "--remove-pin", &old]).await?;
        let last = ctl.run(&["servers", "edit", "10.1.1.5", "--remove-pin", &new]).await?;
        last.exited(64)?.says(&["--no-pins"])?;
        let draft = ctl.draft().await?;
        ensure!(entry(&draft["settings"])["pins"] == json!([new]), "{draft}");
        ctl.ok(&["servers", "edit", "10.1.1.5", "--no-pins"]).await?;
        let draft = ctl.draft().await?;
        ensure!(entry(&draft["settings"])["probe"] == "tcp", "{draft}");
        Ok(())
    })
    .await
}
