//! The operations endpoint, for orchestrators and Prometheus: `/livez`, `/readyz`, `/metrics` over plain HTTP.
//!
//! Must not know: what readiness is made of.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use landmark_daemon::readiness::Readiness;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use crate::edge::Shortage;

/// A few probes and scrapers at once; whoever comes on top waits in the kernel's queue.
const MAX_CONNECTIONS: usize = 64;
/// A scrape takes milliseconds; who needs longer than this for a request holds a place for nothing.
const CONNECTION_LIMIT: Duration = Duration::from_secs(60);
const HEADER_LIMIT: Duration = Duration::from_secs(5);
/// No descriptor is left: see `edge`.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);
/// Histograms are folded this often, so that they do not grow when nobody scrapes.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(10);
/// For requests under way at a stop.
const DRAIN_LIMIT: Duration = Duration::from_secs(1);

/// What the endpoint shows.
#[derive(Clone, Debug)]
pub struct Ops {
    /// For `/readyz`.
    pub readiness: Readiness,
    /// For `/metrics`.
    pub metrics: PrometheusHandle,
}

/// Task: serves until `stop`.
pub async fn serve(listener: TcpListener, ops: Ops, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let tracker = TaskTracker::new();
    let router = router(ops);
    let mut shortage = Shortage::default();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        match accepted {
            Ok((stream, place)) => {
                let served = serve_connection(stream, router.clone(), stop.clone());
                tracker.spawn(async move {
                    served.await;
                    drop(place);
                });
            }
            Err(error) => {
                if shortage.is_new(Instant::now()) {
                    warn!(%error, "operations connections not accepted");
                }
                sleep(EXHAUSTED_PAUSE).await;
            }
        }
    }
    tracker.close();
    if timeout(DRAIN_LIMIT, tracker.wait()).await.is_err() {
        debug!(n_left = tracker.len(), "operations connections left behind");
    }
}

/// Task: keeps the memory of histograms bounded.
pub async fn keep_up(metrics: PrometheusHandle) -> Infallible {
    let mut ticks = interval(UPKEEP_INTERVAL);
    loop {
        ticks.tick().await;
        metrics.run_upkeep();
    }
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _address) = listener.accept().await?;
    Ok((stream, place))
}

async fn serve_connection(stream: TcpStream, router: Router, stop: CancellationToken) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_LIMIT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        biased;
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
        ended = timeout(CONNECTION_LIMIT, connection.as_mut()) => ended.unwrap_or(Ok(())),
    };
    if let Err(error) = ended {
        debug!(%error, "operations connection ended early");
    }
}

fn router(ops: Ops) -> Router {
    Router::new()
        .route("/livez", get(async || "live\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .fallback(async || (StatusCode::NOT_FOUND, "there are /livez, /readyz and /metrics\n"))
        .with_state(ops)
}

/// Every condition with its reason; 503 as long as one does not hold.
async fn readyz(State(ops): State<Ops>) -> (StatusCode, String) {
    let report = ops.readiness.report();
    let status = if report.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, report.to_string())
}

async fn metrics(State(ops): State<Ops>) -> Response {
    const TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, TEXT)], ops.metrics.render()).into_response()
}

#[cfg(test)]
mod tests;
