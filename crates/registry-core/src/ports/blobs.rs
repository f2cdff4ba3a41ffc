//! The blob index: which repository holds which blob, and where its bytes lie.
//!
//! A blob is visible in a repository if, and only if, a link row says so; that
//! the bytes are known elsewhere in the registry never makes them visible.

use async_trait::async_trait;
use oci_types::{Digest, RepositoryName};

use super::{Lookup, MetadataError, StorageKey};
use crate::change::{Change, Guard, Refusal};

/// A blob as one repository sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBlob {
    /// Its digest.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// Where the bytes lie.
    pub storage_key: StorageKey,
}

/// What a guard sees when a blob is linked into a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExistingBlob {
    /// The repository holds it already.
    pub linked: bool,
    /// The namespace holds it already, so that its quota is not charged again.
    pub charged: bool,
    /// Its length in bytes.
    pub size: u64,
}

/// Outcome of [`BlobIndex::mount_blob`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mount {
    /// The target repository holds the blob now.
    Mounted,
    /// The source does not hold it, or is not there; nothing changed.
    NotMounted,
    /// Nothing changed: the guard said no.
    Refused(Refusal),
}

/// Outcome of [`BlobIndex::delete_blob`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlobDeletion {
    /// The repository no longer holds it.
    Deleted,
    /// Nothing changed: this manifest still names it.
    Referenced {
        /// Digest of one such manifest.
        manifest: Digest,
    },
    /// The repository does not hold it.
    Absent,
    /// No such repository.
    NoRepository,
}

/// Blobs of repositories.
#[async_trait]
pub trait BlobIndex: Send + Sync + std::fmt::Debug {
    /// Where the blob lies, if the repository holds it. One query at most; a link that would
    /// expire within [`super::Lifetimes::blob_link_promise`] is extended, because the answer
    /// promises a client that it need not push the blob.
    async fn find_blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Lookup<StoredBlob>, MetadataError>;

    /// The same for a client that is sent to the bytes and is promised nothing. Where a blob of more
    /// than `above` bytes lies may be told from memory for a few seconds, even if the repository
    /// lost it meanwhile.
    async fn locate_blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        above: u64,
    ) -> Result<Lookup<StoredBlob>, MetadataError> {
        let _ = above;
        self.find_blob(repository, digest).await
    }

    /// Links into `target` a blob that `source` holds, or, without a source, one that any
    /// repository of the target's namespace holds. Creates the target repository if it mounts.
    async fn mount_blob(
        &self,
        change: &Change,
        guard: Guard<ExistingBlob>,
        source: Option<&RepositoryName>,
        target: &RepositoryName,
        digest: &Digest,
    ) -> Result<Mount, MetadataError>;

    /// Unlinks a blob no manifest of the repository names, and queues it for garbage collection.
    async fn delete_blob(
        &self,
        change: &Change,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<BlobDeletion, MetadataError>;
}
