//! A clock that stands still until it is told to go on.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::ports::{Clock, Timestamp};

/// Begins at an arbitrary moment and moves only forward.
#[derive(Debug)]
pub struct TestClock(AtomicI64);

impl TestClock {
    /// A clock at its first moment.
    pub const fn new() -> Self {
        Self(AtomicI64::new(1_750_000_000_000))
    }

    /// Lets time pass.
    pub fn advance(&self, duration: Duration) {
        let now = self.now().plus(duration);
        self.0.store(now.0, Ordering::SeqCst);
    }
}

impl Default for TestClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}
