//! Which idle connections are tested before they are used: those that lay idle when another broke,
//! and those that lay idle so long that something on the way may have forgotten them. All others
//! are taken for sound, because a test costs a round trip.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sqlx::{Connection as _, PgConnection};
use tokio::time::timeout;

/// Idle connections are trusted this long. The pool lends the one that lay idle longest, so with less each
/// connection of a registry with little to do would be tested before each use.
const TRUST: Duration = Duration::from_secs(30);
/// A sound connection answers a test within this time.
pub(super) const TEST: Duration = Duration::from_secs(1);

/// When a connection broke last.
#[derive(Debug)]
pub(super) struct Suspicion {
    since: Instant,
    /// In milliseconds after `since`; 0 for never.
    raised: AtomicU64,
}

impl Suspicion {
    pub(super) fn new() -> Self {
        Self {
            since: Instant::now(),
            raised: AtomicU64::new(0),
        }
    }

    /// A connection broke.
    pub(super) fn raise(&self) {
        self.raised.fetch_max(self.now().max(1), Ordering::Relaxed);
    }

    /// Whether a connection may be used that was idle for so long.
    pub(super) async fn clears(&self, connection: &mut PgConnection, idle: Duration) -> bool {
        if !self.suspects(idle) {
            return true;
        }
        matches!(timeout(TEST, connection.ping()).await, Ok(Ok(())))
    }

    fn suspects(&self, idle: Duration) -> bool {
        let raised = self.raised.load(Ordering::Relaxed);
        let idle = millis(idle);
        idle >= millis(TRUST) || (raised > 0 && self.now().saturating_sub(idle) <= raised)
    }

    fn now(&self) -> u64 {
        millis(self.since.elapsed())
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_suspected_without_reason() {
        let suspicion = Suspicion::new();
        assert!(!suspicion.suspects(Duration::ZERO));
        assert!(!suspicion.suspects(TRUST.saturating_sub(Duration::from_millis(1))));
        assert!(suspicion.suspects(TRUST));
    }

    #[test]
    fn those_that_were_idle_then_are_suspected() {
        let mut suspicion = Suspicion::new();
        suspicion.since -= Duration::from_mins(1);
        suspicion.raise();
        assert!(suspicion.suspects(Duration::from_millis(1)));
        suspicion.since -= Duration::from_millis(500);
        assert!(suspicion.suspects(Duration::from_millis(600)));
        assert!(!suspicion.suspects(Duration::from_millis(400)));
    }
}
