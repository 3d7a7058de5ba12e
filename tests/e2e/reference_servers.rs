//! The stand-ins for a company's servers do what the other tests rely on.

use std::io::ErrorKind;

use anyhow::{Result, ensure};
use landmark_tests::reference::{ReferenceServer, nginx, postgresql, vsftpd};
use landmark_tests::scratch::test;
use tokio::net::TcpStream;

#[tokio::test]
async fn nginx_refuses_when_stopped_and_answers_again() -> Result<()> {
    test(async |scratch| match nginx::start(scratch).await? {
        Some(server) => comes_and_goes(server).await,
        None => Ok(()),
    })
    .await
}

#[tokio::test]
async fn vsftpd_refuses_when_stopped_and_answers_again() -> Result<()> {
    test(async |scratch| match vsftpd::start(scratch).await? {
        Some(server) => comes_and_goes(server).await,
        None => Ok(()),
    })
    .await
}

#[tokio::test]
async fn postgresql_refuses_when_stopped_and_answers_again() -> Result<()> {
    test(async |scratch| match postgresql::start(scratch).await? {
        Some(server) => comes_and_goes(server).await,
        None => Ok(()),
    })
    .await
}

async fn comes_and_goes(mut server: ReferenceServer) -> Result<()> {
    let address = (server.host(), server.port());
    for _ in 0..2 {
        TcpStream::connect(address).await?;
        server.stop().await?;
        let refused = TcpStream::connect(address).await;
        ensure!(refused.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused));
        server.start().await?;
    }
    TcpStream::connect(address).await.map(drop)?;
    Ok(())
}
