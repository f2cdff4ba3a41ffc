//! What only this engine does: how many statements it needs, how it copes with others who write and with a
//! database that goes away, what it refuses to open.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod counts;
mod faults;
mod freeze;
mod open;
mod pooler;
mod races;
mod replica;
mod rows;
mod silence;
mod tls;

use std::str::FromStr as _;
use std::sync::Arc;

use berth_test_servers::Postgres;
use metadata_postgres::{OpenError, OpenOptions, PostgresMetadata};
use registry_core::testing::TestClock;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _, PgConnection};
use tokio::sync::OnceCell;

/// A database of a test.
struct Database {
    url: String,
    clock: Arc<TestClock>,
    metrics: prometheus::Registry,
}

impl Database {
    /// An empty one.
    async fn new() -> Self {
        Self::at(Postgres::shared().await.create_database().await)
    }

    /// A migrated one.
    async fn migrated() -> Self {
        static TEMPLATE: OnceCell<String> = OnceCell::const_new();
        let server = Postgres::shared().await;
        let template = TEMPLATE
            .get_or_init(async || {
                let url = server.create_database().await;
                PostgresMetadata::migrate(&url, None).await.unwrap();
                url
            })
            .await;
        Self::at(server.create_database_from(template).await)
    }

    fn at(url: String) -> Self {
        Self {
            url,
            clock: Arc::new(TestClock::new()),
            metrics: prometheus::Registry::new(),
        }
    }

    /// What it is opened with, unless a case wants something else.
    fn options(&self) -> OpenOptions {
        OpenOptions {
            clock: Some(Arc::clone(&self.clock) as _),
            ..OpenOptions::new(self.url.as_str(), self.metrics.clone())
        }
    }

    async fn open(&self) -> Result<PostgresMetadata, OpenError> {
        PostgresMetadata::open(self.options()).await
    }

    /// Another process on the same database.
    async fn open_another(&self) -> PostgresMetadata {
        let metrics = prometheus::Registry::new();
        let options = OpenOptions {
            metrics,
            ..self.options()
        };
        PostgresMetadata::open(options).await.unwrap()
    }

    /// A connection of its own, past the engine.
    async fn connect(&self) -> PgConnection {
        let options = PgConnectOptions::from_str(&self.url).unwrap();
        options.connect().await.unwrap()
    }

    /// Runs statements past the engine.
    async fn execute(&self, sql: &str) {
        let mut connection = self.connect().await;
        connection
            .execute(AssertSqlSafe(sql.to_owned()))
            .await
            .unwrap();
    }

    /// How often each statement was run so far.
    fn queries(&self) -> Vec<(String, u64)> {
        counters(&self.metrics, "registry_database_queries_total")
    }
}

/// The values of a counter, by its only label.
fn counters(metrics: &prometheus::Registry, name: &str) -> Vec<(String, u64)> {
    let families = metrics.gather();
    let family = families.iter().find(|family| family.name() == name);
    let counts = family.unwrap().get_metric().iter().map(|metric| {
        let label = metric.get_label()[0].value().to_owned();
        let count = metric.get_counter().get_value().to_string();
        (label, count.parse().unwrap())
    });
    counts.collect()
}
