//! The schema: whether a database is ours, which version it has, and how it is brought to ours.

use std::time::Duration;

use sqlx::migrate::{Migrate as _, MigrateError, Migrator};
use sqlx::{PgConnection, Row as _};
use tokio::time::sleep;

use crate::error;

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

// Where our tables are, on whatever place of the search path, or else where new ones go.
const HOME: &str = "SELECT coalesce(
    (
        SELECT nspname::text FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
        WHERE pg_proc.oid = to_regprocedure('berth_now(bigint)')
    ),
    current_schema()::text
)";

/// The schema of a database, in the word's other sense, where our tables are or are to be.
pub(crate) async fn home(connection: &mut PgConnection) -> sqlx::Result<String> {
    let row = sqlx::query(HOME).persistent(false);
    row.fetch_one(connection).await?.try_get(0)
}

// Steps may take long. Whoever dies in the middle of one does not keep its locks for longer than a minute; an operator's
// limits for anybody else do not matter.
const PREPARE: &str = "SELECT set_config(name, value, false)
    FROM (VALUES
        ('search_path', quote_ident($1)),
        ('statement_timeout', '0'),
        ('lock_timeout', '0'),
        ('idle_in_transaction_session_timeout', '60s'),
        ('tcp_keepalives_idle', '30'),
        ('tcp_keepalives_interval', '10'),
        ('tcp_keepalives_count', '3')
    ) AS setting (name, value)";

/// Prepares a connection for [`migrate`]. Whatever is looked at or created from now on is in `home`: another user may have
/// another search path, on which new tables would hide the old ones.
pub(crate) async fn prepare(connection: &mut PgConnection, home: &str) -> sqlx::Result<()> {
    let prepare = sqlx::query(PREPARE).bind(home).persistent(false);
    prepare.execute(connection).await?;
    Ok(())
}

// Who waits for a lock of a table makes everybody wait who comes later: all requests of all pods, for as long as somebody
// reads that table in a transaction, such as a backup.
const HURRY: &str = "SELECT set_config('lock_timeout', '2s', false)";

/// They have so long then, before a step is tried again.
const PAUSE: Duration = Duration::from_secs(3);

/// Brings the schema to the newest version; each step is one transaction. Whoever else does so at the
/// same time waits, and finds it done. That wait has no limit; the lock that is waited for ends with the connection.
pub(crate) async fn migrate(connection: &mut PgConnection) -> Result<(), MigrateError> {
    connection.lock().await?;
    let hurry = sqlx::query(HURRY).persistent(false);
    hurry.execute(&mut *connection).await?;
    loop {
        match MIGRATOR.run(&mut *connection).await {
            Err(cause) if is_in_the_way(&cause) => sleep(PAUSE).await,
            migrated => return migrated,
        }
    }
}

/// Whether somebody held a lock for too long, which the log tells.
fn is_in_the_way(cause: &MigrateError) -> bool {
    let (MigrateError::Execute(said) | MigrateError::ExecuteMigration(said, _)) = cause else {
        return false;
    };
    let is_in_the_way = error::code(said).is_some_and(|code| code == "55P03");
    if is_in_the_way {
        let cause: &dyn std::error::Error = cause;
        tracing::warn!(
            cause,
            "a migration waits for a transaction that uses one of its tables, and is tried again"
        );
    }
    is_in_the_way
}
