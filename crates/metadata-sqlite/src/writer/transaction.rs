//! What a job of the writer works with: the connection, inside a transaction that is open.

use std::sync::Arc;
use std::time::Instant;

use futures_util::TryStreamExt as _;
use registry_core::ports::MetadataError;
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Connection as _, Either, Executor as _, Row as _, Sqlite, SqliteConnection};

use super::job::Sync;
use crate::cache::Key;
use crate::error::failed;
use crate::metrics::{BEGIN, CHECKPOINT, COMMIT, Metrics, ROLLBACK};
use crate::statement::{Bound, NEXT_JOB_STATEMENTS};

/// What one statement of a text did.
#[derive(Debug, Default)]
pub(crate) struct ResultSet {
    pub(crate) rows: Vec<SqliteRow>,
    pub(crate) changes: u64,
}

/// Where the next statement stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Position {
    /// In a job that has its savepoint.
    InJob,
    /// At the head of a job that follows another and has to set its own.
    NextJob,
}

/// The open transaction.
#[derive(Debug)]
pub(crate) struct Transaction {
    connection: SqliteConnection,
    metrics: Arc<Metrics>,
    position: Position,
    touched: Vec<Key>,
}

impl Transaction {
    pub(crate) fn new(connection: SqliteConnection, metrics: Arc<Metrics>) -> Self {
        Self {
            connection,
            metrics,
            position: Position::InJob,
            touched: Vec::new(),
        }
    }

    /// Runs a text and returns what each of its statements did.
    pub(crate) async fn run(&mut self, bound: Bound) -> Result<Vec<ResultSet>, MetadataError> {
        let name = bound.statement.name;
        let (query, skip) = match std::mem::replace(&mut self.position, Position::InJob) {
            Position::InJob => (bound.query(), 0),
            Position::NextJob => (bound.query_in_next_job(), NEXT_JOB_STATEMENTS),
        };
        let mut results = self
            .execute(name, query.map_err(failed)?)
            .await
            .map_err(failed)?;
        results.drain(..skip.min(results.len()));
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

    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Returns how many pages of the log are not in the database yet.
    pub(super) async fn begin(&mut self, sync: Sync) -> sqlx::Result<i64> {
        self.position = Position::InJob;
        self.touched.clear();
        // NORMAL syncs before a checkpoint only, so that a power cut may undo the last commits,
        // always from some point on and never in between; FULL syncs each (SQLite, "PRAGMA synchronous").
        let sql = match sync {
            Sync::Wait => {
                "PRAGMA synchronous = FULL; PRAGMA wal_checkpoint(NOOP); BEGIN IMMEDIATE; SAVEPOINT job"
            }
            Sync::Leave => {
                "PRAGMA synchronous = NORMAL; PRAGMA wal_checkpoint(NOOP); BEGIN IMMEDIATE; SAVEPOINT job"
            }
        };
        let results = self.control(BEGIN, sql).await?;
        match results.iter().find_map(|log| log.rows.first()) {
            Some(row) => Ok(row.try_get::<i64, _>(1)? - row.try_get::<i64, _>(2)?),
            None => Ok(0),
        }
    }

    // Alone: what follows in the same text could fail after the commit took effect.
    pub(super) async fn commit(&mut self) -> sqlx::Result<()> {
        self.control(COMMIT, "COMMIT").await.map(drop)
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
            // It ran nothing, and the savepoint is still that of the job before it.
            Position::NextJob => Ok(()),
            Position::InJob => self.control(ROLLBACK, "ROLLBACK TO job").await.map(drop),
        }
    }

    /// The next statement belongs to another job.
    pub(super) fn next_job(&mut self) {
        self.position = Position::NextJob;
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
            .map(drop)
    }

    /// Closes the connection. SQLite moves the whole log into the database if it is the last.
    pub(super) async fn close(self) {
        if let Err(error) = self.connection.close().await {
            tracing::warn!(%error, "close the metadata database");
        }
    }

    async fn control(
        &mut self,
        name: &'static str,
        sql: &'static str,
    ) -> sqlx::Result<Vec<ResultSet>> {
        self.execute(name, sqlx::query(sql)).await
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
