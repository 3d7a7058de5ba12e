//! Supervision as an operator sees it: which task is named, with which reason, and when.

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::time::{Instant, sleep};

use super::*;

const GRACE: Duration = Duration::from_secs(10);

fn text(result: Result<(), TasksError>) -> String {
    Chain(&result.unwrap_err()).to_string()
}

/// Waits for the stop and then takes its time.
async fn stops_after(stop: CancellationToken, delay: Duration) {
    stop.cancelled().await;
    sleep(delay).await;
}

async fn panics() {
    sleep(Duration::from_secs(1)).await;
    panic!("row {} has no revision", 7);
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_all_tasks_follow_is_a_clean_end() {
    let mut tasks = Tasks::new();
    tasks.spawn("link", stops_after(tasks.stop_token(), Duration::from_secs(1)));
    tasks.spawn("report", stops_after(tasks.stop_token(), Duration::from_secs(9)));
    tasks.stop_token().cancel();
    assert!(tasks.run(GRACE).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn waits_for_the_stop_when_there_is_no_task() {
    let tasks = Tasks::new();
    let stop = tasks.stop_token();
    let begin = Instant::now();
    let (result, ()) = tokio::join!(tasks.run(GRACE), async {
        sleep(Duration::from_secs(5)).await;
        stop.cancel();
    });
    assert!(result.is_ok());
    assert_eq!(begin.elapsed(), Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn a_task_that_ends_early_is_named_and_stops_the_others() {
    let mut tasks = Tasks::new();
    let stop = tasks.stop_token();
    tasks.spawn("link", stops_after(stop.clone(), Duration::ZERO));
    tasks.spawn("probe", async { sleep(Duration::from_secs(1)).await });
    assert_eq!(text(tasks.run(GRACE).await), "task probe ended although nobody asked it to stop");
    assert!(stop.is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn a_task_that_fails_is_named_with_its_cause() {
    let mut tasks = Tasks::new();
    tasks.spawn("link", pending::<()>());
    tasks.spawn("store", async { Err::<(), _>(io::Error::other("disk is gone")) });
    assert_eq!(text(tasks.run(GRACE).await), "task store failed: disk is gone");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_panics_is_named_with_the_text_of_the_panic() {
    let mut tasks = Tasks::new();
    tasks.spawn("store", panics());
    assert_eq!(text(tasks.run(GRACE).await), "task store panicked: row 7 has no revision");
}

#[tokio::test(start_paused = true)]
async fn a_closed_channel_is_an_error_before_the_stop() {
    let mut tasks = Tasks::new();
    tasks.spawn("report", async { Err::<Infallible, _>("channel closed") });
    assert_eq!(text(tasks.run(GRACE).await), "task report failed: channel closed");
}

#[tokio::test(start_paused = true)]
async fn a_closed_channel_is_in_order_after_the_stop() {
    let mut tasks = Tasks::new();
    let stop = tasks.stop_token();
    tasks.spawn("report", async move {
        stop.cancelled().await;
        Err::<Infallible, _>("channel closed")
    });
    tasks.stop_token().cancel();
    assert!(tasks.run(GRACE).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_failure_while_stopping_is_an_error() {
    let mut tasks = Tasks::new();
    let stop = tasks.stop_token();
    tasks.spawn("report", async move {
        stop.cancelled().await;
        Err::<(), _>("last report not written")
    });
    tasks.stop_token().cancel();
    assert_eq!(text(tasks.run(GRACE).await), "task report failed: last report not written");
}

#[tokio::test(start_paused = true)]
async fn names_who_was_left_after_the_grace() {
    let mut tasks = Tasks::new();
    let stop = tasks.stop_token();
    tasks.spawn("link", pending::<()>());
    tasks.spawn("probe", stops_after(stop.clone(), Duration::from_secs(1)));
    tasks.spawn("store", stops_after(stop.clone(), Duration::from_secs(11)));
    stop.cancel();
    let begin = Instant::now();
    assert_eq!(text(tasks.run(GRACE).await), "still running 10s after the stop: link, store");
    assert_eq!(begin.elapsed(), GRACE);
}

#[tokio::test(start_paused = true)]
async fn aborts_who_was_left_after_the_grace() {
    struct Dropped(Arc<AtomicBool>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let dropped = Arc::new(AtomicBool::new(false));
    let guard = Dropped(Arc::clone(&dropped));
    let mut tasks = Tasks::new();
    tasks.spawn("link", async move {
        let _guard = guard;
        pending::<()>().await;
    });
    tasks.stop_token().cancel();
    assert!(tasks.run(GRACE).await.is_err());
    sleep(Duration::from_millis(1)).await;
    assert!(dropped.load(Ordering::Relaxed));
}

#[tokio::test(start_paused = true)]
async fn the_first_failure_is_the_one_reported() {
    let mut tasks = Tasks::new();
    tasks.spawn("link", pending::<()>());
    tasks.spawn("store", async { Err::<(), _>("disk is gone") });
    assert_eq!(text(tasks.run(GRACE).await), "task store failed: disk is gone");
}

#[tokio::test(start_paused = true)]
async fn an_attendant_is_not_waited_for() {
    let mut tasks = Tasks::new();
    tasks.spawn_attendant("signals", pending::<()>());
    tasks.spawn("link", stops_after(tasks.stop_token(), Duration::from_secs(1)));
    tasks.stop_token().cancel();
    let begin = Instant::now();
    assert!(tasks.run(GRACE).await.is_ok());
    assert_eq!(begin.elapsed(), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn an_attendant_runs_while_the_others_drain() {
    let mut tasks = Tasks::new();
    let stop = tasks.stop_token();
    let (seen_tx, seen_rx) = tokio::sync::oneshot::channel();
    tasks.spawn_attendant("signals", async move {
        stop.cancelled().await;
        sleep(Duration::from_secs(2)).await;
        seen_tx.send(()).ok();
        pending::<()>().await;
    });
    tasks.spawn("link", stops_after(tasks.stop_token(), Duration::from_secs(3)));
    tasks.stop_token().cancel();
    assert!(tasks.run(GRACE).await.is_ok());
    assert!(seen_rx.await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_attendant_that_ends_early_is_an_error_like_any_other() {
    let mut tasks = Tasks::new();
    tasks.spawn_attendant("signals", async {});
    assert_eq!(text(tasks.run(GRACE).await), "task signals ended although nobody asked it to stop");
}
