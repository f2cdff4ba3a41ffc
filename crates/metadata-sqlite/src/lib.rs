//! The metadata ports on SQLite, for a registry of one process.
//!
//! - Reads go to one of a few read-only connections, one statement each, or to an exact cache of
//!   look-ups that the writer keeps true (`cache`).
//! - Writes are jobs of one writer thread, which batches them into transactions (`writer`).
//! - SQL stands in the file of its noun and nowhere else; row values are read in `rows`.
//!
//! Statements are constant and checked by tests (each is prepared and its plan explained on the
//! migrated schema) instead of by macros at build time, which would need a database there.
//!
//! This crate decides nothing about what a registry does: what a step checks and changes is
//! written at the ports.

mod blobs;
mod cache;
mod catalog;
mod connection;
mod error;
mod installation;
mod inventory;
mod manifests;
mod marks;
mod metrics;
mod open;
mod probe;
mod readers;
mod referrers;
mod rows;
mod schema;
mod statement;
mod storage_deletions;
mod tags;
mod totals;
mod uploads;
mod value;
mod writer;

use std::fmt;
use std::sync::Arc;

use registry_core::ports::{Clock, Lifetimes, Timestamp};

use crate::cache::Cache;
use crate::readers::Readers;
use crate::writer::Writer;

pub use crate::marks::{has_log, read_marks};
pub use crate::open::{OpenError, OpenOptions};

/// The version of SQLite this is linked with.
pub fn sqlite_version() -> &'static str {
    rusqlite::version()
}

/// The metadata of a registry in one SQLite database, held by this process alone.
pub struct SqliteMetadata {
    readers: Readers,
    writer: Writer,
    cache: Arc<Cache>,
    clock: Arc<dyn Clock>,
    lifetimes: Lifetimes,
}

impl SqliteMetadata {
    /// Closes the database once every write in the queue is durable. Whatever is asked of it
    /// afterwards fails.
    pub async fn close(&self) {
        // Readers first: whoever closes last moves the log into the database, and they could not.
        self.readers.close().await;
        self.writer.close().await;
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl fmt::Debug for SqliteMetadata {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SqliteMetadata")
            .field("lifetimes", &self.lifetimes)
            .finish_non_exhaustive()
    }
}
