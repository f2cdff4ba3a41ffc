//! The connections that read. A look-up is one statement here, and so one consistent view.

use std::sync::Arc;
use std::time::Instant;

use registry_core::ports::MetadataError;
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteRow;

use crate::error::failed;
use crate::metrics::Metrics;
use crate::statement::{Bound, Position};

/// Runs statements that change nothing.
#[derive(Debug, Clone)]
pub(crate) struct Readers {
    pool: SqlitePool,
    metrics: Arc<Metrics>,
}

impl Readers {
    pub(crate) fn new(pool: SqlitePool, metrics: Arc<Metrics>) -> Self {
        Self { pool, metrics }
    }

    /// The first row, if there is one.
    pub(crate) async fn row(&self, bound: Bound) -> Result<Option<SqliteRow>, MetadataError> {
        let (name, began) = (bound.statement.name, Instant::now());
        let row = bound
            .query(Position::Inside)
            .map_err(failed)?
            .fetch_optional(&self.pool)
            .await;
        self.metrics.observe(name, began.elapsed());
        row.map_err(failed)
    }

    /// Every row.
    pub(crate) async fn rows(&self, bound: Bound) -> Result<Vec<SqliteRow>, MetadataError> {
        let (name, began) = (bound.statement.name, Instant::now());
        let rows = bound
            .query(Position::Inside)
            .map_err(failed)?
            .fetch_all(&self.pool)
            .await;
        self.metrics.observe(name, began.elapsed());
        rows.map_err(failed)
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}
