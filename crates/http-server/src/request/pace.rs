//! Watches that a request body keeps moving: a client that trickles its bytes is cut off.
//! Time the application takes between reads is not held against the client.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep};

use crate::config::BodyPace;

/// The state of the current window.
#[derive(Debug)]
pub(super) struct Pace {
    minimum: u64,
    window: Duration,
    received: u64,
    waited: Duration,
    waiting_since: Option<Instant>,
    /// Made at the first wait: most bodies are already there when they are asked for.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Pace {
    pub(super) fn new(pace: BodyPace) -> Self {
        let bytes = u128::from(pace.bytes_per_second) * pace.window.as_millis() / 1000;
        Self {
            // A body must always move at all, however slow it may be.
            minimum: u64::try_from(bytes).unwrap_or(u64::MAX).max(1),
            window: pace.window,
            received: 0,
            waited: Duration::ZERO,
            waiting_since: None,
            timer: None,
        }
    }

    /// Bytes came.
    pub(super) fn received(&mut self, bytes: u64) {
        self.received += bytes;
        if let Some(since) = self.waiting_since.take() {
            self.waited += since.elapsed();
        }
    }

    /// Nothing came yet. Ready when the window has passed with too few bytes.
    pub(super) fn poll_too_slow(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let now = Instant::now();
        let mut since = *self.waiting_since.get_or_insert(now);
        loop {
            let waited = self.waited + (now - since);
            if waited >= self.window {
                if self.received < self.minimum {
                    return Poll::Ready(());
                }
                self.received = 0;
                self.waited = Duration::ZERO;
                self.waiting_since = Some(now);
                since = now;
                continue;
            }
            let deadline = now + self.window.saturating_sub(waited);
            let timer = self
                .timer
                .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
            // The timer is left at an earlier time on purpose: moving it on for each wait would
            // cost more than one early wake-up a window.
            if timer.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            timer.as_mut().reset(deadline);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    fn pace() -> Pace {
        Pace::new(BodyPace {
            bytes_per_second: 1024,
            window: Duration::from_secs(30),
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_client_is_too_slow_after_a_window() {
        let mut pace = pace();
        let start = Instant::now();
        poll_fn(|context| pace.poll_too_slow(context)).await;
        let waited = start.elapsed().as_secs();
        assert_eq!(waited, 30);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_above_the_minimum_is_not() {
        let mut pace = pace();
        for _ in 0..300 {
            let overdue = poll_fn(|context| pace.poll_too_slow(context));
            assert!(
                tokio::time::timeout(Duration::from_secs(1), overdue)
                    .await
                    .is_err()
            );
            pace.received(1200);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_trickle_is_too_slow() {
        let mut pace = pace();
        let mut seconds = 0;
        loop {
            let overdue = poll_fn(|context| pace.poll_too_slow(context));
            if tokio::time::timeout(Duration::from_secs(1), overdue)
                .await
                .is_ok()
            {
                break;
            }
            seconds += 1;
            assert!(seconds < 40, "never too slow");
            pace.received(1);
        }
        assert!(seconds >= 29, "{seconds}");
    }

    #[tokio::test(start_paused = true)]
    async fn time_in_the_application_does_not_count() {
        let mut pace = pace();
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_secs(100)).await;
            let overdue = poll_fn(|context| pace.poll_too_slow(context));
            assert!(
                tokio::time::timeout(Duration::from_millis(10), overdue)
                    .await
                    .is_err()
            );
            pace.received(1);
        }
    }
}
