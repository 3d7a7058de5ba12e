//! A fleet as a company has one: most agents only stand in the database, some are connected, one is real.

use anyhow::{Context as _, Result};
use landmark_proto::wire::Location;
use landmark_tests::fleet::{Agent, Crowd, Server, simulated};
use landmark_tests::scratch::Scratch;

const N_STORED: u32 = 400;
const N_CONNECTED: u32 = 24;

pub(crate) struct Stage {
    pub(crate) server: Server,
    /// One that has seen something.
    pub(crate) agent_id: String,
    _crowd: Crowd,
    _agent: Agent,
}

/// Edits before the first assignment.
const FIRST: &[&[&str]] = &[
    &["servers", "add", "10.1.1.5", "1433"],
    &["servers", "add", "intranet.example.com", "443", "80"],
    &["servers", "add", "files.example.com", "21"],
    &["servers", "enable"],
];
/// Between the first and the second.
const SECOND: &[&[&str]] = &[
    &["firewall", "policies", "add", "Office", "--level", "medium", "--from-template"],
    &["firewall", "policies", "add", "Road", "--level", "high"],
    &[
        "firewall",
        "exceptions",
        "add",
        "Office",
        "Print",
        "--allow",
        "--out",
        "--protocol",
        "tcp",
        "--ports",
        "9100",
    ],
    &["firewall", "profiles", "add", "Inside", "--policy", "Office", "--location", "internal"],
    &["firewall", "profiles", "add", "Outside", "--policy", "Road", "--location", "external"],
];
/// Saved, and not assigned.
const DRAFT: &[&[&str]] =
    &[&["servers", "add", "mail.example.com", "25"], &["servers", "remove", "files.example.com"]];

impl Stage {
    pub(crate) async fn set(scratch: &Scratch) -> Result<Self> {
        let mut server = Server::started(scratch).await?;
        let ctl = server.ctl();
        edit(&server, FIRST).await?;
        ctl.ok(&["assign", "--note", "the first list"]).await?;
        server.stop().await?;
        simulated::fill(&server, N_STORED).await?;
        server.start().await?;
        let agent = Agent::started(scratch, "agent", &server).await?;
        let mut crowd = Crowd::join(&server, N_CONNECTED).await?;
        crowd.members().first().context("nobody joined")?.refuse();
        edit(&server, SECOND).await?;
        ctl.ok(&["assign", "--note", "the firewall, as agreed on Monday"]).await?;
        crowd.wait_for(2).await?;
        for member in crowd.members().iter_mut().skip(18) {
            member.report(Location::External).await?;
        }
        for member in crowd.members().iter_mut().skip(22) {
            member.disconnect();
        }
        ctl.ok(&["tokens", "create", "--description", "laptops of the sales team", "--uses", "40"]).await?;
        ctl.ok(&["tokens", "create", "--description", "servers in Lyon", "--lifetime", "7d"]).await?;
        edit(&server, DRAFT).await?;
        let agent_id = agent.id().await?;
        ctl.ok(&["agents", "recheck", &agent_id]).await?;
        Ok(Self { server, agent_id, _crowd: crowd, _agent: agent })
    }
}

async fn edit(server: &Server, edits: &[&[&str]]) -> Result<()> {
    for edit in edits {
        server.ctl().ok(edit).await?;
    }
    Ok(())
}
