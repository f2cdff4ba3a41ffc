//! Look-ups: one statement, and so one consistent view.

use registry_core::ports::MetadataError;
use registry_core::waits;
use sqlx::postgres::PgRow;

use super::Database;
use crate::connection::Role;
use crate::error::{Failure, Fault};
use crate::metrics::Again;
use crate::statement::Bound;

impl Database {
    /// The first row, if there is one.
    pub(crate) async fn row(&self, bound: Bound) -> Result<Option<PgRow>, MetadataError> {
        Ok(self.rows(bound).await?.into_iter().next())
    }

    /// Every row.
    pub(crate) async fn rows(&self, bound: Bound) -> Result<Vec<PgRow>, MetadataError> {
        let rows = waits::for_database(self.look_up(bound)).await;
        Ok(rows?)
    }

    /// Asks again, once, where the connection broke: a look-up changes nothing. Instead of a replica the
    /// primary can be asked.
    async fn look_up(&self, bound: Bound) -> Result<Vec<PgRow>, Failure> {
        let statement = bound.statement;
        let again = bound.arguments.as_ref().ok().cloned();
        match (self.look_up_once(bound).await, again) {
            (Err(failure), Some(arguments))
                if failure.fault() == Fault::Broken && self.role == Role::Primary =>
            {
                self.metrics.again(Again::Connection);
                self.look_up_once(Bound {
                    statement,
                    arguments: Ok(arguments),
                })
                .await
            }
            (rows, _) => rows,
        }
    }

    async fn look_up_once(&self, bound: Bound) -> Result<Vec<PgRow>, Failure> {
        let mut connection = self.connection().await?;
        let rows = self.run(&mut connection, bound).await;
        Self::give_back(connection, rows.as_ref().err());
        rows
    }
}
