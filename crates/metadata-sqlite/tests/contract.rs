//! The contract of the ports, on a database in a file, with the cache and without.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use metadata_sqlite::{OpenOptions, SqliteMetadata};
use registry_core::ports::Metadata;
use registry_core::testing::TestClock;
use tempfile::TempDir;

async fn open(clock: Arc<TestClock>, cache_bytes: usize) -> (Arc<dyn Metadata>, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("metadata.db");
    let options = OpenOptions {
        cache_bytes,
        ..OpenOptions::new(path, clock, prometheus::Registry::new())
    };
    (
        Arc::new(SqliteMetadata::open(options).await.unwrap()),
        directory,
    )
}

mod cached {
    use super::{Arc, Metadata, TempDir, TestClock};

    async fn open(clock: Arc<TestClock>) -> (Arc<dyn Metadata>, TempDir) {
        super::open(clock, 1024 * 1024).await
    }

    registry_core::metadata_contract!(open);
}

mod uncached {
    use super::{Arc, Metadata, TempDir, TestClock};

    async fn open(clock: Arc<TestClock>) -> (Arc<dyn Metadata>, TempDir) {
        super::open(clock, 0).await
    }

    registry_core::metadata_contract!(open);
}
