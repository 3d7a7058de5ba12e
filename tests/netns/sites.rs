//! A machine is carried from place to place, and knows where it is.

use std::net::SocketAddr;

use anyhow::{Result, ensure};
use landmark_tests::fleet::facts;
use landmark_tests::lab::{
    Fault, Listener, MANAGEMENT, Portal, Site, Traffic, VPN_ADDRESS, VPN_DEVICE, server_address,
    server_address_v6,
};
use landmark_tests::reference::{nginx, vsftpd};
use landmark_tests::wait::LIMIT;
use serde_json::{Value, json};

use crate::world::{CARRIED, SILENT_LOSS, test};

#[tokio::test]
async fn in_the_office_the_server_decides_and_then_the_first_reference_server_that_answers() -> Result<()> {
    test(async |scratch, world| {
        let office = world.lab.office().clone();
        let web = nginx::start_at(scratch, office.clone(), server_address(11).into()).await?;
        let files = vsftpd::start_at(scratch, office, server_address(12).into()).await?;
        let (Some(mut web), Some(files)) = (web, files) else { return Ok(()) };
        let (web_host, files_host) = (web.host().to_string(), files.host().to_string());
        world.assign(&[(&web_host, web.port()), (&files_host, files.port())]).await?;
        world.agent.wait_for(LIMIT, "it is internal by its server", facts::is_internal_by_server).await?;

        world.server.kill().await?;
        let by_web = |status: &Value| facts::is_internal_by(status, &web_host, web.port());
        world.agent.wait_for(LIMIT, "it is internal by nginx", by_web).await?;

        web.stop().await?;
        world.look().await?;
        let by_files = |status: &Value| facts::is_internal_by(status, &files_host, files.port());
        world.agent.wait_for(LIMIT, "it is internal by vsftpd", by_files).await?;

        world.server.start().await?;
        world
            .agent
            .wait_for(LIMIT, "it is internal by its server", facts::is_internal_by_server)
            .await
            .map(drop)
    })
    .await
}

#[tokio::test]
async fn carried_home_it_is_external_and_back_in_the_office_internal() -> Result<()> {
    test(async |_, world| {
        let _listeners = world.listeners(&[11, 12], 80)?;
        world.assign(&[("10.20.1.11", 80), ("10.20.1.12", 80)]).await?;
        world.laptop.plug(Site::Home)?;
        world.agent.wait_for(CARRIED, "it is external at home", facts::is_external).await?;
        world.laptop.plug(Site::Office)?;
        let by_server = facts::is_internal_by_server;
        world.agent.wait_for(CARRIED, "it is internal in the office", by_server).await.map(drop)
    })
    .await
}

/// Its network did not change, so that nothing but silence tells.
#[tokio::test]
async fn a_server_that_falls_silent_is_noticed_and_a_reference_server_decides() -> Result<()> {
    test(async |_, world| {
        let _listeners = world.listeners(&[11], 80)?;
        world.assign(&[("10.20.1.11", 80)]).await?;
        world.lab.faults().add(Traffic::to(server_address(MANAGEMENT)), Fault::BlackHole)?;
        let by_entry = |status: &Value| facts::is_internal_by(status, "10.20.1.11", 80);
        world.agent.wait_for(SILENT_LOSS, "it is internal by the entry", by_entry).await.map(drop)
    })
    .await
}

#[tokio::test]
async fn without_a_cable_it_is_external() -> Result<()> {
    test(async |_, world| {
        let _listeners = world.listeners(&[11], 80)?;
        world.assign(&[("10.20.1.11", 80)]).await?;
        world.laptop.unplug()?;
        world.agent.wait_for(CARRIED, "it is external", facts::is_external).await.map(drop)
    })
    .await
}

#[tokio::test]
async fn in_a_branch_with_ipv6_only_an_entry_with_an_ipv6_address_decides() -> Result<()> {
    test(async |_, world| {
        let address = SocketAddr::from((server_address_v6(21), 80));
        let _v6 = Listener::start(world.lab.office(), address)?;
        let _v4 = world.listeners(&[20], 80)?;
        let host = address.ip().to_string();
        world.assign(&[("10.20.1.20", 80), (&host, 80)]).await?;
        world.laptop.plug(Site::OfficeV6)?;
        let by_v6 = |status: &Value| facts::is_internal_by(status, &host, 80);
        world.agent.wait_for(CARRIED, "it is internal by IPv6", by_v6).await.map(drop)
    })
    .await
}

