//! The manifest port: byte-exact payloads, their references, their tags.

use std::collections::BTreeMap;

use async_trait::async_trait;
use bytes::Bytes;
use oci_types::{Digest, MediaType, Reference, RepositoryName, Tag};

use super::{Lookup, MetadataError, Timestamp};
use crate::change::{Change, Guard, Refusal};

/// What HEAD needs to know of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestStat {
    /// Digest of the payload, in the algorithm it was pushed under.
    pub digest: Digest,
    /// Media type it was pushed with; served whatever `Accept` says.
    pub media_type: MediaType,
    /// Length of the payload in bytes.
    pub size: u64,
}

/// A manifest as it was pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredManifest {
    /// Digest, media type and size.
    pub stat: ManifestStat,
    /// The bytes, never re-serialised.
    pub payload: Bytes,
}

/// In which field of a manifest a blob is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BlobKind {
    /// The `config` of an image.
    Config,
    /// An entry of `layers`.
    Layer,
    /// A layer whose media type forbids distribution: it may be absent, whatever the setting.
    NonDistributable,
    /// An entry of an index's `manifests`: a manifest of the repository if there is one, else a
    /// blob (BuildKit cache), else absent (sparse index). It may always be absent.
    Child,
}

/// One descriptor of a manifest, without its decoration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobReference {
    /// What it names.
    pub digest: Digest,
    /// The size the descriptor claims, in bytes.
    pub size: u64,
    /// Where it is named.
    pub kind: BlobKind,
}

/// Whether config and layers must be in the repository when a manifest is pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MissingReferences {
    /// A missing config or layer refuses the push.
    #[default]
    Refuse,
    /// The manifest is kept and its missing references are filled in later.
    Accept,
}

/// A manifest to be committed.
#[derive(Debug, Clone)]
pub struct NewManifest {
    /// Where; created if absent.
    pub repository: RepositoryName,
    /// Digest of `payload`.
    pub digest: Digest,
    /// Media type it was pushed with.
    pub media_type: MediaType,
    /// The bytes as they came.
    pub payload: Bytes,
    /// What the referrers list says of it: `artifactType`, else the config's media type.
    pub artifact_type: Option<MediaType>,
    /// Annotations, for the referrers list.
    pub annotations: BTreeMap<String, String>,
    /// The manifest it refers to; need not exist.
    pub subject: Option<Digest>,
    /// Its config, layers and children, each digest once, in any order.
    pub references: Vec<BlobReference>,
    /// Tags to point at it, sorted and without repeats; empty for a push by digest.
    pub tags: Vec<Tag>,
    /// What to do about absent config and layers.
    pub missing_references: MissingReferences,
    /// When it was pushed, where that is known from elsewhere; `None` is now.
    pub pushed_at: Option<Timestamp>,
}

/// What a guard sees of the repository when a manifest is put or deleted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExistingManifest {
    /// The digest in question, if the repository holds it already.
    pub digest: Option<Digest>,
    /// Each tag in question with what it names now, in the order of the request.
    pub tags: Vec<(Tag, Option<Digest>)>,
}

impl ExistingManifest {
    /// What a tag of the request names now.
    pub fn target(&self, tag: &Tag) -> Option<Digest> {
        let named = self.tags.iter().find(|(name, _)| name == tag);
        named.and_then(|(_, digest)| *digest)
    }
}

/// Outcome of [`ManifestStore::commit_manifest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ManifestCommit {
    /// Committed and durable.
    Committed,
    /// Nothing changed: these config or layer digests are not in the repository.
    MissingBlobs(Vec<Digest>),
    /// Nothing changed: a descriptor's size is not the stored size.
    SizeMismatch {
        /// The descriptor's digest.
        digest: Digest,
        /// The size in the store, in bytes.
        stored: u64,
    },
    /// Nothing changed: the guard said no.
    Refused(Refusal),
}

/// Outcome of [`ManifestStore::delete_manifest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ManifestDeletion {
    /// The manifest and every tag that named it are gone.
    Deleted,
    /// Nothing changed: this index still contains it.
    Contained {
        /// Digest of one such index.
        parent: Digest,
    },
    /// No such manifest here.
    Absent,
    /// No such repository.
    NoRepository,
    /// Nothing changed: the guard said no.
    Refused(Refusal),
}

/// Manifests of repositories.
#[async_trait]
pub trait ManifestStore: Send + Sync + std::fmt::Debug {
    /// Digest, type and size by tag or digest, without touching the payload. At most one query.
    async fn stat_manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Lookup<ManifestStat>, MetadataError>;

    /// The manifest by tag or digest. At most one query.
    async fn read_manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Lookup<StoredManifest>, MetadataError>;

    /// Writes repository, manifest, references, tags in one transaction, in a number of
    /// statements that depends neither on the references nor on the tags present.
    ///
    /// Inside it, in this order: the guard judges what exists; config and layers are looked up
    /// and their link leases cleared, so that garbage collection cannot take them between check
    /// and write; sizes are compared. Descriptors of an index become children where the
    /// repository has the manifest, else blob references; blob references that waited for this
    /// very digest become children. Pushing the same bytes again is no error.
    async fn commit_manifest(
        &self,
        change: &Change,
        guard: Guard<ExistingManifest>,
        manifest: NewManifest,
    ) -> Result<ManifestCommit, MetadataError>;

    /// Deletes by digest, with every tag that names it, unless an index still contains it; queues
    /// its links for garbage collection in the same transaction.
    async fn delete_manifest(
        &self,
        change: &Change,
        guard: Guard<ExistingManifest>,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<ManifestDeletion, MetadataError>;
}
