//! The contract of the ports, each case on a database of its own, with payloads in memory and without.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use berth_test_servers::Postgres;
use metadata_postgres::{OpenOptions, PostgresMetadata};
use registry_core::ports::Metadata;
use registry_core::testing::TestClock;
use tokio::sync::OnceCell;

/// A migrated database, to be copied.
async fn template() -> &'static str {
    static TEMPLATE: OnceCell<String> = OnceCell::const_new();
    TEMPLATE
        .get_or_init(async || {
            let url = Postgres::shared().await.create_database().await;
            PostgresMetadata::migrate(&url, None).await.unwrap();
            url
        })
        .await
}

async fn open(clock: Arc<TestClock>, cache_bytes: usize) -> (Arc<dyn Metadata>, ()) {
    let server = Postgres::shared().await;
    let url = server.create_database_from(template().await).await;
    let options = OpenOptions {
        clock: Some(clock),
        cache_bytes,
        ..OpenOptions::new(url, prometheus::Registry::new())
    };
    (Arc::new(PostgresMetadata::open(options).await.unwrap()), ())
}

mod cached {
    use super::{Arc, Metadata, TestClock};

    async fn open(clock: Arc<TestClock>) -> (Arc<dyn Metadata>, ()) {
        super::open(clock, 1024 * 1024).await
    }

    registry_core::metadata_contract!(open);
}

mod uncached {
    use super::{Arc, Metadata, TestClock};

    async fn open(clock: Arc<TestClock>) -> (Arc<dyn Metadata>, ()) {
        super::open(clock, 0).await
    }

    registry_core::metadata_contract!(open);
}
