//! Tombstones: objects nothing names any more, waiting to be deleted.
//!
//! A tombstone is written in the transaction that removes, or never publishes,
//! the key; the object goes later. Keys are never used twice, so a tombstone
//! can be carried out at any time after its moment, any number of times.

use async_trait::async_trait;

use super::{MetadataError, StorageKey};

/// An object to delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tombstone {
    /// Its key.
    pub storage_key: StorageKey,
}

/// Tombstones that wait.
#[async_trait]
pub trait StorageDeletions: Send + Sync + std::fmt::Debug {
    /// Up to `limit` tombstones whose moment has come, oldest first.
    async fn due_deletions(&self, limit: u32) -> Result<Vec<Tombstone>, MetadataError>;

    /// Forgets tombstones whose objects are gone.
    async fn forget_deletions(&self, keys: &[StorageKey]) -> Result<(), MetadataError>;
}
