//! Which repositories there are.

use async_trait::async_trait;
use oci_types::RepositoryName;
use registry_core::ports::{Catalog, MetadataError};

use crate::PostgresMetadata;
use crate::rows::names;
use crate::statement::{Statement, statement};

pub(crate) const STATEMENTS: &[&Statement] = &[&LIST];

// The names come as one array: a row each would cost more than finding them. Whether a repository has a
// manifest is looked up one by one: as a join, the planner might read all manifests.
static LIST: Statement = statement!(
    "repository_list",
    "SELECT ARRAY (
        SELECT path FROM repositories
        WHERE deleted_at IS NULL AND path > $1 AND (
            SELECT true FROM manifests
            WHERE repository_id = repositories.id AND manifests.deleted_at IS NULL LIMIT 1
        )
        ORDER BY path LIMIT $2
     )"
);

#[async_trait]
impl Catalog for PostgresMetadata {
    async fn list_repositories(
        &self,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<RepositoryName>, MetadataError> {
        let page = LIST.bind(after.unwrap_or_default()).bind(i64::from(limit));
        let row = self.primary.row(page).await?;
        let names = row.map(|row| names(&row, 0)).transpose()?;
        Ok(names.unwrap_or_default())
    }
}
