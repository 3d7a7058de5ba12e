use std::net::SocketAddr;
use std::path::Path;

use landmark_daemon::config::Layers;
use landmark_daemon::state_dir::StateDirError;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::*;
use crate::identity::AuthorityError;

fn config(state_dir: &Path) -> Config {
    let any = "127.0.0.1:0";
    let state_dir = state_dir.to_str().unwrap();
    let layers = Layers::new("LANDMARK_SERVER").overrides([
        ("state-dir", state_dir),
        ("listen.agents", any),
        ("listen.enrollment", any),
        ("listen.administration", any),
        ("listen.operations", any),
    ]);
    Config::read(layers).unwrap().0
}

async fn start(state_dir: &Path) -> anyhow::Result<Running> {
    let config = config(state_dir);
    App::start(&config, Listeners::bind(&config.listen)?).await
}

async fn stop(running: Running) {
    running.stop_handle().cancel();
    running.wait().await.unwrap();
}

async fn readyz(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_server_starts_from_nothing_is_ready_and_stops_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(folder.path()).await.unwrap();
    let mut report = running.readiness().subscribe();
    report.wait_for(|report| report.is_ready()).await.unwrap();
    let addresses = *running.addresses();
    assert!(readyz(addresses.operations).await.starts_with("HTTP/1.1 200"));
    let files = [
        "landmark.db",
        "authority.key",
        "authority.pem",
        "server.key",
        "server.pem",
        "admin-token",
        "first-sign-in",
    ];
    for file in files {
        assert!(folder.path().join(file).is_file(), "{file}");
    }
    let advertised: Vec<String> = running.advertised().enrollment.iter().map(ToString::to_string).collect();
    assert_eq!(advertised, [addresses.enrollment.to_string()]);

    let mut serving = JoinSet::new();
    let handle = running.stop_handle();
    serving.spawn(running.wait());
    handle.cancel();
    serving.join_next().await.unwrap().unwrap().unwrap();
    assert!(TcpStream::connect(addresses.administration).await.is_err());
}

#[tokio::test]
async fn a_restarted_server_is_the_same_fleet() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(folder.path()).await.unwrap();
    let (fleet_id, token) = (running.fleet_id(), std::fs::read(folder.path().join("admin-token")).unwrap());
    let authority = std::fs::read(folder.path().join("authority.pem")).unwrap();
    stop(running).await;
    let running = start(folder.path()).await.unwrap();
    assert_eq!(running.fleet_id(), fleet_id);
    assert_eq!(std::fs::read(folder.path().join("admin-token")).unwrap(), token);
    assert_eq!(std::fs::read(folder.path().join("authority.pem")).unwrap(), authority);
    stop(running).await;
}

#[tokio::test]
async fn a_state_folder_has_one_server() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(folder.path()).await.unwrap();
    let error = start(folder.path()).await.unwrap_err();
    assert!(matches!(error.downcast_ref(), Some(StateDirError::Held { .. })), "{error:#}");
    stop(running).await;
    stop(start(folder.path()).await.unwrap()).await;
}

#[tokio::test]
async fn a_lost_authority_is_an_error_and_never_a_new_fleet() {
    let folder = tempfile::tempdir().unwrap();
    stop(start(folder.path()).await.unwrap()).await;
    std::fs::remove_file(folder.path().join("authority.key")).unwrap();
    std::fs::remove_file(folder.path().join("authority.pem")).unwrap();
    let error = start(folder.path()).await.unwrap_err();
    assert!(matches!(error.downcast_ref(), Some(AuthorityError::Missing { .. })), "{error:#}");
}

#[tokio::test]
async fn a_reload_reads_the_certificate_again() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(folder.path()).await.unwrap();
    let certificate = folder.path().join("server.pem");
    std::fs::remove_file(&certificate).unwrap();
    running.reload();
    let limit = tokio::time::Instant::now() + Duration::from_secs(10);
    while !certificate.is_file() {
        assert!(tokio::time::Instant::now() < limit, "no new certificate after 10 s");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stop(running).await;
}
