//! Cases of upload sessions: appending, flushing, taking over, publishing.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use tokio::time::timeout;

use super::{append_flushed, assert_lost, collect, new_key, pattern, pieces, read_whole, session};
use crate::ports::BlobStore;

/// Far more than any of this takes; a case that gets there hangs.
const HANGS: Duration = Duration::from_mins(1);

/// Batches come out as one object, in order.
pub async fn what_is_appended_and_published_can_be_read(store: &dyn BlobStore) {
    let (key, bytes) = (new_key(), pattern(0, 1_000_000));
    let mut writer = store.append(key, 0).await.unwrap();
    for start in (0..bytes.len()).step_by(300_000) {
        let batch = bytes.slice(start..bytes.len().min(start + 300_000));
        writer.write(pieces(&batch)).await.unwrap();
    }
    writer.write(Vec::new()).await.unwrap();
    writer.flush().await.unwrap();
    drop(writer);
    store.publish(key, bytes.len() as u64).await.unwrap();
    assert_eq!(read_whole(store, key, bytes.len()).await, bytes);
}

/// A later writer appends to what an earlier one left.
pub async fn appending_goes_on_where_it_was(store: &dyn BlobStore) {
    let bytes = pattern(1, 3_000);
    let key = session(store, &bytes.slice(..1_000)).await;
    for start in [1_000, 2_000] {
        let mut writer = store.append(key, start as u64).await.unwrap();
        append_flushed(&mut writer, &bytes.slice(start..start + 1_000)).await;
    }
    store.publish(key, 3_000).await.unwrap();
    assert_eq!(read_whole(store, key, 3_000).await, bytes);
}

/// A session whose first bytes were never acknowledged begins again with none.
pub async fn starting_over_forgets_everything(store: &dyn BlobStore) {
    let key = session(store, &pattern(2, 5_000)).await;
    let bytes = pattern(3, 10);
    append_flushed(&mut store.append(key, 0).await.unwrap(), &bytes).await;
    assert_lost(store.publish(key, 5_000).await, key);
    store.publish(key, 10).await.unwrap();
    assert_eq!(read_whole(store, key, 10).await, bytes);
}

/// What a writer that died wrote beyond the recorded offset leaves no trace.
pub async fn an_unacknowledged_tail_is_cut(store: &dyn BlobStore) {
    let key = session(store, &pattern(4, 10_000)).await;
    let end = pattern(5, 7);
    append_flushed(&mut store.append(key, 4_000).await.unwrap(), &end).await;
    assert_lost(store.read_unpublished(key, 4_008).await, key);
    store.publish(key, 4_007).await.unwrap();
    let expected = [&pattern(4, 4_000)[..], &end].concat();
    assert_eq!(read_whole(store, key, 4_007).await, expected);
}

/// A request that was given up may still have a write under way: it ends before the next begins.
pub async fn a_write_nobody_waited_for_stays_out_of_the_next_writers_way(store: &dyn BlobStore) {
    let long = pattern(99, 3_000_000);
    for round in 0..8 {
        let (key, bytes) = (new_key(), pattern(round, 100_000));
        let mut writer = store.append(key, 0).await.unwrap();
        let abandoned = writer.write(vec![long.clone()]).now_or_never();
        drop(writer);
        let mut writer = store.append(key, 0).await.unwrap();
        append_flushed(&mut writer, &bytes).await;
        drop(writer);
        assert_lost(store.read_unpublished(key, 100_001).await, key);
        store.publish(key, 100_000).await.unwrap();
        assert_eq!(
            read_whole(store, key, 100_000).await,
            bytes,
            "after {abandoned:?}"
        );
    }
}

/// The metadata may promise more than is there; that must show before anything is written.
pub async fn appending_to_less_than_was_acknowledged_is_lost(store: &dyn BlobStore) {
    let absent = new_key();
    assert_lost(store.append(absent, 1).await, absent);
    let key = session(store, &pattern(6, 100)).await;
    assert_lost(store.append(key, 101).await, key);
    store.append(key, 100).await.unwrap();
}

/// Two writers never hold one object; the second gets it when the first is dropped.
pub async fn a_second_writer_waits_for_the_first(store: &dyn BlobStore) {
    let key = new_key();
    let mut first = store.append(key, 0).await.unwrap();
    let mut second = store.append(key, 5);
    for _ in 0..50 {
        assert!(second.as_mut().now_or_never().is_none(), "two writers");
        tokio::task::yield_now().await;
    }
    // Another object is free meanwhile.
    timeout(HANGS, store.append(new_key(), 0))
        .await
        .unwrap()
        .unwrap();
    append_flushed(&mut first, &pattern(7, 5)).await;
    drop(first);
    let mut second = timeout(HANGS, second).await.unwrap().unwrap();
    append_flushed(&mut second, &pattern(8, 5)).await;
    drop(second);
    store.publish(key, 10).await.unwrap();
    assert_eq!(
        read_whole(store, key, 10).await,
        [pattern(7, 5), pattern(8, 5)].concat()
    );
}

