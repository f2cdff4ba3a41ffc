//! A server that follows the primary, and answers look-ups by digest. Content that has a digest never
//! changes, so what it has is right; what it has not may only not have arrived, and what it says of a
//! deletion comes late, by a bounded time (`watch`). Tags are never asked of it, nor what a client is
//! promised to find when it comes to push.

mod watch;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use registry_core::ports::{Lookup, MetadataError};

use self::watch::Watch;
use crate::database::Database;
use crate::statement::Statement;

pub(crate) const STATEMENTS: &[&Statement] = &[&watch::POSITION];

/// After a failure it is left alone for so long.
const REST: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct Replica {
    database: Database,
    standing: Standing,
    watch: Watch,
}

impl Replica {
    /// Looks at both, and goes on doing so.
    pub(crate) async fn follow(primary: Database, database: Database) -> Self {
        let standing = Standing::new();
        let watch = Watch::start(primary, database.clone(), standing.clone()).await;
        Self {
            database,
            standing,
            watch,
        }
    }

    /// Its connections.
    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    pub(crate) async fn close(&self) {
        self.watch.end();
        self.database.close().await;
    }

    /// Whether it is worth asking now.
    pub(crate) fn is_awake(&self) -> bool {
        self.standing.is_awake() && self.standing.is_recent()
    }

    /// What it found; whatever else it answered is for the primary to tell.
    pub(crate) fn hear<T>(&self, answer: Result<Lookup<T>, MetadataError>) -> Option<T> {
        match answer {
            Ok(Lookup::Found(found)) => Some(found),
            Ok(Lookup::Absent | Lookup::NoRepository) => None,
            Err(error) => {
                let cause: &dyn std::error::Error = &error;
                tracing::warn!(cause, "the read replica failed, the primary answers");
                self.standing.rests(REST);
                None
            }
        }
    }
}

/// Whether it may be asked.
#[derive(Debug, Clone)]
struct Standing(Arc<Moments>);

#[derive(Debug)]
struct Moments {
    since: Instant,
    /// Until when it is left alone, in milliseconds after `since`.
    rests: AtomicU64,
    /// Until when it is recent enough, likewise; 0 for not at all.
    recent: AtomicU64,
}

impl Standing {
    fn new() -> Self {
        Self(Arc::new(Moments {
            since: Instant::now(),
            rests: AtomicU64::new(0),
            recent: AtomicU64::new(0),
        }))
    }

    fn is_awake(&self) -> bool {
        self.0.now() >= self.0.rests.load(Ordering::Relaxed)
    }

    fn is_recent(&self) -> bool {
        self.0.now() < self.0.recent.load(Ordering::Relaxed)
    }

    fn rests(&self, time: Duration) {
        let until = self.0.now().saturating_add(millis(time));
        self.0.rests.store(until, Ordering::Relaxed);
    }

    fn is_recent_until(&self, moment: Instant) {
        let until = millis(moment.saturating_duration_since(self.0.since));
        self.0.recent.store(until, Ordering::Relaxed);
    }

    /// It stays what it is for so long.
    fn stays_recent(&self, time: Duration) {
        if self.is_recent() {
            self.is_recent_until(Instant::now() + time);
        }
    }
}

impl Moments {
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
    fn nobody_is_recent_for_ever() {
        let standing = Standing::new();
        assert!(standing.is_awake());
        assert!(!standing.is_recent(), "nobody has looked yet");
        standing.stays_recent(Duration::from_mins(1));
        assert!(!standing.is_recent());
        let since = standing.0.since;
        standing.is_recent_until(since);
        assert!(!standing.is_recent());
        standing.is_recent_until(since + Duration::from_mins(1));
        assert!(standing.is_recent());
    }

    #[test]
    fn it_is_left_alone_for_a_while() {
        let standing = Standing::new();
        standing.rests(Duration::from_mins(1));
        assert!(!standing.is_awake());
        standing.rests(Duration::ZERO);
        assert!(standing.is_awake());
    }
}
