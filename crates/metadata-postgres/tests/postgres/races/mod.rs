//! What two processes may do at the same time, and what must hold then. Each has its connections; they share
//! nothing but the database.

mod blobs;
mod manifests;
mod tags;
mod uploads;

use std::time::{Duration, Instant};

use metadata_postgres::PostgresMetadata;
use sqlx::{Executor as _, PgConnection, Row as _};
use tokio::time::sleep;

use super::Database;

/// What there must be none of.
const TORN: &[(&str, &str)] = &[
    (
        "references of linked blobs that are not there",
        "SELECT count(*) FROM manifest_blobs WHERE linked IS NOT NULL AND NOT EXISTS (
            SELECT FROM repository_blobs
            JOIN namespace_blobs USING (namespace_id, digest) JOIN blobs USING (digest)
            WHERE repository_blobs.repository_id = manifest_blobs.repository_id
              AND repository_blobs.digest = manifest_blobs.linked
         )",
    ),
    (
        "links that a manifest holds and that have a lease",
        "SELECT count(*) FROM repository_blobs AS link WHERE expires_at IS NOT NULL AND EXISTS (
            SELECT FROM manifest_blobs
            WHERE manifest_blobs.repository_id = link.repository_id AND manifest_blobs.linked = link.digest
         )",
    ),
    (
        "namespaces that are charged something else than what they hold",
        "SELECT count(*) FROM namespaces
         WHERE (SELECT coalesce(sum(size), 0) FROM namespace_blobs WHERE namespace_id = id)
            <> (SELECT coalesce(sum(bytes), 0) FROM namespace_usage WHERE namespace_id = id)",
    ),
    (
        "objects that are named and to be deleted",
        "SELECT count(*) FROM storage_deletions
         JOIN blobs ON substr(storage_key, 1, 16) = uuid_send(object)
         WHERE keep IS NULL",
    ),
];

/// Two processes on one migrated database.
struct Pods {
    database: Database,
    one: PostgresMetadata,
    other: PostgresMetadata,
}

impl Pods {
    async fn new() -> Self {
        let database = Database::migrated().await;
        let one = database.open().await.unwrap();
        let other = database.open_another().await;
        Self {
            database,
            one,
            other,
        }
    }

    /// One or the other.
    fn turn(&self, number: usize) -> &PostgresMetadata {
        if number.is_multiple_of(2) {
            &self.one
        } else {
            &self.other
        }
    }

    /// What always holds, whoever did what.
    async fn assert_whole(&self) {
        let mut connection = self.database.connect().await;
        for (what, sql) in TORN {
            assert_eq!(number(&mut connection, sql).await, 0, "{what}");
        }
    }

    /// How many there were. Sessions tell at their end at the latest.
    async fn deadlocks(&self) -> i64 {
        for metadata in [&self.one, &self.other] {
            metadata.close().await;
        }
        let mut connection = self.database.connect().await;
        let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
        wait_until(&mut connection, others, 0).await;
        let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
        number(&mut connection, deadlocks).await
    }
}

/// The only column of the only row.
async fn number(connection: &mut PgConnection, sql: &'static str) -> i64 {
    connection.fetch_one(sql).await.unwrap().get(0)
}

/// Waits until a count is what it is to be.
async fn wait_until(connection: &mut PgConnection, sql: &'static str, expected: i64) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while number(connection, sql).await != expected {
        assert!(Instant::now() < deadline, "not {expected}: {sql}");
        sleep(Duration::from_millis(1)).await;
    }
}
