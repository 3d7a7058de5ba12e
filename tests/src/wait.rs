//! Waiting for a state, never for a time.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

/// The usual safety net: whatever is waited for takes a fraction of it on an idle machine.
pub const LIMIT: Duration = Duration::from_secs(30);

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// Looks again and again until `look` gives a value. What it fails with is the state it saw.
///
/// # Errors
/// `limit` is over; tells what was waited for and the last state seen.
pub async fn wait_until<T>(
    what: &str,
    limit: Duration,
    mut look: impl AsyncFnMut() -> Result<T>,
) -> Result<T> {
    let began = Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        let state = match look().await {
            Ok(value) => return Ok(value),
            Err(state) => state,
        };
        if began.elapsed() > limit {
            return Err(anyhow!("waited {limit:?} until {what}; last seen: {state:#}"));
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn gives_what_was_waited_for() {
        let mut n = 0;
        let seen = wait_until("three", LIMIT, async || {
            n += 1;
            anyhow::ensure!(n == 3, "{n}");
            Ok(n)
        });
        assert_eq!(seen.await.unwrap(), 3);
    }

    #[tokio::test]
    async fn says_what_it_saw_last() {
        let nothing = Duration::ZERO;
        let error = wait_until("the moon is blue", nothing, async || Err::<(), _>(anyhow!("it is grey")));
        let text = error.await.unwrap_err().to_string();
        assert_eq!(text, "waited 0ns until the moon is blue; last seen: it is grey");
    }
}
