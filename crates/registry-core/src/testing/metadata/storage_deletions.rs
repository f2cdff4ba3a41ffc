//! Tombstones, and whether the engine is sound.

use std::time::Duration;

use bytes::Bytes;

use super::{INSTANT, change, due, fresh_key, just_under, lifetimes, name, new_upload};
use crate::ports::{Leftovers, Metadata, StorageKey, UploadStart};
use crate::testing::TestClock;

/// A key that is to be deleted one delay from now.
async fn bury(metadata: &dyn Metadata) -> StorageKey {
    let upload = new_upload("a/b", UploadStart::Open);
    let (id, key) = (upload.id, StorageKey::of(upload.object));
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
    let first = metadata.take_deletions(3).await.unwrap();
    let first: Vec<StorageKey> = first.into_iter().map(|leftovers| leftovers.key).collect();
    assert_eq!(first, keys[..3]);
    assert_eq!(due(metadata).await, keys[3..]);
}

/// It waits for its next turn, and is not in the way of others meanwhile.
pub async fn a_tombstone_that_was_not_carried_out_comes_again(
    metadata: &dyn Metadata,
    clock: &TestClock,
) {
    let stubborn = bury(metadata).await;
    clock.advance(lifetimes().tombstone_delay);
    assert_eq!(due(metadata).await, [stubborn]);
    clock.advance(just_under(lifetimes().tombstone_delay));
    assert_eq!(due(metadata).await, []);
    clock.advance(INSTANT);
    assert_eq!(due(metadata).await, [stubborn]);
}

/// Forgetting one that is not there is no error.
pub async fn forgotten_tombstones_are_gone(metadata: &dyn Metadata, clock: &TestClock) {
    let (gone, kept) = (bury(metadata).await, bury(metadata).await);
    clock.advance(lifetimes().tombstone_delay);
    let leftovers = |key| Leftovers {
        key,
        keep: None,
        state: Bytes::new(),
    };
    metadata
        .forget_deletions(&[leftovers(gone), leftovers(fresh_key())])
        .await
        .unwrap();
    metadata.forget_deletions(&[]).await.unwrap();
    assert_eq!(due(metadata).await, [kept]);
}

/// Less was deleted than is to go by now.
pub async fn a_tombstone_that_asks_for_more_stays(metadata: &dyn Metadata, clock: &TestClock) {
    let key = bury(metadata).await;
    clock.advance(lifetimes().tombstone_delay);
    let less = Leftovers {
        key,
        keep: Some(1),
        state: Bytes::new(),
    };
    metadata.forget_deletions(&[less]).await.unwrap();
    assert_eq!(due(metadata).await, [key]);
}

/// Fresh and used.
pub async fn a_sound_engine_passes_its_probe(metadata: &dyn Metadata, _clock: &TestClock) {
    metadata.probe().await.unwrap();
    bury(metadata).await;
    metadata.probe().await.unwrap();
}
