//! Tombstones: objects nothing names any more, waiting to be deleted.
//!
//! A tombstone is written in the transaction that removes, or never publishes,
//! the key; the object goes later. Keys are never used twice, so a tombstone
//! can be carried out at any time after its moment, any number of times. There is at most one for
//! a session.

use async_trait::async_trait;

use super::{Leftovers, MetadataError};

/// Tombstones that wait.
#[async_trait]
pub trait StorageDeletions: Send + Sync + std::fmt::Debug {
    /// Up to `limit` tombstones whose moment has come, oldest first. Each comes again after
    /// [`super::Lifetimes::tombstone_delay`] unless it is forgotten: so whatever cannot be deleted
    /// does not stand before what can, and two processes do not delete the same.
    async fn take_deletions(&self, limit: u32) -> Result<Vec<Leftovers>, MetadataError>;

    /// Forgets tombstones of which nothing is left, unless they ask for more by now.
    async fn forget_deletions(&self, gone: &[Leftovers]) -> Result<(), MetadataError>;
}
