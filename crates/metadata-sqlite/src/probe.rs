//! Whether the engine answers, for readiness.

use async_trait::async_trait;
use registry_core::ports::{MetadataError, Probe};

use crate::SqliteMetadata;
use crate::statement::{Statement, statement};
use crate::writer::Effect;

pub(crate) const STATEMENTS: &[&Statement] = &[&PROBE];

static PROBE: Statement = statement!("probe", "SELECT id FROM namespaces WHERE id = 1");

#[async_trait]
impl Probe for SqliteMetadata {
    async fn probe(&self) -> Result<(), MetadataError> {
        let write = self.writer.run(Effect::Keep, |transaction| {
            transaction.run(&PROBE.bound()).map(drop)
        });
        tokio::try_join!(self.readers.row(PROBE.bound()), write).map(drop)
    }
}
