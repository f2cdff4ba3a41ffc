//! The inventory port: everything a registry holds, list by list, for whoever copies it.
//!
//! Each list is in the order of its key, byte by byte, and read page by page, so that two registries can be compared
//! without holding either in memory. All of it is asked of the primary, never of a replica.

use async_trait::async_trait;
use oci_types::{Digest, MediaType, RepositoryName, Tag};

use super::{MetadataError, StorageKey, Timestamp};

/// A blob that a repository shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldBlob {
    /// Its digest.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// Where the bytes lie.
    pub storage_key: StorageKey,
}

/// A manifest of a repository, without its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldManifest {
    /// Digest of its payload.
    pub digest: Digest,
    /// Media type it was pushed with last.
    pub media_type: MediaType,
    /// Its place in the order of pushes; means nothing outside the engine but before and after.
    pub order: i64,
    /// When it was pushed.
    pub pushed_at: Timestamp,
}

/// A tag of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldTag {
    /// Its name.
    pub name: Tag,
    /// What it names.
    pub digest: Digest,
}

/// Lists of everything.
#[async_trait]
pub trait Inventory: Send + Sync + std::fmt::Debug {
    /// Up to `limit` repositories that hold a manifest or a blob, after `after`.
    async fn held_repositories(
        &self,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<RepositoryName>, MetadataError>;

    /// Up to `limit` blobs of a repository, after a digest; none where there is no such repository.
    async fn held_blobs(
        &self,
        repository: &RepositoryName,
        after: Option<&Digest>,
        limit: u32,
    ) -> Result<Vec<HeldBlob>, MetadataError>;

    /// Up to `limit` manifests of a repository, after a digest.
    async fn held_manifests(
        &self,
        repository: &RepositoryName,
        after: Option<&Digest>,
        limit: u32,
    ) -> Result<Vec<HeldManifest>, MetadataError>;

    /// Up to `limit` tags of a repository with what they name, after a name.
    async fn held_tags(
        &self,
        repository: &RepositoryName,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<HeldTag>, MetadataError>;

    /// Some repository that shows the blob, if one does: from there it can be mounted.
    async fn blob_holder(&self, digest: &Digest) -> Result<Option<RepositoryName>, MetadataError>;
}
