//! How connections are opened and set up, and the lock that keeps other processes out.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, SqliteConnection};

use crate::statement;

/// How long a connection waits for another of this process; none keeps a lock for long.
const BUSY: Duration = Duration::from_secs(5);

/// Settings of every connection.
const ANY: &str = "
    PRAGMA foreign_keys = ON;
    PRAGMA trusted_schema = OFF;
";

/// Settings of the one connection that writes.
const WRITER: &str = "
    PRAGMA journal_mode = WAL;         -- readers never wait for the writer, nor it for them
    PRAGMA synchronous = FULL;         -- a promise survives a power cut; `writer` says what is one
    PRAGMA temp_store = MEMORY;        -- savepoints never spill to a file
    PRAGMA cache_size = -16384;        -- KiB
    PRAGMA journal_size_limit = 67108864;
    PRAGMA wal_autocheckpoint = 0;     -- the writer decides when, see `writer`
";

/// Settings of a connection that reads.
const READER: &str = "
    PRAGMA cache_size = -4096;         -- KiB
";

// No `PRAGMA optimize` anywhere: it gathers statistics, and with them the planner may choose
// other plans than those the tests explain.

/// The connection that looks at a file and migrates it; also the first, so it creates the file.
pub(crate) async fn migrator(path: &Path) -> sqlx::Result<SqliteConnection> {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .foreign_keys(true)
        .busy_timeout(BUSY)
        .pragma("trusted_schema", "OFF")
        .disable_statement_logging()
        .connect()
        .await
}

/// The connection that writes.
pub(crate) fn writer(path: &Path) -> rusqlite::Result<Connection> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.execute_batch(WRITER)?;
    Ok(connection)
}

/// A connection that reads. It is kept for ever: it cannot break, because there is no network
/// between.
pub(crate) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.execute_batch(READER)?;
    Ok(connection)
}

fn open(path: &Path, access: OpenFlags) -> rusqlite::Result<Connection> {
    // Each has one user at a time.
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.execute_batch(ANY)?;
    let statements = statement::all().map(|statement| statement.parts().len());
    connection.set_prepared_statement_cache_capacity(statements.sum::<usize>() + 16);
    Ok(connection)
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
