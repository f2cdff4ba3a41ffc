//! Cases of published objects: putting, opening, deleting.

use std::collections::HashSet;

use bytes::Bytes;
use futures_util::future::join_all;

use super::{Session, assert_lost, pattern, pieces, put, read, read_whole};
use crate::ports::{BlobStore, Leftovers, StorageKey};

/// Stored in one step, in pieces, and there at once, with its hash or without.
pub async fn what_is_put_can_be_read(store: &dyn BlobStore) {
    for length in [1, 2, 4_096, 10_240, 1_048_576] {
        let bytes = pattern(20, length);
        for sha256 in [None, Some(sha256(&bytes))] {
            let object = Session::new().object;
            let published = store.put(&object, pieces(&bytes), sha256).await.unwrap();
            assert!(!published.leftovers);
            assert_eq!(read_whole(store, published.key, length).await, bytes);
        }
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = blob_hash::digest(oci_types::Algorithm::Sha256, bytes);
    digest.hash().try_into().unwrap()
}

/// A put whose answer got lost is repeated, perhaps while the first still runs.
pub async fn putting_again_is_no_error(store: &dyn BlobStore) {
    let (object, bytes) = (Session::new().object, pattern(21, 10_000));
    let puts = (0..8).map(|_| store.put(&object, pieces(&bytes), None));
    let keys: HashSet<StorageKey> = join_all(puts)
        .await
        .into_iter()
        .map(|put| put.unwrap().key)
        .collect();
    assert_eq!(keys.len(), 1);
    for key in keys {
        assert_eq!(read_whole(store, key, 10_000).await, bytes);
    }
}

/// A client that streamed a part, then sends the whole.
pub async fn putting_replaces_what_a_session_left(store: &dyn BlobStore) {
    let mut session = Session::new();
    session.lose(store, &pattern(22, 50_000)).await;
    let bytes = pattern(23, 300);
    let published = store.put(&session.object, vec![bytes.clone()], None);
    let key = published.await.unwrap().key;
    assert_eq!(read_whole(store, key, 300).await, bytes);
    assert_lost(store.open(key, 301, 0..1).await, key);
}

/// The empty blob, as no bytes and as empty ones.
pub async fn nothing_can_be_put(store: &dyn BlobStore) {
    for nothing in [vec![], vec![Bytes::new(), Bytes::new()]] {
        let object = Session::new().object;
        let published = store.put(&object, nothing, None).await.unwrap();
        assert!(read_whole(store, published.key, 0).await.is_empty());
    }
}

/// Each part of an object, up to its ends, and nothing of it.
pub async fn ranges_are_cut_as_asked(store: &dyn BlobStore) {
    let bytes = pattern(24, 1_000);
    let key = put(store, &bytes).await;
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
    let absent = Session::new().object.key;
    assert_lost(store.open(absent, 10, 0..10).await, absent);
    let key = put(store, &pattern(25, 9)).await;
    assert_lost(store.open(key, 10, 0..1).await, key);
}

fn leftovers(session: &Session, keep: Option<u64>) -> Leftovers {
    Leftovers {
        key: session.object.key,
        keep,
        state: session.object.state.clone(),
    }
}

fn leftovers_of(key: StorageKey) -> Leftovers {
    Leftovers {
        key,
        keep: None,
        state: Bytes::new(),
    }
}

/// Published or not, what a session left can be deleted; the others stay.
pub async fn deleted_objects_are_gone(store: &dyn BlobStore) {
    let mut sessions = Vec::new();
    for (length, more) in [(10, true), (100_000, true), (20_000_000, false)] {
        let mut session = Session::new();
        session.append(store, &pattern(26, length), more).await;
        sessions.push(session);
    }
    let [published, kept] =
        [pattern(27, 10), pattern(28, 10)].map(|bytes| async move { put(store, &bytes).await });
    let (published, kept) = (published.await, kept.await);
    let mut all: Vec<Leftovers> = sessions.iter().map(|one| leftovers(one, None)).collect();
    all.push(leftovers_of(published));
    assert_eq!(store.delete(&all).await.unwrap(), all);
    assert_lost(store.open(published, 10, 0..10).await, published);
    for session in &sessions[1..] {
        assert_lost(session.publish(store).await, session.object.key);
    }
    assert_eq!(read_whole(store, kept, 10).await, pattern(28, 10));
}

/// Deletion is repeated until it is known to have happened.
pub async fn deleting_again_is_no_error(store: &dyn BlobStore) {
    let key = put(store, &pattern(29, 10)).await;
    let both = [leftovers_of(key), leftovers_of(Session::new().object.key)];
    for _ in 0..3 {
        assert_eq!(store.delete(&both).await.unwrap(), both);
    }
    assert!(store.delete(&[]).await.unwrap().is_empty());
}

/// What other holders left goes, what was published stays.
pub async fn a_published_object_is_kept_among_leftovers(store: &dyn BlobStore) {
    let bytes = pattern(30, 100_000);
    let mut session = Session::new();
    session.lose(store, &pattern(31, 100_000)).await;
    session.append(store, &bytes, false).await;
    let published = session.publish(store).await.unwrap();
    let rest = [leftovers(&session, Some(published.key.fence))];
    assert_eq!(store.delete(&rest).await.unwrap(), rest);
    assert_eq!(read_whole(store, published.key, bytes.len()).await, bytes);
}

/// Keys share directories or prefixes; objects share nothing.
pub async fn three_hundred_objects_keep_apart(store: &dyn BlobStore) {
    let object = |number: usize| pattern(u8::try_from(number % 251).unwrap(), 100 + number);
    let mut keys = Vec::new();
    for start in (0..300).step_by(50) {
        let put = |number| async move { put(store, &object(number)).await };
        keys.extend(join_all((start..start + 50).map(put)).await);
    }
    for (number, &key) in keys.iter().enumerate() {
        assert_eq!(read_whole(store, key, 100 + number).await, object(number));
    }
    let all: Vec<Leftovers> = keys.iter().map(|&key| leftovers_of(key)).collect();
    assert_eq!(store.delete(&all).await.unwrap().len(), all.len());
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
