//! Examining a database: what it is like, what this user may do there, and what lies between. Nothing is opened and
//! nothing that stays is changed, so it may be done beside any number of running registries.
//!
//! Statements go as plain text, without arguments, because a pooler that mixes up prepared statements may stand before
//! the server: that is one of the things to find out.

mod error;
mod place;

use std::time::Duration;

use registry_core::ports::{Clock, InstallationState};

pub use self::error::ExamineError;
use self::place::Place;
use crate::open::{OpenError, SchemaState};

/// What a database and the way to it are like.
#[derive(Debug)]
pub struct Examination {
    /// Its name and place.
    pub database: String,
    /// The version of the server, as in `15.8`.
    pub server_version: String,
    /// The version of TLS, if the connection is encrypted.
    pub tls: Option<String>,
    /// How long a question and its answer are under way.
    pub round_trip: Duration,
    /// How many milliseconds the clock of the database is ahead of this machine's.
    pub clock_ahead: i64,
    /// Its schema.
    pub schema: Result<SchemaState, OpenError>,
    /// What it says of moves from it and into it, if its schema is this release's.
    pub marks: Option<InstallationState>,
    /// Whether this user may create what a newer schema needs.
    pub may_migrate: bool,
    /// How long a small write takes until it is durable.
    pub commit: Result<Duration, ExamineError>,
    /// Whether what is durable survives a crash of its machine, too.
    pub syncs: bool,
    /// Tables of ours that this user may not read and write.
    pub forbidden: Vec<String>,
    /// Most connections that this user can have.
    pub connection_limit: i64,
    /// Connections that are open now, one of them this one.
    pub connections: i64,
    /// What stands between.
    pub pooler: Result<Pooler, ExamineError>,
}

/// What a server that follows another is like.
#[derive(Debug)]
pub struct ReplicaExamination {
    /// The database's name and place.
    pub database: String,
    /// The version of the server.
    pub server_version: String,
    /// How long a question and its answer are under way.
    pub round_trip: Duration,
    /// Whether it follows another.
    pub follows: bool,
    /// Whether our tables have arrived.
    pub is_ours: bool,
}

/// What stands between a registry and its database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooler {
    /// Nothing, or what does not show.
    None,
    /// A pooler that hands connections on after each transaction, and brings prepared statements along. Migrations
    /// must go past it.
    Transactions,
}

// Autovacuum and parallel workers count, too, but take none of the connections of users; there are few.
const LOOK: &str = "SELECT current_setting('server_version'),
    (SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl),
    coalesce(has_schema_privilege(current_schema(), 'CREATE'), false),
    least(
        current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint,
        (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user),
        (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database())
    )::bigint,
    (SELECT sum(numbackends) FROM pg_stat_database)::bigint,
    (
        SELECT coalesce(string_agg(relname, ' ' ORDER BY relname), '') FROM pg_class
        WHERE relnamespace = to_regnamespace(quote_ident(current_schema())) AND relkind IN ('r', 'p')
          AND relname <> '_sqlx_migrations'
          AND NOT (
            has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT')
            AND has_table_privilege(oid, 'UPDATE') AND has_table_privilege(oid, 'DELETE')
          )
    ),
    current_setting('fsync')::boolean";

const MARKS: &str = "SELECT id, moving_from, moving_storage, moving_to, moved_to, moved_to_id FROM installation WHERE one = 1";

const FOLLOW: &str = "SELECT current_setting('server_version'), pg_is_in_recovery(),
    to_regprocedure('berth_now(bigint)') IS NOT NULL";

/// Examines a database that is to be written.
pub async fn examine(url: &str, clock: &dyn Clock) -> Result<Examination, ExamineError> {
    let mut place = Place::connect(url).await?;
    let schema = place.schema(url).await?;
    let row = place.ask(LOOK).await?;
    let marks = match &schema {
        Ok(state) if state.is_current() => place.ask(MARKS).await.ok(),
        _ => None,
    };
    let marks = marks.map(|row| marks_of(&place, &row)).transpose()?;
    let round_trip = place.round_trip().await?;
    let clock_ahead = place.clock_ahead(clock).await?;
    let commit = place.commit().await;
    let pooler = place.pooler().await;
    let forbidden: String = place.value(&row, 5)?;
    let examination = Examination {
        database: place.database.clone(),
        server_version: plain(place.value(&row, 0)?),
        tls: place.value(&row, 1)?,
        round_trip,
        clock_ahead,
        schema,
        marks,
        may_migrate: place.value(&row, 2)?,
        commit,
        syncs: place.value(&row, 6)?,
        forbidden: forbidden.split_whitespace().map(str::to_owned).collect(),
        connection_limit: place.value(&row, 3)?,
        connections: place.value(&row, 4)?,
        pooler,
    };
    place.close().await;
    Ok(examination)
}

fn marks_of(place: &Place, row: &sqlx::postgres::PgRow) -> Result<InstallationState, ExamineError> {
    Ok(InstallationState {
        id: place.value(row, 0)?,
        moving_from: place.value(row, 1)?,
        moving_storage: place.value(row, 2)?,
        moving_to: place.value(row, 3)?,
        moved_to: place.value(row, 4)?,
        moved_to_id: place.value(row, 5)?,
    })
}

/// Examines a server that is to be asked for what has a digest.
pub async fn examine_replica(url: &str) -> Result<ReplicaExamination, ExamineError> {
    let mut place = Place::connect(url).await?;
    let row = place.ask(FOLLOW).await?;
    let examination = ReplicaExamination {
        database: place.database.clone(),
        server_version: plain(place.value(&row, 0)?),
        round_trip: place.round_trip().await?,
        follows: place.value(&row, 1)?,
        is_ours: place.value(&row, 2)?,
    };
    place.close().await;
    Ok(examination)
}

/// Distributions add words of their own to the version.
fn plain(version: String) -> String {
    match version.split_once(' ') {
        Some((number, _)) => number.to_owned(),
        None => version,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_number_of_a_version_is_told() {
        assert_eq!(plain("15.18 (Debian 15.18-0+deb12u1)".to_owned()), "15.18");
        assert_eq!(plain("17.2".to_owned()), "17.2");
    }
}
