//! Whether the engine answers and knows the last word, for readiness.

use async_trait::async_trait;
use registry_core::ports::{MetadataError, Probe};

use crate::PostgresMetadata;
use crate::error::Failure;
use crate::rows::value;
use crate::statement::{Statement, statement};

pub(crate) const STATEMENTS: &[&Statement] = &[&PROBE];

// A standby, whose primary is elsewhere, will not do. A primary that takes no writes, as many a provider makes of one whose
// disk is full, still serves pulls: each push is told so, and nobody would be helped if all pods were not ready.
static PROBE: Statement = statement!(
    "probe",
    "SELECT pg_is_in_recovery(), EXISTS (SELECT FROM namespaces WHERE id = 1)"
);

#[async_trait]
impl Probe for PostgresMetadata {
    async fn probe(&self) -> Result<(), MetadataError> {
        let row = self.primary.row(PROBE.bound()).await?;
        let follows = row.map(|row| value(&row, 0)).transpose()?;
        match follows {
            Some(false) => Ok(()),
            Some(true) | None => Err(Failure::ReadOnly.into()),
        }
    }
}
