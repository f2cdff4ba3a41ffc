//! The catalog port: which repositories there are.

use async_trait::async_trait;
use oci_types::RepositoryName;

use super::MetadataError;

/// Repositories of the registry.
#[async_trait]
pub trait Catalog: Send + Sync + std::fmt::Debug {
    /// Up to `limit` repositories that hold a manifest, after `after`, in byte order. A
    /// repository that only ever saw an upload begin is not listed.
    async fn list_repositories(
        &self,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<RepositoryName>, MetadataError>;
}
