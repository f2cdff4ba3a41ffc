//! What only this engine does: how many statements it needs, what it writes, what it refuses to
//! open, and that its cache is true while everybody writes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod counts;
mod open;
mod rows;
mod storm;
mod writes;

use std::path::PathBuf;
use std::sync::Arc;

use metadata_sqlite::{OpenError, OpenOptions, SqliteMetadata};
use registry_core::testing::TestClock;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, SqliteConnection};
use tempfile::TempDir;

/// A database of a test.
struct Database {
    directory: TempDir,
    clock: Arc<TestClock>,
    metrics: prometheus::Registry,
}

impl Database {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            clock: Arc::new(TestClock::new()),
            metrics: prometheus::Registry::new(),
        }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("metadata.db")
    }

    async fn open(&self) -> Result<SqliteMetadata, OpenError> {
        self.open_with(1 << 20).await
    }

    async fn open_with(&self, cache_bytes: usize) -> Result<SqliteMetadata, OpenError> {
        let clock = Arc::clone(&self.clock);
        SqliteMetadata::open(OpenOptions {
            cache_bytes,
            ..OpenOptions::new(self.path(), clock, self.metrics.clone())
        })
        .await
    }

    /// Opens it again, as another process would.
    async fn reopen(&mut self, metadata: SqliteMetadata) -> SqliteMetadata {
        metadata.close().await;
        self.metrics = prometheus::Registry::new();
        self.open().await.unwrap()
    }

    /// A connection of its own, past the engine.
    async fn connect(&self) -> SqliteConnection {
        SqliteConnectOptions::new()
            .filename(self.path())
            .connect()
            .await
            .unwrap()
    }

    /// How often each statement was run so far.
    fn queries(&self) -> Vec<(String, u64)> {
        let families = self.metrics.gather();
        let family = families
            .iter()
            .find(|family| family.name() == "registry_database_queries_total")
            .unwrap();
        let counts = family.get_metric().iter().map(|metric| {
            let name = metric.get_label()[0].value().to_owned();
            (
                name,
                metric
                    .get_counter()
                    .get_value()
                    .to_string()
                    .parse()
                    .unwrap(),
            )
        });
        counts.collect()
    }
}
