//! The catalog: list repositories.

use oci_types::RepositoryName;

use crate::access::CatalogAccess;
use crate::error::RegistryError;
use crate::registry::Registry;

impl Registry {
    /// Up to `limit` repositories after `after`, in byte order.
    pub async fn list_repositories(
        &self,
        _access: CatalogAccess,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<RepositoryName>, RegistryError> {
        Ok(self.metadata.list_repositories(after, limit).await?)
    }
}
