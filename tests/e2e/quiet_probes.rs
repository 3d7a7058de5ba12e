//! A plain TCP reference server receives not one byte.

use std::time::Duration;

use anyhow::{Result, ensure};
use landmark_tests::fleet::{Agent, Server, facts};
use landmark_tests::reference::recorder::{End, Recorder};
use landmark_tests::scratch::test;
use landmark_tests::wait::{LIMIT, wait_until};

#[tokio::test]
async fn a_reference_server_is_connected_to_and_receives_no_byte() -> Result<()> {
    test(async |scratch| {
        let recorder = Recorder::start().await?;
        let mut server = Server::started(scratch).await?;
        let ctl = server.ctl();
        let agent = Agent::started(scratch, "agent", &server).await?;
        ctl.add("127.0.0.1", recorder.port()).await?;
        ctl.ok(&["servers", "enable"]).await?;
        ctl.ok(&["location", "set", "--recheck-interval", "10s"]).await?;
        ctl.assign().await?;
        server.kill().await?;

        let by_recorder = |status: &_| facts::is_internal_by(status, "127.0.0.1", recorder.port());
        agent.wait_for(LIMIT, "it is internal by the recorder", by_recorder).await?;
        // One visit for the lost link, and at least one more to look again.
        wait_until("it has looked again", LIMIT + Duration::from_secs(10), async || {
            let visits = recorder.visits();
            let ended = visits.iter().filter(|visit| visit.end != End::Open).count();
            ensure!(ended >= 2, "{visits:?}");
            Ok(())
        })
        .await?;
        for visit in recorder.visits() {
            ensure!(visit.received.is_empty(), "it received something: {visit:?}");
        }
        Ok(())
    })
    .await
}
