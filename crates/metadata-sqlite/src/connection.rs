//! How connections are opened and set up, and the lock that keeps other processes out.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{ConnectOptions as _, SqliteConnection, SqlitePool};

use crate::statement;

/// How long a connection waits for another of this process; none keeps a lock for long.
const BUSY: Duration = Duration::from_secs(5);
/// Rows a connection's thread may be ahead of whoever reads them.
const ROWS_AHEAD: usize = 1024;

/// Settings of the one connection that writes. The journal mode is set apart from these, after
/// the file has proved to be ours.
const WRITER: &str = "
    PRAGMA journal_mode = WAL;         -- readers never wait for the writer, nor it for them
    PRAGMA synchronous = FULL;         -- a promise survives a power cut; `writer` says what is one
    PRAGMA temp_store = MEMORY;        -- savepoints never spill to a file
    PRAGMA cache_size = -16384;        -- KiB
    PRAGMA journal_size_limit = 67108864;
    PRAGMA wal_autocheckpoint = 0;     -- the writer decides when, see `writer`
";

/// The connection that writes; also the first, so it creates the file.
pub(crate) async fn writer(path: &Path) -> sqlx::Result<SqliteConnection> {
    options(path).create_if_missing(true).connect().await
}

/// Makes a connection the writer, once the file is known to be ours.
pub(crate) async fn set_up_writer(connection: &mut SqliteConnection) -> sqlx::Result<()> {
    sqlx::raw_sql(WRITER).execute(connection).await.map(drop)
}

/// The connections that read. They are opened now and kept for ever: none can break, because
/// there is no network between.
pub(crate) async fn readers(path: &Path, count: u32) -> sqlx::Result<SqlitePool> {
    SqlitePoolOptions::new()
        .min_connections(count)
        .max_connections(count)
        .acquire_timeout(BUSY)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_with(options(path).read_only(true).pragma("cache_size", "-4096"))
        .await
}

// No `PRAGMA optimize` anywhere: it gathers statistics, and with them the planner may choose
// other plans than those the tests explain.
fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        .busy_timeout(BUSY)
        // Each in every position it may have.
        .statement_cache_capacity(4 * statement::all().count() + 16)
        .row_buffer_size(ROWS_AHEAD)
        .pragma("trusted_schema", "OFF")
        // `metrics` counts and times every statement, and tells of slow ones by name.
        .disable_statement_logging()
}

/// An advisory lock on a file beside the database, held as long as this value lives. The system
/// gives it up when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct DatabaseLock {
    _file: File,
}

/// Why the lock was not to be had.
#[derive(Debug)]
pub(crate) enum LockError {
    Held,
    Failed(io::Error),
}

impl DatabaseLock {
    pub(crate) fn acquire(database: &Path) -> Result<Self, LockError> {
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(beside(database, "-lock"))
            .map_err(LockError::Failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(LockError::Held),
            Err(TryLockError::Error(error)) => Err(LockError::Failed(error)),
        }
    }
}

/// The path of a file that belongs to a database: `-lock`, `-wal`.
pub(crate) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}
