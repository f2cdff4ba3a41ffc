//! The lists that are compared.

use async_trait::async_trait;
use oci_types::RepositoryName;

use super::comparison::List;
use crate::ports::{HeldBlob, HeldManifest, HeldTag, Metadata, MetadataError};

/// Repositories that hold anything.
pub(super) struct Repositories;

/// Blobs of a repository.
pub(super) struct Blobs<'a>(pub(super) &'a RepositoryName);

/// Manifests of a repository.
pub(super) struct Manifests<'a>(pub(super) &'a RepositoryName);

/// Tags of a repository.
pub(super) struct Tags<'a>(pub(super) &'a RepositoryName);

#[async_trait]
impl List for Repositories {
    type Item = RepositoryName;

    fn key(item: &RepositoryName) -> Vec<u8> {
        item.as_str().into()
    }

    async fn page(
        &self,
        metadata: &dyn Metadata,
        after: Option<&RepositoryName>,
        limit: u32,
    ) -> Result<Vec<RepositoryName>, MetadataError> {
        let after = after.map(RepositoryName::as_str);
        metadata.held_repositories(after, limit).await
    }
}

#[async_trait]
impl List for Blobs<'_> {
    type Item = HeldBlob;

    fn key(item: &HeldBlob) -> Vec<u8> {
        item.digest.to_bytes()
    }

    async fn page(
        &self,
        metadata: &dyn Metadata,
        after: Option<&HeldBlob>,
        limit: u32,
    ) -> Result<Vec<HeldBlob>, MetadataError> {
        let after = after.map(|blob| &blob.digest);
        metadata.held_blobs(self.0, after, limit).await
    }
}

#[async_trait]
impl List for Manifests<'_> {
    type Item = HeldManifest;

    fn key(item: &HeldManifest) -> Vec<u8> {
        item.digest.to_bytes()
    }

    async fn page(
        &self,
        metadata: &dyn Metadata,
        after: Option<&HeldManifest>,
        limit: u32,
    ) -> Result<Vec<HeldManifest>, MetadataError> {
        let after = after.map(|manifest| &manifest.digest);
        metadata.held_manifests(self.0, after, limit).await
    }
}

#[async_trait]
impl List for Tags<'_> {
    type Item = HeldTag;

    fn key(item: &HeldTag) -> Vec<u8> {
        item.name.as_str().into()
    }

    async fn page(
        &self,
        metadata: &dyn Metadata,
        after: Option<&HeldTag>,
        limit: u32,
    ) -> Result<Vec<HeldTag>, MetadataError> {
        let after = after.map(|tag| tag.name.as_str());
        metadata.held_tags(self.0, after, limit).await
    }
}
