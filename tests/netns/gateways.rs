//! The criterion gateway: a machine is where its default gateway is, by address and, where that is named, by hardware.

use anyhow::{Result, ensure};
use landmark_tests::fleet::facts;
use landmark_tests::lab::{Laptop, Site};
use serde_json::{Value, json};

use crate::world::{NOTICED, World, is_triggered_by, test};

const OFFICE: &str = "10.20.0.1";
const HOME: &str = "192.168.1.1";
/// A router that is not there.
const OTHER_MAC: &str = "02:0f:f1:ce:00:99";

fn with_mac(address: &str, mac: &str) -> String {
    format!("{address},{mac}")
}

/// Lets these gateways decide, and nothing but what happens make the agent look.
async fn decide_by(world: &mut World, gateways: &[&str]) -> Result<()> {
    world.ctl.ok(&["location", "set", "--criterion", "gateway", "--recheck-interval", "1h"]).await?;
    world.ctl.ok(&[&["gateways", "add"], gateways].concat()).await?;
    world.ctl.assign().await.map(drop)
}

async fn is_internal(world: &World, gateway: &str) -> Result<()> {
    let fits = |status: &Value| facts::is_internal_by_gateway(status, gateway);
    world.agent.wait_for(NOTICED, &format!("it is internal by {gateway}"), fits).await.map(drop)
}

/// Waits until it is external, by a look at this gateway.
async fn is_external(world: &World, before: u64, gateway: &str) -> Result<Value> {
    let fits = |evidence: &Value| {
        evidence["location"] == "external"
            && evidence["basis"] == json!({ "kind": "no_gateway", "seen": gateway })
    };
    world.evidence_after(before, &format!("{gateway} makes it external"), fits).await
}

#[tokio::test]
async fn the_offices_gateway_is_internal_and_one_of_the_same_address_at_home_is_not() -> Result<()> {
    test(async |_, world| {
        let office = with_mac(OFFICE, Site::Office.plan().gateway_mac);
        // What many routers have, in a branch of the company.
        decide_by(world, &[&office, &with_mac(HOME, OTHER_MAC)]).await?;
        is_internal(world, OFFICE).await?;

        let before = world.n_evaluations().await?;
        world.laptop.plug(Site::Home)?;
        let outside = is_external(world, before, HOME).await?;
        ensure!(is_triggered_by(&outside, "network_change"), "{outside}");
        // The machine has not spoken to it before: the agent had to ask.
        ensure!(outside["default_routes"][0]["mac"] == Site::Home.plan().gateway_mac, "{outside}");
        let why = outside["why"].as_str().unwrap_or_default();
        ensure!(why.contains("with another hardware address"), "{why}");

        world.laptop.plug(Site::Office)?;
        is_internal(world, OFFICE).await
    })
    .await
}

#[tokio::test]
async fn a_gateway_that_has_but_a_link_local_address_is_recognised() -> Result<()> {
    test(async |_, world| {
        // Of the hardware address, by EUI-64 (RFC 4291, appendix A).
        let router = "fe80::f:f1ff:fece:6";
        decide_by(world, &[&with_mac(router, Site::OfficeV6.plan().gateway_mac)]).await?;
        world.laptop.plug(Site::OfficeV6)?;
        world.laptop.namespace().ip(&format!("route replace default via {router} dev eth0"))?;
        is_internal(world, router).await?;
        let evidence = world.look().await?;
        let route = &evidence["default_routes"][0];
        ensure!(route["gateway"] == router && route["is_ipv6"] == true, "{evidence}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn of_two_default_routes_the_one_that_is_used_counts() -> Result<()> {
    test(async |_, world| {
        decide_by(world, &[OFFICE]).await?;
        is_internal(world, OFFICE).await?;
        let before = world.n_evaluations().await?;
        let machine = |commands: &str| world.laptop.namespace().ip(commands);
        // A second network: a neighbour of the office that shares its internet.
        let other = "10.20.0.2";
        machine(&format!(
            "route replace default via {OFFICE} dev eth0 metric 200\n\
             route add default via {other} dev eth0 metric 100\n\
             route del default via {OFFICE} dev eth0 metric 0"
        ))?;
        let outside = is_external(world, before, other).await?;
        let metrics: Vec<&Value> = outside["default_routes"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|route| &route["metric"])
            .collect();
        ensure!(metrics.first() == Some(&&json!(100)), "{outside}");
        machine(&format!("route add default via {other} dev eth0 metric 300\nroute del default metric 100"))?;
        is_internal(world, OFFICE).await
    })
    .await
}

#[tokio::test]
async fn a_gateway_that_changes_its_hardware_is_noticed() -> Result<()> {
    test(async |_, world| {
        let mac = Site::Office.plan().gateway_mac;
        decide_by(world, &[&with_mac(OFFICE, mac)]).await?;
        is_internal(world, OFFICE).await?;
        let router = world.lab.router(Site::Office).clone();
        // As a router that takes over does: it tells the neighbours. They believe it, however often they are told.
        router.set("net/ipv4/conf/lan/arp_notify", "1")?;
        world.laptop.namespace().set("net/ipv4/neigh/eth0/locktime", "0")?;
        let taken_over = |_: &mut Laptop| router.ip(&format!("link set lan address {OTHER_MAC}"));
        let outside = world.noticed("network_change", "external", taken_over).await?;
        ensure!(outside["default_routes"][0]["mac"] == OTHER_MAC, "{outside}");
        let given_back = |_: &mut Laptop| router.ip(&format!("link set lan address {mac}"));
        world.noticed("network_change", "internal", given_back).await.map(drop)
    })
    .await
}

/// The neighbour table is a cache, of which nothing is left after a while without traffic.
#[tokio::test]
async fn a_gateway_that_the_kernel_has_forgotten_is_asked_for_its_hardware() -> Result<()> {
    test(async |_, world| {
        let mac = Site::Office.plan().gateway_mac;
        decide_by(world, &[&with_mac(OFFICE, mac)]).await?;
        is_internal(world, OFFICE).await?;
        // Its attempts to reach the management server, dead or not, would make the kernel ask: they find no way.
        world.server.kill().await?;
        world.laptop.namespace().ip("route add blackhole 10.20.1.0/24")?;
        world.laptop.namespace().ip("neigh flush all")?;
        let evidence = world.look().await?;
        ensure!(
            evidence["location"] == "internal" && evidence["default_routes"][0]["mac"] == mac,
            "{evidence}"
        );
        Ok(())
    })
    .await
}
