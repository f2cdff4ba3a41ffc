//! Tombstones, and whether the engine is sound.

use std::time::Duration;

use super::{INSTANT, change, due, fresh_key, just_under, lifetimes, name, new_upload};
use crate::ports::{Metadata, StorageKey, UploadStart};
use crate::testing::TestClock;

/// A key that is to be deleted one delay from now.
async fn bury(metadata: &dyn Metadata) -> StorageKey {
    let upload = new_upload("a/b", UploadStart::Open);
    let (id, key) = (upload.id, upload.storage_key);
    metadata.create_upload(&change(), upload).await.unwrap();
    assert!(
        metadata
            .cancel_upload(&change(), &name("a/b"), id)
            .await
            .unwrap()
    );
    key
}

/// Not a moment earlier.
pub async fn tombstones_wait_for_their_moment(metadata: &dyn Metadata, clock: &TestClock) {
    let key = bury(metadata).await;
    clock.advance(just_under(lifetimes().tombstone_delay));
    assert_eq!(due(metadata).await, []);
    clock.advance(INSTANT);
    assert_eq!(due(metadata).await, [key]);
}

/// As many as are asked for.
pub async fn the_oldest_tombstones_come_first(metadata: &dyn Metadata, clock: &TestClock) {
    let mut keys = Vec::new();
    for _ in 0..5 {
        keys.push(bury(metadata).await);
        clock.advance(Duration::from_secs(1));
    }
    clock.advance(lifetimes().tombstone_delay);
    let first = metadata.due_deletions(3).await.unwrap();
    let first: Vec<StorageKey> = first
        .into_iter()
        .map(|tombstone| tombstone.storage_key)
        .collect();
    assert_eq!(first, keys[..3]);
    assert_eq!(due(metadata).await, keys);
}

/// Forgetting one that is not there is no error.
pub async fn forgotten_tombstones_are_gone(metadata: &dyn Metadata, clock: &TestClock) {
    let (gone, kept) = (bury(metadata).await, bury(metadata).await);
    clock.advance(lifetimes().tombstone_delay);
    metadata
        .forget_deletions(&[gone, fresh_key()])
        .await
        .unwrap();
    metadata.forget_deletions(&[]).await.unwrap();
    assert_eq!(due(metadata).await, [kept]);
}

/// Fresh and used.
pub async fn a_sound_engine_passes_its_probe(metadata: &dyn Metadata, _clock: &TestClock) {
    metadata.probe().await.unwrap();
    bury(metadata).await;
    metadata.probe().await.unwrap();
}
