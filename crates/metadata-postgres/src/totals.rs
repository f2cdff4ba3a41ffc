//! How much there is in the registry as a whole.

use async_trait::async_trait;
use registry_core::ports::{MetadataError, RegistryTotals, Totals};

use crate::PostgresMetadata;
use crate::rows::{parsed, size};
use crate::statement::{Statement, statement};

pub(crate) const STATEMENTS: &[&Statement] = &[&MEASURE];

// One statement, so that all figures are of one moment.
static MEASURE: Statement = statement!(
    "totals",
    "SELECT count(*), coalesce(sum(size), 0)::bigint, (
        SELECT count(*) FROM repositories
        WHERE deleted_at IS NULL AND EXISTS (
            SELECT FROM manifests
            WHERE repository_id = repositories.id AND manifests.deleted_at IS NULL
        )
     ), (SELECT count(*) FROM uploads WHERE state = 0)
     FROM blobs"
);

#[async_trait]
impl RegistryTotals for PostgresMetadata {
    async fn measure_totals(&self) -> Result<Totals, MetadataError> {
        let row = self.primary.row(MEASURE.bound()).await?;
        // Aggregates give one row, whatever the tables hold.
        let Some(row) = row else {
            return Ok(Totals::default());
        };
        Ok(Totals {
            blobs: parsed(&row, 0, size)?,
            blob_bytes: parsed(&row, 1, size)?,
            repositories: parsed(&row, 2, size)?,
            open_uploads: parsed(&row, 3, size)?,
        })
    }
}
