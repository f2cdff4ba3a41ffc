//! A server that follows the primary, and answers look-ups by digest. Content that has a digest never
//! changes, so what it has is right; what it has not may only not have arrived, and what it says of a
//! deletion comes late. Tags are never asked of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use registry_core::ports::{Lookup, MetadataError};

use crate::database::Database;

/// After a failure it is left alone for so long.
const REST: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct Replica {
    database: Database,
    since: Instant,
    /// Until when it is left alone, in milliseconds after `since`.
    rests: AtomicU64,
}

impl Replica {
    pub(crate) fn new(database: Database) -> Self {
        Self {
            database,
            since: Instant::now(),
            rests: AtomicU64::new(0),
        }
    }

    /// Its connections.
    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// Whether it is worth asking now.
    pub(crate) fn is_awake(&self) -> bool {
        self.now() >= self.rests.load(Ordering::Relaxed)
    }

    /// What it found; whatever else it answered is for the primary to tell.
    pub(crate) fn hear<T>(&self, answer: Result<Lookup<T>, MetadataError>) -> Option<T> {
        match answer {
            Ok(Lookup::Found(found)) => Some(found),
            Ok(Lookup::Absent | Lookup::NoRepository) => None,
            Err(error) => {
                let cause: &dyn std::error::Error = &error;
                tracing::warn!(cause, "the read replica failed, the primary answers");
                let rests = self.now().saturating_add(millis(REST));
                self.rests.store(rests, Ordering::Relaxed);
                None
            }
        }
    }

    fn now(&self) -> u64 {
        millis(self.since.elapsed())
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
