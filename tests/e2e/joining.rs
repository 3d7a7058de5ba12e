//! How a machine becomes an agent, and all the ways in which it must not.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use landmark_proto::join::JoinTicket;
use landmark_proto::pin::SpkiPin;
use landmark_tests::fleet::{Agent, Server};
use landmark_tests::scratch::test;
use landmark_tests::wait::wait_until;
use tokio::task::JoinSet;

#[tokio::test]
async fn a_join_string_makes_one_machine_an_agent() -> Result<()> {
    test(async |scratch| {
        let server = Server::started(scratch).await?;
        let ctl = server.ctl();
        let token = ctl.ok(&["tokens", "create"]).await?;
        let join_string = token["join_string"].as_str().context("no join string")?;
        let command = token["join_command"].as_str().context("no join command")?;
        ensure!(command == format!("landmark-agent enroll {join_string}"), "{command}");

        let mut first = Agent::new(scratch, "first")?;
        first.enroll(join_string).await?.success()?;
        first.start().await?;
        first.wait_until_online(&ctl).await?;

        // The token had one use.
        let second = Agent::new(scratch, "second")?;
        second.enroll(join_string).await?.failure()?.says(&["token"])?;
        ensure!(n_agents(&server).await? == 1);

        // A machine that is an agent already does not become another one by accident.
        let fresh = server.join_string().await?;
        first.enroll(&fresh).await?.failure()?;
        first.stop().await?;
        first.enroll(&fresh).await?.failure()?.says(&["already"])?;
        ensure!(n_agents(&server).await? == 1);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_token_lets_in_as_many_machines_as_it_says() -> Result<()> {
    test(async |scratch| {
        let server = Server::started(scratch).await?;
        let token = server.ctl().ok(&["tokens", "create", "--uses", "2"]).await?;
        let join_string = token["join_string"].as_str().context("no join string")?;
        for name in ["one", "two"] {
            Agent::new(scratch, name)?.enroll(join_string).await?.success()?;
        }
        Agent::new(scratch, "three")?.enroll(join_string).await?.failure()?.says(&["token"])?;
        ensure!(n_agents(&server).await? == 2);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn of_machines_that_race_for_one_token_one_wins() -> Result<()> {
    test(async |scratch| {
        let server = Server::started(scratch).await?;
        let join_string = server.join_string().await?;
        let mut racing = JoinSet::new();
        for n in 0..6 {
            let (machine, join_string) = (Agent::new(scratch, &format!("machine-{n}"))?, join_string.clone());
            racing.spawn(async move { machine.enroll(&join_string).await });
        }
        let mut n_won = 0;
        while let Some(ended) = racing.join_next().await {
            match ended?? {
                output if output.code == 0 => n_won += 1,
                output => output.failure()?.says(&["token"]).map(drop)?,
            }
        }
        ensure!(n_won == 1 && n_agents(&server).await? == 1, "{n_won} won");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_machine_that_is_killed_while_it_enrolls_becomes_one_agent_all_the_same() -> Result<()> {
    const N_KILLS: u64 = 12;
    test(async |scratch| {
        let server = Server::started(scratch).await?;
        let join_string = server.join_string().await?;
        let mut agent = Agent::new(scratch, "agent")?;
        let mut n_killed = 0;
        for n in 0..N_KILLS {
            // From the first instruction to the last file.
            let enrolling = agent.begin_to_enroll(&join_string)?;
            tokio::time::sleep(Duration::from_millis(n * 4)).await;
            n_killed += u64::from(enrolling.kill_or_ended().await?);
        }
        ensure!(n_killed > 0, "each of {N_KILLS} ended before it was killed");
        let last = agent.enroll(&join_string).await?;
        if last.code != 0 {
            // One of the killed had got through.
            last.failure()?.says(&["already"])?;
        }
        agent.start().await?;
        agent.wait_until_online(&server.ctl()).await?;
        ensure!(n_agents(&server).await? == 1);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_expired_token_lets_nobody_in() -> Result<()> {
    test(async |scratch| {
        let server = Server::started(scratch).await?;
        let ctl = server.ctl();
        // The shortest lifetime there is.
        let token = ctl.ok(&["tokens", "create", "--lifetime", "1m"]).await?;
        let join_string = token["join_string"].as_str().context("no join string")?;
        let limit = Duration::from_secs(90);
        wait_until("the token is not listed as usable any more", limit, async || {
            let usable = ctl.ok(&["tokens", "list"]).await?;
            ensure!(usable["tokens"].as_array().is_some_and(Vec::is_empty), "{usable}");
            Ok(())
        })
        .await?;
        Agent::new(scratch, "late")?.enroll(join_string).await?.failure()?.says(&["token"])?;
        ensure!(n_agents(&server).await? == 0);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_revoked_token_lets_nobody_in() -> Result<()> {
    test(async |scratch| {
        let server = Server::started(scratch).await?;
        let ctl = server.ctl();
        let token = ctl.ok(&["tokens", "create"]).await?;
        let join_string = token["join_string"].as_str().context("no join string")?;
        let token_id = token["token"]["token_id"].as_str().context("no token id")?;
        ctl.ok(&["tokens", "revoke", token_id]).await?;
        Agent::new(scratch, "late")?.enroll(join_string).await?.failure()?.says(&["token"])?;
        ensure!(n_agents(&server).await? == 0);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_join_string_that_was_cut_mistyped_or_forged_lets_nobody_in() -> Result<()> {
    test(async |scratch| {
        let server = Server::started(scratch).await?;
        let join_string = server.join_string().await?;
        let cut = join_string.get(..join_string.len() - 5).context("short")?;
        let ticket: JoinTicket = join_string.parse()?;
        let wrong_token =
            JoinTicket { token: format!("x{}", ticket.token), ..ticket.clone() }.to_join_string();

        let machine = Agent::new(scratch, "machine")?;
        machine.enroll(cut).await?.failure()?.says(&["damaged"])?;
        machine.enroll("hello").await?.failure()?.says(&["not a join string"])?;
        machine.enroll(&wrong_token).await?.failure()?.says(&["token"])?;
        ensure!(n_agents(&server).await? == 0);
        // Failed tries leave nothing behind that is in the way of a good one.
        machine.enroll(&join_string).await?.success()?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_server_with_another_authority_than_the_pinned_one_never_sees_the_token() -> Result<()> {
    test(async |scratch| {
        let server = Server::started(scratch).await?;
        let join_string = server.join_string().await?;
        let ticket: JoinTicket = join_string.parse()?;
        let wrong_pin = JoinTicket { authority_pin: SpkiPin::of(b"another key"), ..ticket }.to_join_string();

        let machine = Agent::new(scratch, "machine")?;
        machine.enroll(&wrong_pin).await?.failure()?.says(&["authority"])?;
        ensure!(n_agents(&server).await? == 0);
        // The token was not used up: it was not sent.
        machine.enroll(&join_string).await?.success()?;
        Ok(())
    })
    .await
}

async fn n_agents(server: &Server) -> Result<usize> {
    let list = server.ctl().ok(&["agents", "list"]).await?;
    Ok(list["agents"].as_array().with_context(|| format!("not a list: {list}"))?.len())
}
