//! Cases of published objects: putting, opening, deleting.

use std::collections::HashSet;

use bytes::Bytes;
use futures_util::future::join_all;

use super::{assert_lost, new_key, pattern, pieces, read, read_whole, session};
use crate::ports::{BlobStore, StorageKey};

/// Stored in one step, in pieces, and there at once.
pub async fn what_is_put_can_be_read(store: &dyn BlobStore) {
    for length in [1, 2, 4_096, 10_240, 1_048_576] {
        let (key, bytes) = (new_key(), pattern(20, length));
        store.put(key, pieces(&bytes)).await.unwrap();
        assert_eq!(read_whole(store, key, length).await, bytes);
    }
}

/// A put whose answer got lost is repeated, perhaps while the first still runs.
pub async fn putting_again_is_no_error(store: &dyn BlobStore) {
    let (key, bytes) = (new_key(), pattern(21, 10_000));
    let puts = (0..8).map(|_| store.put(key, pieces(&bytes)));
    for put in join_all(puts).await {
        put.unwrap();
    }
    assert_eq!(read_whole(store, key, 10_000).await, bytes);
    store.publish(key, 10_000).await.unwrap();
}

/// A client that streamed a part, then sends the whole.
pub async fn putting_replaces_what_a_session_left(store: &dyn BlobStore) {
    let key = session(store, &pattern(22, 50_000)).await;
    let bytes = pattern(23, 300);
    store.put(key, vec![bytes.clone()]).await.unwrap();
    assert_eq!(read_whole(store, key, 300).await, bytes);
    assert_lost(store.open(key, 301, 0..1).await, key);
    assert_lost(store.read_unpublished(key, 1).await, key);
}

/// The empty blob, as no bytes and as empty ones.
pub async fn nothing_can_be_put(store: &dyn BlobStore) {
    for nothing in [vec![], vec![Bytes::new(), Bytes::new()]] {
        let key = new_key();
        store.put(key, nothing).await.unwrap();
        assert!(read_whole(store, key, 0).await.is_empty());
    }
}

/// Each part of an object, up to its ends, and nothing of it.
pub async fn ranges_are_cut_as_asked(store: &dyn BlobStore) {
    let (key, bytes) = (new_key(), pattern(24, 1_000));
    store.put(key, vec![bytes.clone()]).await.unwrap();
    for (start, end) in [
        (0, 1_000),
        (0, 1),
        (999, 1_000),
        (1, 999),
        (500, 500),
        (1_000, 1_000),
    ] {
        let part = read(store, key, 1_000, start as u64..end as u64).await;
        assert_eq!(part, bytes.slice(start..end), "{start}..{end}");
    }
    // More than there is was never promised by the metadata: a fault, not fewer bytes.
    store.open(key, 1_000, 0..1_001).await.unwrap_err();
}

/// The metadata promises an object that is gone or cut: that must show before a byte is sent.
pub async fn opening_what_is_not_there_is_lost(store: &dyn BlobStore) {
    let absent = new_key();
    assert_lost(store.open(absent, 10, 0..10).await, absent);
    let key = new_key();
    store.put(key, vec![pattern(25, 9)]).await.unwrap();
    assert_lost(store.open(key, 10, 0..1).await, key);
}

/// Published or not, an object can be deleted; the others stay.
pub async fn deleted_objects_are_gone(store: &dyn BlobStore) {
    let unpublished = session(store, &pattern(26, 10)).await;
    let [published, kept] = [new_key(), new_key()];
    for key in [published, kept] {
        store.put(key, vec![pattern(27, 10)]).await.unwrap();
    }
    let gone = store.delete(&[unpublished, published]).await.unwrap();
    assert_eq!(
        HashSet::from_iter(gone),
        HashSet::from([unpublished, published])
    );
    assert_lost(store.open(published, 10, 0..10).await, published);
    assert_lost(store.read_unpublished(unpublished, 10).await, unpublished);
    assert_lost(store.append(unpublished, 10).await, unpublished);
    assert_lost(store.publish(unpublished, 10).await, unpublished);
    assert_eq!(read_whole(store, kept, 10).await, pattern(27, 10));
}

/// Deletion is repeated until it is known to have happened.
pub async fn deleting_again_is_no_error(store: &dyn BlobStore) {
    let (key, absent) = (new_key(), new_key());
    store.put(key, vec![pattern(28, 10)]).await.unwrap();
    for _ in 0..3 {
        let gone = store.delete(&[key, absent]).await.unwrap();
        assert_eq!(HashSet::from_iter(gone), HashSet::from([key, absent]));
    }
    assert!(store.delete(&[]).await.unwrap().is_empty());
}

/// Keys share directories or prefixes; objects share nothing.
pub async fn three_hundred_objects_keep_apart(store: &dyn BlobStore) {
    let object = |number: usize| pattern(u8::try_from(number % 251).unwrap(), 100 + number);
    let keys: Vec<StorageKey> = (0..300).map(|_| new_key()).collect();
    for (number, chunk) in keys.chunks(50).enumerate() {
        let put = |(at, &key)| store.put(key, vec![object(number * 50 + at)]);
        for put in join_all(chunk.iter().enumerate().map(put)).await {
            put.unwrap();
        }
    }
    for (number, &key) in keys.iter().enumerate() {
        assert_eq!(read_whole(store, key, 100 + number).await, object(number));
    }
    let gone = store.delete(&keys).await.unwrap();
    assert_eq!(
        HashSet::<StorageKey>::from_iter(gone),
        keys.iter().copied().collect()
    );
    for key in keys {
        assert_lost(store.open(key, 1, 0..1).await, key);
    }
}

/// Readiness, asked by several at once.
pub async fn a_sound_store_passes_its_probe(store: &dyn BlobStore) {
    for probe in join_all((0..8).map(|_| store.probe())).await {
        probe.unwrap();
    }
}
