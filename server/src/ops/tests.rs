use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;

use super::*;

struct Served {
    address: std::net::SocketAddr,
    readiness: Readiness,
    stop: CancellationToken,
    task: JoinSet<()>,
}

async fn served() -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let readiness = Readiness::new();
    let ops = Ops { readiness: readiness.clone(), metrics: crate::metrics::install().unwrap() };
    let stop = CancellationToken::new();
    let mut task = JoinSet::new();
    task.spawn(serve(listener, ops, stop.clone()));
    Served { address, readiness, stop, task }
}

async fn ask(address: std::net::SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn readiness_is_refused_with_reasons_until_every_condition_holds() {
    let served = served().await;
    let store = served.readiness.declare("store");
    let answer = ask(served.address, "/readyz").await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.ends_with("store: not ready: starting\n"), "{answer}");
    store.ready();
    let answer = ask(served.address, "/readyz").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.ends_with("store: ready\n"), "{answer}");
}

#[tokio::test]
async fn it_lives_and_shows_its_metrics() {
    let served = served().await;
    assert!(ask(served.address, "/livez").await.ends_with("live\n"));
    let answer = ask(served.address, "/metrics").await;
    assert!(answer.contains("content-type: text/plain; version=0.0.4"), "{answer}");
    assert!(answer.contains("landmark_server_info{version="), "{answer}");
    assert!(ask(served.address, "/").await.starts_with("HTTP/1.1 404"));
}

#[tokio::test]
async fn a_peer_that_says_nothing_does_not_hold_up_the_stop() {
    let served = served().await;
    let _silent = TcpStream::connect(served.address).await.unwrap();
    ask(served.address, "/livez").await;
    served.stop.cancel();
    timeout(Duration::from_secs(5), served.task.join_all()).await.unwrap();
}
