//! Saved is not assigned; assigned reaches everyone; refused keeps the old.

use anyhow::{Context as _, Result, ensure};
use landmark_proto::wire;
use landmark_tests::scratch::test;
use prost::Message as _;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::fleet::{Agent, Server};

const SOMEWHERE: [&str; 2] = ["10.1.1.5:1433", "10.1.1.6:443"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_saved_reaches_nobody_and_what_is_assigned_reaches_all() -> Result<()> {
    test(async |scratch| {
        let server = Server::start_new(scratch).await?;
        let mut administrator = server.administrator().await?;
        let mut agents = Vec::new();
        for name in ["one", "two", "three"] {
            agents.push(Agent::start_new(scratch, name, &mut administrator).await?);
        }
        administrator.save(&[SOMEWHERE[0].parse()?]).await?;
        ensure!(administrator.assign().await? == 1);
        for agent in &agents {
            agent.wait_until_held(1).await?;
        }

        administrator.save(&[SOMEWHERE[1].parse()?]).await?;
        // A heartbeat's worth of traffic later they still hold the first: whatever was going to be pushed is behind it.
        let asked = administrator
            .admin
            .recheck_agents(wire::RecheckAgentsRequest { agents: vec![], all: true })
            .await?;
        ensure!(asked.into_inner().n_asked == 3);
        for agent in &agents {
            agent
                .wait_for(|decided| {
                    decided.triggers.contains(&landmark_proto::location::Trigger::ServerRequest)
                })
                .await?;
            ensure!(agent.held_revision()? == Some(1), "a draft reached an agent");
        }

        ensure!(administrator.assign().await? == 2);
        for agent in &agents {
            agent.wait_until_held(2).await?;
            let current = |agent: &wire::AgentDetail| {
                let agent = agent.agent.clone().unwrap_or_default();
                agent.assignment_state() == wire::AssignmentState::Current && agent.held_revision == 2
            };
            administrator.wait_for_agent(&agent.id, "the server knows it", current).await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_refuses_keeps_the_old_list_and_tells_why() -> Result<()> {
    test(async |scratch| {
        let server = Server::start_new(scratch).await?;
        let mut administrator = server.administrator().await?;
        let mut strict = Agent::enroll(scratch, "strict", &mut administrator).await?;
        strict.settings.retain(|(key, _)| key != "location.allow-loopback");
        strict.start().await?;
        administrator.save(&[SOMEWHERE[0].parse()?]).await?;
        administrator.assign().await?;
        strict.wait_until_held(1).await?;

        administrator.save(&[SOMEWHERE[0].parse()?, "127.0.0.1:8080".parse()?]).await?;
        administrator.assign().await?;
        let refused = |agent: &wire::AgentDetail| agent.rejection.is_some();
        let shown = administrator.wait_for_agent(&strict.id, "it was refused", refused).await?;
        let rejection = shown.rejection.context("no rejection")?;
        ensure!(rejection.code() == wire::RejectionCode::Invalid, "{rejection:?}");
        let violation = rejection.violations.first().context("no violation")?;
        ensure!(violation.path == "reference_servers.servers[1].host", "{violation:?}");
        ensure!(rejection.still_held.context("nothing held")?.revision == 1);
        ensure!(strict.held_revision()? == Some(1));
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_edits_on_one_draft_the_second_gets_the_present_draft() -> Result<()> {
    test(async |scratch| {
        let server = Server::start_new(scratch).await?;
        let (mut first, mut second) = (server.administrator().await?, server.administrator().await?);
        let etag = first.admin.get_draft(wire::GetDraftRequest {}).await?.into_inner().etag;
        let add = |host: &str| {
            let add = wire::edit::AddReferenceServer {
                host: host.into(),
                ports: vec![443],
                position: None,
                tls: None,
            };
            wire::edit::Kind::AddReferenceServer(add)
        };
        let saved = first.edit(&etag, add("first.example")).await?;
        let refused =
            second.edit(&etag, add("second.example")).await.err().context("a stale etag was taken")?;
        ensure!(refused.code() == Code::Aborted, "{refused:?}");
        let details = tonic_types::Status::decode(refused.details())?;
        let conflict = details.details.first().context("no detail")?;
        ensure!(conflict.type_url.ends_with("landmark.v1.DraftConflict"), "{conflict:?}");
        let conflict = wire::DraftConflict::decode(conflict.value.as_slice())?;
        ensure!(conflict.present.context("no draft")? == saved);

        // An etag of what is there goes through; a bad value names its field, and all of them at once.
        second.edit(&saved.etag, add("second.example")).await?;
        let bad = wire::edit::AddReferenceServer {
            host: "a b".into(),
            ports: vec![0, 70_000],
            position: None,
            tls: None,
        };
        let refused = second.edit("", wire::edit::Kind::AddReferenceServer(bad)).await;
        let refused = refused.err().context("bad values were taken")?;
        ensure!(refused.code() == Code::InvalidArgument, "{refused:?}");
        let violations = refused.get_details_bad_request().context("no violations")?.field_violations;
        let fields: Vec<&str> = violations.iter().map(|violation| violation.field.as_str()).collect();
        let edit = "edits[0].add_reference_server";
        ensure!(
            fields == [format!("{edit}.host"), format!("{edit}.ports[0]"), format!("{edit}.ports[1]")],
            "{fields:?}"
        );
        Ok(())
    })
    .await
}