/// A flush is asked for between two writes and awaited after them, even after the writer is gone.
pub async fn a_flush_runs_beside_later_writes(store: &dyn BlobStore) {
    let (key, bytes) = (new_key(), pattern(9, 600_000));
    let mut writer = store.append(key, 0).await.unwrap();
    writer.write(vec![bytes.slice(..200_000)]).await.unwrap();
    let flush = writer.flush();
    let (flushed, written) = tokio::join!(flush, writer.write(vec![bytes.slice(200_000..400_000)]));
    flushed.unwrap();
    written.unwrap();
    writer.write(vec![bytes.slice(400_000..)]).await.unwrap();
    let flush = writer.flush();
    drop(writer);
    flush.await.unwrap();
    store.publish(key, 600_000).await.unwrap();
    assert_eq!(read_whole(store, key, 600_000).await, bytes);
}

/// Before publishing only [`BlobStore::read_unpublished`] finds the bytes, after it only
/// [`BlobStore::open`].
pub async fn unpublished_bytes_can_be_read_but_not_opened(store: &dyn BlobStore) {
    let bytes = pattern(10, 700_000);
    let key = session(store, &bytes).await;
    assert_lost(store.open(key, 700_000, 0..700_000).await, key);
    assert_lost(store.open(key, 0, 0..0).await, key);
    for length in [0, 1, 262_144, 262_145, 700_000] {
        let stream = store.read_unpublished(key, length as u64).await.unwrap();
        assert_eq!(collect(stream).await, bytes.slice(..length));
    }
    assert_lost(store.read_unpublished(key, 700_001).await, key);
    store.publish(key, 700_000).await.unwrap();
    assert_lost(store.read_unpublished(key, 1).await, key);
    assert_lost(store.append(key, 1).await, key);
    assert_eq!(read_whole(store, key, 700_000).await, bytes);
}

/// Many sessions at once, in small steps, each with its own bytes.
pub async fn sessions_do_not_disturb_each_other(store: &dyn BlobStore) {
    let one = |seed: u8| async move {
        let (key, bytes) = (new_key(), pattern(seed, 40_000));
        let mut writer = store.append(key, 0).await.unwrap();
        for start in (0..bytes.len()).step_by(5_000) {
            append_flushed(&mut writer, &bytes.slice(start..start + 5_000)).await;
        }
        drop(writer);
        store.publish(key, bytes.len() as u64).await.unwrap();
        (key, bytes)
    };
    for (key, bytes) in join_all((0..24).map(one)).await {
        assert_eq!(read_whole(store, key, bytes.len()).await, bytes);
    }
}

/// Whoever finishes a session after a crash need not have appended to it.
pub async fn publishing_cuts_an_unacknowledged_tail(store: &dyn BlobStore) {
    let key = session(store, &pattern(11, 9_000)).await;
    store.publish(key, 2_000).await.unwrap();
    assert_eq!(read_whole(store, key, 2_000).await, pattern(11, 2_000));
    assert_lost(store.open(key, 2_001, 0..1).await, key);
}

/// A client may ask again for what succeeded already.
pub async fn publishing_again_is_no_error(store: &dyn BlobStore) {
    let bytes = pattern(12, 1_234);
    let key = session(store, &bytes).await;
    for _ in 0..3 {
        store.publish(key, 1_234).await.unwrap();
    }
    assert_lost(store.publish(key, 1_235).await, key);
    assert_lost(store.publish(key, 1_233).await, key);
    assert_eq!(read_whole(store, key, 1_234).await, bytes);
}

/// No object, or too short a one, is never published.
pub async fn publishing_what_is_not_there_is_lost(store: &dyn BlobStore) {
    let absent = new_key();
    assert_lost(store.publish(absent, 0).await, absent);
    let key = session(store, &pattern(13, 100)).await;
    assert_lost(store.publish(key, 101).await, key);
    assert_lost(store.open(key, 100, 0..100).await, key);
    store.publish(key, 100).await.unwrap();
}

/// The empty blob is a blob.
pub async fn an_empty_session_can_be_published(store: &dyn BlobStore) {
    let key = new_key();
    let writer = store.append(key, 0).await.unwrap();
    writer.flush().await.unwrap();
    drop(writer);
    store.publish(key, 0).await.unwrap();
    assert!(read_whole(store, key, 0).await.is_empty());
}
