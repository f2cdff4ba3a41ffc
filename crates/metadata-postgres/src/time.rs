//! What time it is: the clock of the database decides, because the clocks of the machines that run
//! the registry differ. A test brings its own instead. SQL gets either through `berth_now`.

use std::sync::Arc;
use std::time::Duration;

use registry_core::ports::Clock;

/// A hundred years: the longest that anything lasts.
const LONGEST: i64 = 100 * 365 * 24 * 60 * 60 * 1_000;

/// Tells statements what time it is.
#[derive(Debug, Clone)]
pub(crate) struct Time(Option<Arc<dyn Clock>>);

impl Time {
    pub(crate) fn new(clock: Option<Arc<dyn Clock>>) -> Self {
        Self(clock)
    }

    /// The argument of `berth_now`; `None` leaves it to the database.
    pub(crate) fn now(&self) -> Option<i64> {
        self.0.as_ref().map(|clock| clock.now().0)
    }
}

/// A duration as an argument, in milliseconds.
pub(crate) fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis())
        .unwrap_or(LONGEST)
        .min(LONGEST)
}