#[tokio::test]
async fn in_a_branch_with_ipv6_only_a_name_is_found_under_its_ipv6_address() -> Result<()> {
    test(async |_, world| {
        let name = world.lab.name("intranet", 21);
        let _v6 = Listener::start(world.lab.office(), SocketAddr::from((server_address_v6(21), 80)))?;
        world.assign(&[(&name, 80)]).await?;
        world.laptop.plug(Site::OfficeV6)?;
        let by_name = |status: &Value| facts::is_internal_by(status, &name, 80);
        world.agent.wait_for(CARRIED, "it is internal by the name", by_name).await.map(drop)
    })
    .await
}

/// What answers on port 80 of a company's address in a café is the café. Only a pin tells them apart; a port that no
/// portal plays is not fooled.
#[tokio::test]
async fn a_captive_portal_passes_for_an_entry_on_port_80_and_for_no_other() -> Result<()> {
    test(async |_, world| {
        let _listeners = world.listeners(&[11], 80)?;
        let _databases = world.listeners(&[12], 5432)?;
        world.assign(&[("10.20.1.12", 5432), ("10.20.1.11", 80)]).await?;
        world.laptop.plug(Site::Cafe)?;
        let fooled = |status: &Value| facts::is_internal_by(status, "10.20.1.11", 80);
        world.agent.wait_for(CARRIED, "it takes the portal for the intranet", fooled).await?;
        let evidence = world.look().await?;
        ensure!(evidence["attempts"][0]["outcome"] == "timeout", "{evidence}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_name_that_the_captive_portal_answers_for_is_shown_with_the_portals_address() -> Result<()> {
    test(async |_, world| {
        let name = world.lab.name("intranet", 11);
        let _listeners = world.listeners(&[11], 80)?;
        world.assign(&[(&name, 80)]).await?;
        world.laptop.plug(Site::Cafe)?;
        let fooled = |status: &Value| facts::is_internal_by(status, &name, 80);
        world.agent.wait_for(CARRIED, "it takes the portal for the intranet", fooled).await?;
        let evidence = world.look().await?;
        ensure!(evidence["attempts"][0]["address"] == json!(Portal::address().to_string()), "{evidence}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn at_home_with_the_vpn_up_the_company_is_reached_through_the_tunnel() -> Result<()> {
    test(async |_, world| {
        let _listeners = world.listeners(&[11], 80)?;
        world.assign(&[("10.20.1.11", 80)]).await?;
        world.lose_server().await?;
        world.laptop.plug(Site::Home)?;
        let outside = world.look().await?;
        ensure!(outside["location"] == "external", "{outside}");

        world.laptop.vpn(true)?;
        let inside = world.look().await?;
        ensure!(inside["location"] == "internal", "{inside}");
        let local = &inside["attempts"][0]["local_address"];
        ensure!(*local == json!(VPN_ADDRESS.to_string()), "{inside}");
        ensure!(inside["attempts"][0]["interface"] == tunnel(), "{inside}");

        world.laptop.vpn(false)?;
        let outside = world.look().await?;
        ensure!(outside["location"] == "external", "{outside}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn where_tunnels_are_ignored_the_vpn_makes_nobody_internal() -> Result<()> {
    test(async |_, world| {
        let _listeners = world.listeners(&[11], 80)?;
        world.ctl.ok(&["location", "set", "--tunnels", "ignore"]).await?;
        world.assign(&[("10.20.1.11", 80)]).await?;
        world.lose_server().await?;
        let inside = world.look().await?;
        ensure!(inside["location"] == "internal", "in the office there is no tunnel: {inside}");
        world.laptop.plug(Site::Home)?;
        world.laptop.vpn(true)?;
        let outside = world.look().await?;
        ensure!(outside["location"] == "external", "{outside}");
        let attempt = &outside["attempts"][0];
        ensure!(attempt["outcome"] == "answered" && attempt["interface"] == tunnel(), "{outside}");
        let why = outside["why"].as_str().unwrap_or_default();
        ensure!(why.contains("answered through a tunnel, which does not count"), "{why}");
        Ok(())
    })
    .await
}

/// The VPN, as evidence has it.
fn tunnel() -> Value {
    json!({ "name": VPN_DEVICE, "kind": "tun", "is_tunnel": true })
}

#[tokio::test]
async fn in_a_cafe_the_vpn_comes_up_once_the_guest_has_signed_in() -> Result<()> {
    test(async |_, world| {
        let _listeners = world.listeners(&[12], 5432)?;
        world.assign(&[("10.20.1.12", 5432)]).await?;
        world.lose_server().await?;
        world.laptop.plug(Site::Cafe)?;
        world.laptop.vpn(true)?;
        let outside = world.look().await?;
        ensure!(outside["location"] == "external", "{outside}");
        if let Some(guest) = world.laptop.address() {
            world.lab.portal().sign_in(guest)?;
        }
        let inside = world.look().await?;
        ensure!(inside["location"] == "internal", "{inside}");
        Ok(())
    })
    .await
}
