//! The schema: whether a file is ours, which version it has, and how it is brought to ours.

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{Row as _, SqliteConnection};

/// Every version of the schema, from an empty file to the newest.
pub(crate) static MIGRATOR: Migrator = sqlx::migrate!("../../migrations/sqlite");

/// `PRAGMA application_id` of our databases, as the first migration sets it.
const APPLICATION_ID: i64 = 0x4252_5448;

/// What a database file is before anything is changed in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nothing in it yet.
    Empty,
    /// Ours, of this schema version.
    Ours(i64),
    /// Another program's.
    Foreign,
}

/// Looks at a file without changing it.
pub(crate) async fn inspect(connection: &mut SqliteConnection) -> sqlx::Result<Origin> {
    let application_id: i64 = scalar(connection, "PRAGMA application_id").await?;
    let tables: i64 = scalar(
        connection,
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table'",
    )
    .await?;
    let has_versions = "SELECT count(*) FROM sqlite_schema WHERE name = '_sqlx_migrations'";
    let has_versions: i64 = scalar(connection, has_versions).await?;
    match (application_id, has_versions) {
        (0, _) if tables == 0 => Ok(Origin::Empty),
        // The first start was cut off between the table of versions and the first of them.
        (0, 1) if tables == 1 => Ok(Origin::Empty),
        (APPLICATION_ID, 1) => {
            let version = "SELECT coalesce(max(version), 0) FROM _sqlx_migrations";
            scalar(connection, version).await.map(Origin::Ours)
        }
        _ => Ok(Origin::Foreign),
    }
}

/// The newest version this release knows.
pub(crate) fn newest() -> i64 {
    MIGRATOR
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or(0)
}

/// Brings the schema to the newest version; each step is one transaction.
pub(crate) async fn migrate(connection: &mut SqliteConnection) -> Result<(), MigrateError> {
    MIGRATOR.run(connection).await
}

async fn scalar(connection: &mut SqliteConnection, sql: &'static str) -> sqlx::Result<i64> {
    sqlx::query(sql)
        .persistent(false)
        .fetch_one(connection)
        .await?
        .try_get(0)
}
