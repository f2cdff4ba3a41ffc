//! What the registry needs from the outside, one trait a noun.
//!
//! A port method is one atomic step of a use case, never a row operation: it
//! happens wholly or not at all, and survives a crash once it has answered.
//! Absence is an `Ok` value; an `Err` always means that the store failed.

mod blob_store;
mod blobs;
mod catalog;
mod clock;
mod error;
mod installation;
mod inventory;
mod manifests;
mod referrers;
mod storage_deletions;
mod tags;
mod totals;
mod uploads;

pub use blob_store::{
    BlobFile, BlobStore, BlobStoreError, BlobWriter, ByteStream, Flush, Leftovers, Location, Part,
    Published, StorageKey, StorageKeyError, Stored, Unfinished, UploadObject,
};
pub use blobs::{BlobDeletion, BlobIndex, ExistingBlob, Mount, StoredBlob};
pub use catalog::Catalog;
pub use clock::{Clock, Timestamp};
pub use error::MetadataError;
pub use installation::{Installation, InstallationState, MoveInto};
pub use inventory::{HeldBlob, HeldManifest, HeldTag, Inventory};
pub use manifests::{
    BlobKind, BlobReference, ExistingManifest, ManifestCommit, ManifestDeletion, ManifestStat,
    ManifestStore, MissingReferences, NewManifest, StoredManifest,
};
pub use referrers::{REFERRER_BYTES, Referrer, ReferrerIndex, ReferrerQuery};
pub use storage_deletions::StorageDeletions;
pub use tags::{TagDeletion, TagIndex};
pub use totals::{RegistryTotals, Totals};
pub use uploads::{
    Acquisition, Checkpoint, Claim, Claimed, Finalization, FinishedUpload, Lease, LeaseAfter,
    LeaseHold, LeasedUpload, Lifetimes, NewUpload, UploadId, UploadProgress, UploadPurpose,
    UploadStart, UploadState, UploadStore,
};

/// What a look-up inside a repository found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup<T> {
    /// It is there.
    Found(T),
    /// The repository is there, the thing is not.
    Absent,
    /// There is no such repository.
    NoRepository,
}

/// Everything a metadata engine implements, held as one object.
pub trait Metadata:
    ManifestStore
    + TagIndex
    + BlobIndex
    + ReferrerIndex
    + Catalog
    + UploadStore
    + StorageDeletions
    + RegistryTotals
    + Inventory
    + Installation
    + Probe
{
}

impl<T> Metadata for T where
    T: ManifestStore
        + TagIndex
        + BlobIndex
        + ReferrerIndex
        + Catalog
        + UploadStore
        + StorageDeletions
        + RegistryTotals
        + Inventory
        + Installation
        + Probe
{
}

/// A cheap check that the engine answers, for readiness.
#[async_trait::async_trait]
pub trait Probe: Send + Sync + std::fmt::Debug {
    /// One round trip that fails when reads or writes would.
    async fn probe(&self) -> Result<(), MetadataError>;
}
