//! What a job of the writer works with: the connection, inside a transaction that is open.

use std::sync::Arc;
use std::time::Instant;

use futures_util::TryStreamExt as _;
use registry_core::ports::MetadataError;
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Connection as _, Either, Executor as _, Row as _, Sqlite, SqliteConnection};

use crate::cache::Key;
use crate::error::failed;
use crate::metrics::{CHECKPOINT, COMMIT, COMMIT_UNSYNCED, Metrics, ROLLBACK};
use crate::statement::{Bound, Position, Sync};

/// What one statement of a text did.
#[derive(Debug, Default)]
pub(crate) struct ResultSet {
    pub(crate) rows: Vec<SqliteRow>,
    pub(crate) changes: u64,
}

/// The open transaction.
#[derive(Debug)]
pub(crate) struct Transaction {
    connection: SqliteConnection,
    metrics: Arc<Metrics>,
    /// Where the next statement stands.
    position: Position,
    /// What the commit will do about the disk.
    sync: Sync,
    /// Pages of the log that were not in the database when the transaction began.
    log_pages: i64,
    /// Keys of the cache that COMMIT will change.
    touched: Vec<Key>,
    /// The job decided against what it did.
    unwanted: bool,
}

impl Transaction {
    pub(crate) fn new(connection: SqliteConnection, metrics: Arc<Metrics>) -> Self {
        Self {
            connection,
            metrics,
            position: Position::First(Sync::Wait),
            sync: Sync::Wait,
            log_pages: 0,
            touched: Vec::new(),
            unwanted: false,
        }
    }

    /// Runs a text and returns what each of its statements did.
    pub(crate) async fn run(&mut self, bound: Bound) -> Result<Vec<ResultSet>, MetadataError> {
        let name = bound.statement.name;
        let position = self.position;
        let query = bound.query(position).map_err(failed)?;
        self.position = Position::Inside;
        let mut results = self.execute(name, query).await.map_err(failed)?;
        if matches!(position, Position::First(_)) {
            self.log_pages = log_pages(&results).map_err(failed)?;
        }
        results.drain(..position.preamble().min(results.len()));
        Ok(results)
    }

    /// Runs a text and returns its last statement's first row, if it has one.
    pub(crate) async fn row(&mut self, bound: Bound) -> Result<Option<SqliteRow>, MetadataError> {
        let last = self.run(bound).await?.pop();
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

    /// Makes ready for a transaction. It begins with the first statement of the first job.
    pub(super) fn prepare(&mut self, sync: Sync) {
        self.position = Position::First(sync);
        self.sync = sync;
        self.log_pages = 0;
        self.touched.clear();
        self.unwanted = false;
    }

    /// Commits what was done, if anything was.
    pub(super) async fn commit(&mut self) -> sqlx::Result<()> {
        let name = match self.sync {
            Sync::Wait => COMMIT,
            Sync::Leave => COMMIT_UNSYNCED,
        };
        match self.position {
            Position::First(_) => Ok(()),
            Position::Next | Position::Inside => self.control(name, "COMMIT").await,
        }
    }

    /// Gives the whole transaction up, unless SQLite has done so already.
    pub(super) async fn roll_back(&mut self) {
        if let Err(error) = self.control(ROLLBACK, "ROLLBACK").await {
            tracing::debug!(%error, "roll back");
        }
    }

    /// Gives the last job up, and what it touched beyond the first `kept` keys. An error says
    /// that the whole transaction is gone.
    pub(super) async fn roll_back_job(&mut self, kept: usize) -> sqlx::Result<()> {
        self.touched.truncate(kept);
        match self.position {
            // It ran nothing. The savepoint, if there is one, is that of the job before it.
            Position::First(_) | Position::Next => Ok(()),
            Position::Inside => self.control(ROLLBACK, "ROLLBACK TO job").await,
        }
    }

    /// The next statement belongs to another job.
    pub(super) fn next_job(&mut self) {
        self.unwanted = false;
        self.position = match self.position {
            first @ Position::First(_) => first,
            Position::Next | Position::Inside => Position::Next,
        };
    }

    pub(super) fn is_unwanted(&self) -> bool {
        self.unwanted
    }

    pub(super) fn log_pages(&self) -> i64 {
        self.log_pages
    }

    pub(super) fn touched(&self) -> usize {
        self.touched.len()
    }

    pub(super) fn take_touched(&mut self) -> Vec<Key> {
        std::mem::take(&mut self.touched)
    }

    /// Moves the log into the database, as far as readers let it.
    pub(super) async fn checkpoint(&mut self) -> sqlx::Result<()> {
        self.control(CHECKPOINT, "PRAGMA wal_checkpoint(PASSIVE)")
            .await
    }

    /// Closes the connection. SQLite moves the whole log into the database if it is the last.
    pub(super) async fn close(self) {
        if let Err(error) = self.connection.close().await {
            tracing::warn!(%error, "close the metadata database");
        }
    }

    async fn control(&mut self, name: &'static str, sql: &'static str) -> sqlx::Result<()> {
        self.execute(name, sqlx::query(sql)).await.map(drop)
    }

    async fn execute(
        &mut self,
        name: &'static str,
        query: Query<'static, Sqlite, SqliteArguments>,
    ) -> sqlx::Result<Vec<ResultSet>> {
        let began = Instant::now();
        let results = self.collect(query).await;
        self.metrics.observe(name, began.elapsed());
        results
    }

    async fn collect(
        &mut self,
        query: Query<'static, Sqlite, SqliteArguments>,
    ) -> sqlx::Result<Vec<ResultSet>> {
        let mut results = Vec::new();
        let mut rows = Vec::new();
        let mut stream = self.connection.fetch_many(query);
        while let Some(item) = stream.try_next().await? {
            match item {
                Either::Right(row) => rows.push(row),
                Either::Left(end) => {
                    results.push(ResultSet {
                        rows: std::mem::take(&mut rows),
                        changes: end.rows_affected(),
                    });
                }
            }
        }
        Ok(results)
    }
}

/// What `PRAGMA wal_checkpoint` says at the head of a transaction: pages in the log, and those of
/// them that are in the database.
fn log_pages(results: &[ResultSet]) -> sqlx::Result<i64> {
    let Some(row) = results.get(1).and_then(|log| log.rows.first()) else {
        return Ok(0);
    };
    Ok(row.try_get::<i64, _>(1)? - row.try_get::<i64, _>(2)?)
}
