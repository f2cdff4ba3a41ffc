//! Which repositories there are.

use async_trait::async_trait;
use oci_types::RepositoryName;
use registry_core::ports::{Catalog, MetadataError};

use crate::SqliteMetadata;
use crate::rows::names;
use crate::statement::{Statement, statement};

pub(crate) const STATEMENTS: &[&Statement] = &[&LIST];

// The names come as the lines of one value: a row each would cost more than finding them.
static LIST: Statement = statement!(
    "repository_list",
    "SELECT group_concat(path, char(10)) FROM (
        SELECT path FROM repositories
        WHERE deleted_at IS NULL AND path > $1 AND EXISTS (
            SELECT 1 FROM manifests
            WHERE repository_id = repositories.id AND manifests.deleted_at IS NULL
        )
        ORDER BY path LIMIT $2
     )"
);

#[async_trait]
impl Catalog for SqliteMetadata {
    async fn list_repositories(
        &self,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<RepositoryName>, MetadataError> {
        let row = self
            .readers
            .row(LIST.bind(after.unwrap_or_default()).bind(limit))
            .await?;
        row.map_or_else(|| Ok(Vec::new()), |row| names(&row, 0))
    }
}
