//! What a job of the writer works with: the connection, inside a transaction that is open.
//!
//! Each job has a savepoint, so that what it does can be taken back without the jobs before it.
//! Transaction and savepoint begin with the first statement that needs them.

use std::sync::Arc;
use std::time::Instant;

use registry_core::ports::MetadataError;
use rusqlite::Connection;

use crate::cache::Key;
use crate::error::failed;
use crate::metrics::{CHECKPOINT, COMMIT, COMMIT_UNSYNCED, Metrics, ROLLBACK};
use crate::statement::{Bound, ResultSet};
use crate::value::Row;

/// What a commit does about the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sync {
    /// Waits until it has everything.
    Wait,
    /// Leaves it to the next commit that waits. A power cut may undo the last commits, always from
    /// some point on and never in between (SQLite, "PRAGMA synchronous", NORMAL).
    Leave,
}

/// How far the transaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// Nothing was run.
    None,
    /// It has begun; the current job ran nothing.
    Begun,
    /// It has begun, and so has the savepoint of the current job.
    InJob,
}

/// The open transaction.
#[derive(Debug)]
pub(crate) struct Transaction {
    connection: Connection,
    metrics: Arc<Metrics>,
    progress: Progress,
    /// What the commit will do about the disk.
    sync: Sync,
    /// What the connection is set to do.
    set_to: Option<Sync>,
    /// Keys of the cache that COMMIT will change.
    touched: Vec<Key>,
    /// The job decided against what it did.
    unwanted: bool,
}

impl Transaction {
    pub(crate) fn new(connection: Connection, metrics: Arc<Metrics>) -> Self {
        Self {
            connection,
            metrics,
            progress: Progress::None,
            sync: Sync::Wait,
            set_to: None,
            touched: Vec::new(),
            unwanted: false,
        }
    }

    /// Runs a text and returns what each of its statements did.
    pub(crate) fn run(&mut self, bound: &Bound) -> Result<Vec<ResultSet>, MetadataError> {
        self.begin().map_err(failed)?;
        self.observe(bound.statement.name, |connection| bound.run(connection))
            .map_err(failed)
    }

    /// Runs a text and returns its last statement's first row, if it has one.
    pub(crate) fn row(&mut self, bound: &Bound) -> Result<Option<Row>, MetadataError> {
        let last = self.run(bound)?.pop();
        Ok(last.and_then(|last| last.rows.into_iter().next()))
    }

    /// Says that the write changes what a cached look-up of `key` would answer.
    pub(crate) fn touch(&mut self, key: Key) {
        self.touched.push(key);
    }

    /// Takes back what the job does, whatever it answers. So a job may write at once, and look
    /// at what it found afterwards.
    pub(crate) fn take_back(&mut self) {
        self.unwanted = true;
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Makes ready for a transaction.
    pub(super) fn prepare(&mut self, sync: Sync) {
        self.progress = Progress::None;
        self.sync = sync;
        self.touched.clear();
        self.unwanted = false;
    }

    /// Commits what was done, if anything was.
    pub(super) fn commit(&mut self) -> rusqlite::Result<()> {
        let name = match self.sync {
            Sync::Wait => COMMIT,
            Sync::Leave => COMMIT_UNSYNCED,
        };
        match self.progress {
            Progress::None => Ok(()),
            Progress::Begun | Progress::InJob => {
                self.observe(name, |connection| control(connection, "COMMIT"))
            }
        }
    }

    /// Gives the whole transaction up, unless SQLite has done so already.
    pub(super) fn roll_back(&mut self) {
        let rolled_back = self.observe(ROLLBACK, |connection| control(connection, "ROLLBACK"));
        if let Err(error) = rolled_back {
            tracing::debug!(%error, "roll back");
        }
    }

    /// Gives the last job up, and what it touched beyond the first `kept` keys. An error says
    /// that the whole transaction is gone.
    pub(super) fn roll_back_job(&mut self, kept: usize) -> rusqlite::Result<()> {
        self.touched.truncate(kept);
        match self.progress {
            // It ran nothing.
            Progress::None | Progress::Begun => Ok(()),
            Progress::InJob => self.observe(ROLLBACK, |connection| {
                control(connection, "ROLLBACK TO job")
            }),
        }
    }

    /// The next statement belongs to another job.
    pub(super) fn next_job(&mut self) -> rusqlite::Result<()> {
        self.unwanted = false;
        if self.progress == Progress::InJob {
            control(&self.connection, "RELEASE job")?;
            self.progress = Progress::Begun;
        }
        Ok(())
    }

    pub(super) fn is_unwanted(&self) -> bool {
        self.unwanted
    }

    pub(super) fn touched(&self) -> usize {
        self.touched.len()
    }

    pub(super) fn take_touched(&mut self) -> Vec<Key> {
        std::mem::take(&mut self.touched)
    }

    /// Pages of the log that are not in the database yet.
    pub(super) fn log_pages(&self) -> rusqlite::Result<i64> {
        let mut look = self
            .connection
            .prepare_cached("PRAGMA wal_checkpoint(NOOP)")?;
        // Whether it was busy, pages in the log, and those of them that are in the database.
        look.query_row([], |row| Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?))
    }

    /// Moves the log into the database, as far as readers let it.
    pub(super) fn checkpoint(&mut self) -> rusqlite::Result<()> {
        self.observe(CHECKPOINT, |connection| {
            control(connection, "PRAGMA wal_checkpoint(PASSIVE)")
        })
    }

    /// Closes the connection. SQLite moves the whole log into the database if it is the last.
    pub(super) fn close(self) {
        if let Err((_, error)) = self.connection.close() {
            tracing::warn!(%error, "close the metadata database");
        }
    }

    fn begin(&mut self) -> rusqlite::Result<()> {
        if self.progress == Progress::None {
            // One that could neither be committed nor given up would be in the way for ever.
            if !self.connection.is_autocommit() {
                control(&self.connection, "ROLLBACK")?;
            }
            self.set_sync()?;
            control(&self.connection, "BEGIN IMMEDIATE")?;
            self.progress = Progress::Begun;
        }
        if self.progress == Progress::Begun {
            control(&self.connection, "SAVEPOINT job")?;
            self.progress = Progress::InJob;
        }
        Ok(())
    }

    fn set_sync(&mut self) -> rusqlite::Result<()> {
        if self.set_to != Some(self.sync) {
            self.set_to = None;
            self.connection.execute_batch(match self.sync {
                Sync::Wait => "PRAGMA synchronous = FULL",
                Sync::Leave => "PRAGMA synchronous = NORMAL",
            })?;
            self.set_to = Some(self.sync);
        }
        Ok(())
    }

    fn observe<T>(&self, name: &'static str, work: impl FnOnce(&Connection) -> T) -> T {
        let began = Instant::now();
        let result = work(&self.connection);
        self.metrics.observe(name, began.elapsed());
        result
    }
}

fn control(connection: &Connection, sql: &'static str) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(())
}
