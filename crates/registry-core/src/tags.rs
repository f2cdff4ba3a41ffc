//! Tags: list. They are set by putting a manifest and removed in `manifests`.

use oci_types::Tag;

use crate::access::PullAccess;
use crate::error::RegistryError;
use crate::registry::Registry;

impl Registry {
    /// Up to `limit` tags after `after`, in byte order.
    pub async fn list_tags(
        &self,
        access: &PullAccess,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Tag>, RegistryError> {
        let tags = self
            .metadata
            .list_tags(access.repository(), after, limit)
            .await?;
        tags.ok_or_else(|| RegistryError::NameUnknown(access.repository().clone()))
    }
}
