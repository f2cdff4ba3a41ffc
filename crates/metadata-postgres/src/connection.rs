//! How connections are set up, the same for each: nothing depends on what an operator has set for
//! the server, the database or the user.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, PgConnection, Row as _};

/// What `pg_stat_activity` shows.
pub(crate) const NAME: &str = "berth";

/// Statements that a connection keeps prepared; more than there are.
pub(crate) const STATEMENTS: usize = 128;

/// How many connections, and how long anything may take on them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) connections: u32,
    pub(crate) acquire_timeout: Duration,
    pub(crate) statement_timeout: Duration,
    pub(crate) writes: Writes,
}

/// Whether a database that was made read-only is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writes {
    /// If its settings let everybody do so.
    AsSet,
    /// Although its settings forbid it to others: whoever moves a registry has forbidden it.
    Always,
}

/// What is asked of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// To write and to know the last word.
    Primary,
    /// To answer look-ups.
    Replica,
}

// One round trip: settings are rows of an answer, too.
//
// - A server that notices that a client is gone gives up what it does and has locked for it. While it works or waits for
//   a lock it only notices if it is told to look, which it can on Linux.
// - What is acknowledged is on the disk of the server, at least. Where more was set, more it is.
// - Whoever waits for others who write gets an answer before the client has given up.
// - A plan is made once, whatever the arguments and however small the tables are by then, and has to
//   be right when they have grown: rows are found by index, one after the other, in the order that
//   the statement leads from one to the next. These are the plans that the tests read.
// - A statement of a millisecond is not worth compiling.
// - What is NULL is left to the server, which may change it while the connection lives.
const SET_UP: &str = "SELECT set_config(name, value, false), pg_is_in_recovery()
    FROM (VALUES
        ('statement_timeout', $1),
        ('lock_timeout', '10s'),
        ('idle_in_transaction_session_timeout', $1),
        ('tcp_keepalives_idle', '30'),
        ('tcp_keepalives_interval', '10'),
        ('tcp_keepalives_count', '3'),
        ('client_connection_check_interval', CASE WHEN version() ~ '-linux' THEN '2s' END),
        ('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' END),
        ('default_transaction_isolation', 'read committed'),
        ('default_transaction_read_only', $2),
        ('plan_cache_mode', 'force_generic_plan'),
        ('enable_seqscan', 'off'),
        ('enable_hashjoin', 'off'),
        ('enable_mergejoin', 'off'),
        ('enable_bitmapscan', 'off'),
        ('enable_material', 'off'),
        ('enable_memoize', 'off'),
        ('jit', 'off')
    ) AS setting (name, value)
    WHERE value IS NOT NULL";

/// What every connection is opened with. No other parameter goes into the first message: a pooler
/// between would refuse it.
pub(crate) fn options(options: PgConnectOptions) -> PgConnectOptions {
    options
        .application_name(NAME)
        .extra_float_digits(None)
        .statement_cache_capacity(STATEMENTS)
        .disable_statement_logging()
}

/// Sets up a connection that was just opened.
pub(crate) async fn set_up(
    connection: &mut PgConnection,
    role: Role,
    settings: Settings,
) -> sqlx::Result<()> {
    let row = sqlx::query(SET_UP)
        .bind(settings.statement_timeout.as_millis().to_string())
        .bind((settings.writes == Writes::Always).then_some("off"))
        .persistent(false)
        .fetch_one(connection)
        .await?;
    let follows: bool = row.try_get(1)?;
    // A primary that only is read-only still knows the last word.
    if follows && role == Role::Primary {
        // Another may be the primary by now, under the same name.
        let standby = "the server takes no writes: it is a standby";
        return Err(sqlx::Error::Io(std::io::Error::other(standby)));
    }
    Ok(())
}
