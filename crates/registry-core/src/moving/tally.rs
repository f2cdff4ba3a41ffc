//! What was done so far, counted while it is done.

use std::sync::atomic::{AtomicU64, Ordering};

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Repositories that were compared.
    pub repositories: u64,
    /// Blobs whose bytes were copied.
    pub blobs: u64,
    /// Those bytes, also of blobs that are under way.
    pub bytes: u64,
    /// Blobs that the target held already, for another repository.
    pub mounted: u64,
    /// Manifests that were pushed.
    pub manifests: u64,
    /// Tags that were set.
    pub tags: u64,
    /// Blobs, manifests and tags that were taken away.
    pub removed: u64,
}

impl Counts {
    /// How much differed.
    pub fn changes(&self) -> u64 {
        self.blobs + self.mounted + self.manifests + self.tags + self.removed
    }

    /// What came to it after `before`.
    pub(super) fn since(&self, before: &Self) -> Self {
        Self {
            repositories: self.repositories - before.repositories,
            blobs: self.blobs - before.blobs,
            bytes: self.bytes - before.bytes,
            mounted: self.mounted - before.mounted,
            manifests: self.manifests - before.manifests,
            tags: self.tags - before.tags,
            removed: self.removed - before.removed,
        }
    }
}

/// The counters.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) repositories: AtomicU64,
    pub(super) blobs: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) mounted: AtomicU64,
    pub(super) manifests: AtomicU64,
    pub(super) tags: AtomicU64,
    pub(super) removed: AtomicU64,
}

impl Tally {
    pub(super) fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            repositories: read(&self.repositories),
            blobs: read(&self.blobs),
            bytes: read(&self.bytes),
            mounted: read(&self.mounted),
            manifests: read(&self.manifests),
            tags: read(&self.tags),
            removed: read(&self.removed),
        }
    }
}

/// Counts one, or so many.
pub(super) fn count(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}
