//! Everything that can go wrong in a use case. `http-api` maps each variant to a
//! status and an OCI code, in one place; nothing here knows either.

use oci_types::{Digest, ManifestError, RepositoryName};
use thiserror::Error;

use crate::access::Denied;
use crate::ports::{BlobStoreError, MetadataError};

/// Why a request body ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BodyError {
    /// The client went away.
    #[error("the client closed the connection before the body was complete")]
    ClientGone,
    /// The client sent less than the least accepted rate.
    #[error("the body came too slowly")]
    TooSlow,
    /// Its framing is not HTTP.
    #[error("the body is malformed")]
    Malformed,
    /// More came than is accepted.
    #[error("the body is larger than this registry accepts")]
    TooLarge,
}

/// Why a use case did not do what was asked.
#[derive(Debug, Error)]
pub enum RegistryError {
    /// The caller may not.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// No such repository.
    #[error("repository {0} is not known to this registry")]
    NameUnknown(RepositoryName),
    /// The repository has no such manifest or tag.
    #[error("manifest is not known to this repository")]
    ManifestUnknown,
    /// The repository does not hold the blob.
    #[error("blob is not known to this repository")]
    BlobUnknown,
    /// No such upload session in this repository.
    #[error(
        "upload session is not known: it was finished, cancelled or never opened here; start the upload again"
    )]
    UploadUnknown,
    /// A chunk does not begin where the session stands. The session is unharmed.
    #[error(
        "the chunk does not begin where the upload session stands: {committed} bytes are stored"
    )]
    UploadOutOfOrder {
        /// Where it stands, in bytes.
        committed: u64,
    },
    /// Another request writes to the session.
    #[error("another request writes to this upload session; try again")]
    UploadBusy,
    /// Too many request bodies are in memory already.
    #[error("the registry holds as many requests as it can; try again")]
    Overloaded,
    /// `Content-Range` and the body disagree on the length.
    #[error("the body has another length than its Content-Range says")]
    ChunkLengthMismatch,
    /// The bytes are not what the digest says.
    #[error("the content has the digest {actual}, not {expected}")]
    DigestMismatch {
        /// What the client said.
        expected: Digest,
        /// What the bytes are.
        actual: Digest,
    },
    /// The manifest breaks a rule.
    #[error(transparent)]
    ManifestInvalid(#[from] ManifestError),
    /// A descriptor embeds `data` that is not what its digest says.
    #[error("the data embedded in the descriptor of {0} has another digest")]
    EmbeddedDataMismatch(Digest),
    /// Config or layers that are not in the repository.
    #[error("the manifest names blobs this repository does not hold; push them first")]
    ManifestBlobsUnknown(Vec<Digest>),
    /// A descriptor's size is not the stored size.
    #[error("the descriptor of {digest} claims another size than the {stored} bytes stored")]
    DescriptorSizeMismatch {
        /// Which descriptor.
        digest: Digest,
        /// What is stored, in bytes.
        stored: u64,
    },
    /// A manifest larger than this registry accepts.
    #[error("the manifest is larger than the {limit} bytes this registry accepts")]
    ManifestTooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// A blob larger than this registry accepts.
    #[error("the blob is larger than the {limit} bytes this registry accepts")]
    BlobTooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// `If-Match` or `If-None-Match` does not hold.
    #[error("the precondition does not hold")]
    PreconditionFailed {
        /// What the reference names now.
        current: Option<Digest>,
    },
    /// A blob that a manifest of the repository still names.
    #[error("the blob is still named by the manifest {manifest}; delete that first")]
    BlobReferenced {
        /// One such manifest.
        manifest: Digest,
    },
    /// A manifest that an index of the repository still contains.
    #[error("the manifest is still part of the index {parent}; delete that first")]
    ManifestContained {
        /// One such index.
        parent: Digest,
    },
    /// The request body ended early.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The metadata engine failed.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// The blob store failed.
    #[error(transparent)]
    BlobStore(#[from] BlobStoreError),
    /// A stored hash state could not be read back.
    #[error("the upload session cannot be resumed")]
    HashState(#[from] blob_hash::HashStateError),
    /// A task of ours died.
    #[error("a task of the registry failed")]
    Task(#[from] tokio::task::JoinError),
}

impl From<crate::change::Refusal> for RegistryError {
    fn from(refusal: crate::change::Refusal) -> Self {
        match refusal {
            crate::change::Refusal::PreconditionFailed { current } => {
                Self::PreconditionFailed { current }
            }
        }
    }
}
