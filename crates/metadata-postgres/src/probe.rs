//! Whether the engine answers and takes writes, for readiness.

use async_trait::async_trait;
use registry_core::ports::{MetadataError, Probe};

use crate::PostgresMetadata;
use crate::error::Failure;
use crate::rows::value;
use crate::statement::{Statement, statement};

pub(crate) const STATEMENTS: &[&Statement] = &[&PROBE];

// A standby is read-only, and so is what many a provider makes of a database whose disk is full. One from which the
// registry is being moved is, too, and still serves pulls.
static PROBE: Statement = statement!(
    "probe",
    "SELECT current_setting('transaction_read_only')::boolean AND NOT EXISTS (
        SELECT FROM installation WHERE one = 1 AND (moving_to IS NOT NULL OR moved_to IS NOT NULL)
     ), EXISTS (SELECT FROM namespaces WHERE id = 1)"
);

#[async_trait]
impl Probe for PostgresMetadata {
    async fn probe(&self) -> Result<(), MetadataError> {
        let row = self.primary.row(PROBE.bound()).await?;
        let read_only = row.map(|row| value(&row, 0)).transpose()?;
        match read_only {
            Some(false) => Ok(()),
            Some(true) | None => Err(Failure::ReadOnly.into()),
        }
    }
}
