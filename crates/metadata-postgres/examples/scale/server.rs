//! What the server says an operation cost: `pg_stat_statements` counts all of a statement, with the questions of its foreign keys.

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _, PgConnection, Row as _};
use tokio::sync::Mutex;

pub(crate) struct Server(Mutex<PgConnection>);

/// For one round of an operation.
pub(crate) struct Cost {
    /// Pages touched.
    pub(crate) pages: f64,
    /// Of these, pages that were not in shared buffers.
    pub(crate) read: f64,
    pub(crate) log_bytes: f64,
    /// Pages that went into the log as a whole, as each does that is first changed after a checkpoint.
    pub(crate) full_pages: f64,
}

const COST: &str = "SELECT coalesce(sum(shared_blks_hit + shared_blks_read), 0)::float8,
    coalesce(sum(shared_blks_read), 0)::float8, coalesce(sum(wal_bytes), 0)::float8, coalesce(sum(wal_fpi), 0)::float8
    FROM pg_stat_statements
    WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND query NOT LIKE '%pg_stat_statements%'";

impl Server {
    pub(crate) async fn connect(url: &str) -> Self {
        let options: PgConnectOptions = url.parse().unwrap();
        let mut connection = options.connect().await.unwrap();
        connection
            .execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
            .await
            .unwrap();
        Self(Mutex::new(connection))
    }

    /// Begins to count. Whatever was changed before is on disk.
    pub(crate) async fn begin(&self) {
        self.tell("CHECKPOINT").await;
        self.tell("SELECT pg_stat_statements_reset()").await;
    }

    pub(crate) async fn cost(&self, rounds: u32) -> Cost {
        let row = self.0.lock().await.fetch_one(COST).await.unwrap();
        let each = |column: usize| row.get::<f64, _>(column) / f64::from(rounds);
        Cost {
            pages: each(0),
            read: each(1),
            log_bytes: each(2),
            full_pages: each(3),
        }
    }

    /// Sets a parameter for connections to this database that are made from now on; `None` takes it back.
    pub(crate) async fn set(&self, name: &str, value: Option<&str>) {
        let change = match value {
            Some(value) => format!("SET {name} = '{value}'"),
            None => format!("RESET {name}"),
        };
        self.tell(&format!(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I {}', current_database()); END $$",
            change.replace('\'', "''")
        ))
        .await;
    }

    async fn tell(&self, sql: &str) {
        let mut connection = self.0.lock().await;
        connection
            .execute(AssertSqlSafe(sql.to_owned()))
            .await
            .unwrap();
    }
}
