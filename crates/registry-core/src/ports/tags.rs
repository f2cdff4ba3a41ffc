//! The tag port. Tags are written by [`super::ManifestStore::commit_manifest`].

use async_trait::async_trait;
use oci_types::{RepositoryName, Tag};

use super::{ExistingManifest, MetadataError};
use crate::change::{Change, Guard, Refusal};

/// Outcome of [`TagIndex::delete_tag`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagDeletion {
    /// The tag is gone; the manifest it named stays.
    Deleted,
    /// No such tag here.
    Absent,
    /// No such repository.
    NoRepository,
    /// Nothing changed: the guard said no.
    Refused(Refusal),
}

/// Tags of repositories.
#[async_trait]
pub trait TagIndex: Send + Sync + std::fmt::Debug {
    /// Up to `limit` tags after `after` in byte order; `None` when there is no such repository.
    /// One query over an index range, whatever the number of tags.
    async fn list_tags(
        &self,
        repository: &RepositoryName,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Option<Vec<Tag>>, MetadataError>;

    /// Removes one tag. The guard sees the tag and what it names.
    async fn delete_tag(
        &self,
        change: &Change,
        guard: Guard<ExistingManifest>,
        repository: &RepositoryName,
        tag: &Tag,
    ) -> Result<TagDeletion, MetadataError>;
}
