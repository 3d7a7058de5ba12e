//! Reference servers that are recognised by their key: nobody else passes for them, whatever answers in their place.

use std::net::{IpAddr, SocketAddr, SocketAddrV4};

use anyhow::{Context as _, Result, ensure};
use landmark_proto::pin::SpkiPin;
use landmark_tests::lab::{HalfOpen, Site, server_address};
use landmark_tests::reference::nginx::{Identity, TlsServer, start_tls_at};
use landmark_tests::scratch::Scratch;
use serde_json::{Value, json};

use crate::world::{World, outcomes, test};

/// Of nginx.
const NUMBER: u8 = 11;

async fn intranet(scratch: &Scratch, world: &World) -> Result<Option<TlsServer>> {
    start_tls_at(scratch, world.lab.office().clone(), server_address(NUMBER).into(), "TLSv1.3").await
}

fn certificate(evidence: &Value) -> &Value {
    &evidence["attempts"][0]["certificate"]
}

#[tokio::test]
async fn an_intranet_that_shows_its_key_is_internal_and_what_it_showed_is_told() -> Result<()> {
    test(async |scratch, world| {
        let Some(web) = intranet(scratch, world).await? else { return Ok(()) };
        world.add_pinned(web.server.host(), web.server.port(), &[web.pin]).await?;
        world.assign(&[]).await?;
        world.lose_server().await?;
        let evidence = world.look().await?;
        ensure!(evidence["location"] == "internal" && outcomes(&evidence) == ["answered"], "{evidence}");
        let shown = json!({ "pin": web.pin.to_string(), "not_after": Identity::NOT_AFTER });
        ensure!(*certificate(&evidence) == shown, "{evidence}");
        let way_out = json!({ "name": "eth0", "kind": "veth", "is_tunnel": false });
        ensure!(evidence["attempts"][0]["interface"] == way_out, "{evidence}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_captive_portal_that_answers_for_the_intranet_is_told_as_a_possible_spoof() -> Result<()> {
    test(async |scratch, world| {
        let Some(web) = intranet(scratch, world).await? else { return Ok(()) };
        let (host, port) = (web.server.host(), web.server.port());
        // Portals play the usual port.
        world.lab.publish(SocketAddrV4::new(server_address(NUMBER), port), 443)?;
        world.add_pinned(host, 443, &[web.pin]).await?;
        world.assign(&[]).await?;
        world.lose_server().await?;
        let inside = world.look().await?;
        ensure!(inside["location"] == "internal", "{inside}");

        let before = world.n_evaluations().await?;
        world.laptop.plug(Site::Cafe)?;
        let was_seen = |evidence: &Value| outcomes(evidence) == ["pin_mismatch"];
        let outside = world.evidence_after(before, "another key was seen", was_seen).await?;
        ensure!(outside["location"] == "external", "{outside}");
        let pin = certificate(&outside)["pin"].as_str().context("no pin")?;
        ensure!(pin.parse::<SpkiPin>()? != web.pin, "{outside}");
        let why = outside["why"].as_str().unwrap_or_default();
        ensure!(why.contains("another key than the pinned one (a spoof?)"), "{why}");
        let explained = world.agent.run(&["explain", "--last", "64"]).await?.success()?;
        let told = ["wrong key (a spoof?)", pin];
        ensure!(told.iter().all(|part| explained.stdout.contains(part)), "{explained}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_key_that_was_pinned_beside_the_old_one_takes_its_place_unnoticed() -> Result<()> {
    test(async |scratch, world| {
        let Some(mut web) = intranet(scratch, world).await? else { return Ok(()) };
        let (host, old) = (web.server.host(), web.pin);
        let next = Identity::new(host)?;
        world.add_pinned(host, web.server.port(), &[old, next.pin]).await?;
        world.assign(&[]).await?;
        world.lose_server().await?;
        for pin in [old, next.pin] {
            let evidence = world.look().await?;
            ensure!(evidence["location"] == "internal", "{evidence}");
            ensure!(certificate(&evidence)["pin"] == json!(pin.to_string()), "{evidence}");
            web.become_known_as(&next).await?;
        }
        web.become_known_as(&Identity::new(host)?).await?;
        let evidence = world.look().await?;
        ensure!(evidence["location"] == "external" && outcomes(&evidence) == ["pin_mismatch"], "{evidence}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_process_that_hangs_does_not_answer_for_a_pinned_port() -> Result<()> {
    test(async |_, world| {
        let address = SocketAddr::from((server_address(42), 7000));
        let _hangs = HalfOpen::start(world.lab.office(), address)?;
        world.add_pinned(address.ip(), address.port(), &[SpkiPin::of(b"key")]).await?;
        world.assign(&[]).await?;
        world.lose_server().await?;
        let evidence = world.look().await?;
        ensure!(evidence["location"] == "external" && outcomes(&evidence) == ["timeout"], "{evidence}");
        let told = evidence["attempts"][0]["tls_error"].as_str().unwrap_or_default();
        ensure!(told.contains("no handshake in time"), "{evidence}");
        ensure!(certificate(&evidence).is_null(), "{evidence}");
        Ok(())
    })
    .await
}

impl World {
    /// Adds an entry that is recognised by one of these keys.
    async fn add_pinned(&self, host: IpAddr, port: u16, pins: &[SpkiPin]) -> Result<()> {
        let (host, port) = (host.to_string(), port.to_string());
        let pins: Vec<String> = pins.iter().map(SpkiPin::to_string).collect();
        let mut arguments = vec!["servers", "add", &host, &port];
        arguments.extend(pins.iter().flat_map(|pin| ["--pin", pin]));
        self.ctl.ok(&arguments).await.map(drop)
    }
}
