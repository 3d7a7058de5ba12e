//! The small tasks of the wiring itself.

use std::time::{Duration, SystemTime};

use landmark_daemon::error::Chain;
use landmark_daemon::readiness::Condition;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::identity::TlsSettings;
use crate::store::Store;

/// Orchestrators ask every few seconds; the store is asked as often, whoever asks.
const PING_INTERVAL: Duration = Duration::from_secs(5);

/// Task: reads the server's certificate again whenever someone asks.
pub(super) async fn reload(tls: TlsSettings, mut reload_rx: watch::Receiver<()>, stop: CancellationToken) {
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            asked = reload_rx.changed() => if asked.is_err() {
                // Nobody can ask any more; that is no reason to end before the stop.
                stop.cancelled().await;
                return;
            },
        }
        let settings = tls.clone();
        match tokio::task::spawn_blocking(move || settings.reload(SystemTime::now())).await {
            Ok(Ok(())) => info!("server certificate reloaded"),
            Ok(Err(error)) => {
                warn!(error = %Chain(&error), "server certificate not reloaded, the present one stays");
            }
            Err(error) => warn!(%error, "server certificate not reloaded, the present one stays"),
        }
    }
}

/// Task: keeps the readiness of the store.
pub(super) async fn watch_store(store: Store, condition: Condition, stop: CancellationToken) {
    let mut ticks = interval(PING_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return condition.not_ready("stopping"),
            _ = ticks.tick() => {}
        }
        match store.ping().await {
            Ok(()) => condition.ready(),
            Err(error) => condition.not_ready(Chain(&error).to_string()),
        }
    }
}

/// Task: from here on connections are served; not any more once a stop was asked for.
pub(super) async fn serving(condition: Condition, stop: CancellationToken) {
    condition.ready();
    stop.cancelled().await;
    condition.not_ready("stopping");
}
