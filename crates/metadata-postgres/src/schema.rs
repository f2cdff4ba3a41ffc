//! The schema: whether a database is ours, which version it has, and how it is brought to ours.

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{PgConnection, Row as _};

/// Every version of the schema, from an empty database to the newest.
pub(crate) static MIGRATOR: Migrator = sqlx::migrate!("../../migrations/postgres");

/// What a database is before anything is changed in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nothing in it yet.
    Empty,
    /// Ours, of this schema version.
    Ours(i64),
    /// Another program's.
    Foreign,
}

// Tables that came with an extension are nobody's. Our function is made by the first step, in the
// same transaction as our tables.
const INSPECT: &str = "SELECT to_regclass('_sqlx_migrations') IS NOT NULL,
    to_regprocedure('berth_now(bigint)') IS NOT NULL,
    EXISTS (
        SELECT FROM pg_class
        WHERE relnamespace = to_regnamespace(quote_ident(current_schema())) AND relkind IN ('r', 'p')
          AND relname <> '_sqlx_migrations'
          AND NOT EXISTS (
            SELECT FROM pg_depend
            WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e'
          )
    )";

const VERSION: &str = "SELECT coalesce(max(version), 0) FROM _sqlx_migrations";

/// Looks at a database without changing it.
pub(crate) async fn inspect(connection: &mut PgConnection) -> sqlx::Result<Origin> {
    match look(connection).await? {
        // Another process may just have made it ours, between the first question and the second.
        Origin::Foreign => look(connection).await,
        origin => Ok(origin),
    }
}

async fn look(connection: &mut PgConnection) -> sqlx::Result<Origin> {
    let row = sqlx::query(INSPECT).persistent(false);
    let row = row.fetch_one(&mut *connection).await?;
    let (versions, ours, tables): (bool, bool, bool) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    if !versions {
        return Ok(if tables {
            Origin::Foreign
        } else {
            Origin::Empty
        });
    }
    let row = sqlx::query(VERSION).persistent(false);
    let version: i64 = row.fetch_one(connection).await?.try_get(0)?;
    Ok(match (ours, version, tables) {
        (true, _, _) => Origin::Ours(version),
        // The first start was cut off between the table of versions and the first of them.
        (false, 0, false) => Origin::Empty,
        (false, _, _) => Origin::Foreign,
    })
}

const APPLIED: &str = "SELECT version, checksum, success FROM _sqlx_migrations ORDER BY version";

/// Makes sure that the steps that were applied to a database of ours are those of this release.
pub(crate) async fn verify(connection: &mut PgConnection) -> Result<(), MigrateError> {
    let applied = sqlx::query(APPLIED).persistent(false);
    for row in applied.fetch_all(connection).await? {
        let version: i64 = row.try_get(0)?;
        let checksum: &[u8] = row.try_get(1)?;
        let known = MIGRATOR.iter().find(|step| step.version == version);
        let known = known.ok_or(MigrateError::VersionMissing(version))?;
        if !row.try_get::<bool, _>(2)? {
            return Err(MigrateError::Dirty(version));
        }
        if *known.checksum != *checksum {
            return Err(MigrateError::VersionMismatch(version));
        }
    }
    Ok(())
}

/// The newest version this release knows.
pub(crate) fn newest() -> i64 {
    MIGRATOR
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or(0)
}

/// Brings the schema to the newest version; each step is one transaction. Whoever else does so at the
/// same time waits, and finds it done.
pub(crate) async fn migrate(connection: &mut PgConnection) -> Result<(), MigrateError> {
    // Steps may take long, and so may the wait for those of another process.
    let patience = "SELECT set_config('statement_timeout', '0', false), set_config('lock_timeout', '0', false)";
    sqlx::query(patience)
        .persistent(false)
        .execute(&mut *connection)
        .await?;
    MIGRATOR.run(connection).await
}
