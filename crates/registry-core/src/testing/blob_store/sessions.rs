//! Cases of upload sessions: appending, flushing, taking over, publishing.

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::join_all;

use super::{Session, assert_lost, pattern, pieces, read_whole};
use crate::ports::{BlobStore, UploadObject};

/// Batches come out as one object, in order.
pub async fn what_is_appended_and_published_can_be_read(store: &dyn BlobStore) {
    let bytes = pattern(0, 1_000_000);
    let mut session = Session::new();
    let mut writer = session.writer(store, None).await;
    for start in (0..bytes.len()).step_by(300_000) {
        let batch = bytes.slice(start..bytes.len().min(start + 300_000));
        writer.write(pieces(&batch)).await.unwrap();
    }
    writer.write(Vec::new()).await.unwrap();
    session.close(writer, bytes.len(), false).await;
    assert_eq!(session.published(store).await, bytes);
}

/// A later holder appends to what earlier ones left, whether it was expected or not.
pub async fn appending_goes_on_where_it_was(store: &dyn BlobStore) {
    for guess in [true, false] {
        let bytes = pattern(1, 3_000);
        let mut session = Session::new();
        for start in [0, 1_000, 2_000] {
            let part = bytes.slice(start..start + 1_000);
            session.append(store, &part, guess).await;
        }
        assert_eq!(session.published(store).await, bytes);
    }
}

/// Chunks of every size, as clients send them, over the bounds of parts.
pub async fn chunks_of_any_size_make_one_object(store: &dyn BlobStore) {
    for (chunk, count) in [
        (1, 40),
        (1_024, 100),
        (100_000, 100),
        (1_048_576, 20),
        (6_000_000, 4),
    ] {
        let bytes = pattern(2, chunk * count);
        let mut session = Session::new();
        for start in (0..bytes.len()).step_by(chunk) {
            let part = bytes.slice(start..start + chunk);
            session.append(store, &part, true).await;
        }
        assert!(session.published(store).await == bytes, "{count} x {chunk}");
    }
}

/// A large stream, then another behind it, though nobody expected one.
pub async fn a_large_object_goes_on_after_a_wrong_guess(store: &dyn BlobStore) {
    let bytes = pattern(3, 42_000_000);
    let mut session = Session::new();
    for part in [
        0..17_000_000,
        17_000_000..17_000_100,
        17_000_100..42_000_000,
    ] {
        session.append(store, &bytes.slice(part), false).await;
    }
    assert!(session.published(store).await == bytes);
}

/// A session whose first bytes were never acknowledged begins again with none.
pub async fn starting_over_forgets_everything(store: &dyn BlobStore) {
    let mut session = Session::new();
    session.lose(store, &pattern(4, 5_000)).await;
    let bytes = pattern(5, 10);
    session.append(store, &bytes, false).await;
    assert_eq!(session.published(store).await, bytes);
}

/// What a holder that died wrote beyond the recorded offset leaves no trace.
pub async fn an_unacknowledged_tail_is_cut(store: &dyn BlobStore) {
    let (begin, end) = (pattern(6, 4_000), pattern(7, 7));
    let mut session = Session::new();
    session.append(store, &begin, true).await;
    session.lose(store, &pattern(8, 6_000)).await;
    session.append(store, &end, false).await;
    assert_eq!(session.published(store).await, [begin, end].concat());
}

/// Whoever finishes a session after a crash need not have appended to it.
pub async fn publishing_cuts_an_unacknowledged_tail(store: &dyn BlobStore) {
    for guess in [true, false] {
        let bytes = pattern(9, 2_000);
        let mut session = Session::new();
        session.append(store, &bytes, guess).await;
        session.lose(store, &pattern(10, 7_000)).await;
        assert_eq!(session.published(store).await, bytes);
    }
}

/// A request that was given up may still have a write under way: it ends before the next begins, or
/// it goes elsewhere.
pub async fn a_write_nobody_waited_for_stays_out_of_the_next_writers_way(store: &dyn BlobStore) {
    let long = pattern(99, 3_000_000);
    for round in 0..8 {
        let bytes = pattern(round, 100_000);
        let mut session = Session::new();
        let mut writer = session.writer(store, None).await;
        let abandoned = writer.write(vec![long.clone()]).now_or_never();
        drop(writer);
        session.append(store, &bytes, false).await;
        let published = session.published(store).await;
        assert_eq!(published, bytes, "after {abandoned:?}");
    }
}

/// It goes on as if nothing had been written.
pub async fn what_is_abandoned_leaves_the_rest_as_it_was(store: &dyn BlobStore) {
    let (begin, end) = (pattern(11, 20_000_000), pattern(12, 3_000));
    let mut session = Session::new();
    session.append(store, &begin, true).await;
    for abandoned in [10, 20_000_000] {
        let mut writer = session.writer(store, None).await;
        writer.write(pieces(&pattern(13, abandoned))).await.unwrap();
        writer.abandon().await;
    }
    session.append(store, &end, false).await;
    assert!(session.published(store).await == [begin, end].concat());
}

/// The metadata may promise more than is there; that must show before anything is published.
pub async fn appending_to_less_than_was_acknowledged_is_lost(store: &dyn BlobStore) {
    let absent = UploadObject {
        committed: 1,
        ..Session::new().object
    };
    assert_lost(store.append(&absent, None).await, absent.key);
    let mut session = Session::new();
    session.append(store, &pattern(14, 100), true).await;
    session.object.committed = 101;
    assert_lost(
        store.append(&session.object, None).await,
        session.object.key,
    );
    session.object.committed = 100;
    store.append(&session.object, None).await.unwrap();
}

/// A flush is asked for between two writes and awaited after them; whoever goes on from what it
/// told finds exactly the bytes before it.
pub async fn a_flush_covers_what_was_written_before_it(store: &dyn BlobStore) {
    let mut session = Session::new();
    let mut writer = session.writer(store, None).await;
    let until = usize::try_from(writer.flush_at()).unwrap();
    // Less than a part: one on its way when its holder dies may still replace that of the next one.
    let bytes = pattern(15, until + 4_000_000);
    for start in (0..until).step_by(1_000_000) {
        let batch = bytes.slice(start..until.min(start + 1_000_000));
        writer.write(vec![batch]).await.unwrap();
    }
    let flush = writer.flush();
    let (flushed, written) = tokio::join!(flush, writer.write(vec![bytes.slice(until..)]));
    written.unwrap();
    assert!(writer.flush_at() > until as u64);
    drop(writer);
    session.absorb(until, flushed.unwrap());
    session.object.key.fence += 1;
    let end = bytes.slice(until..until + 1_000);
    session.append(store, &end, false).await;
    assert!(session.published(store).await == bytes[..until + 1_000]);
}

/// Many sessions at once, in small steps, each with its own bytes.
pub async fn sessions_do_not_disturb_each_other(store: &dyn BlobStore) {
    let one = |seed: u8| async move {
        let bytes = pattern(seed, 40_000);
        let mut session = Session::new();
        for start in (0..bytes.len()).step_by(5_000) {
            let part = bytes.slice(start..start + 5_000);
            session.append(store, &part, true).await;
        }
        assert_eq!(session.published(store).await, bytes);
    };
    join_all((0..24).map(one)).await;
}

/// A client may ask again for what succeeded already.
pub async fn publishing_again_is_no_error(store: &dyn BlobStore) {
    for length in [1_234, 20_000_000] {
        let bytes = pattern(16, length);
        let mut session = Session::new();
        session.append(store, &bytes, false).await;
        let first = session.publish(store).await.unwrap();
        for _ in 0..2 {
            session.object.key.fence += 1;
            let again = session.publish(store).await.unwrap();
            assert_eq!(again.key, first.key);
        }
        assert!(read_whole(store, first.key, bytes.len()).await == bytes);
    }
}

/// No object, or too short a one, is never published.
pub async fn publishing_what_is_not_there_is_lost(store: &dyn BlobStore) {
    let mut session = Session::new();
    session.object.committed = 5;
    assert_lost(session.publish(store).await, session.object.key);
    let mut session = Session::new();
    session.append(store, &pattern(17, 100), false).await;
    session.object.committed = 101;
    assert_lost(session.publish(store).await, session.object.key);
}

/// The empty blob is a blob.
pub async fn an_empty_session_can_be_published(store: &dyn BlobStore) {
    let mut session = Session::new();
    session.append(store, &Bytes::new(), false).await;
    assert!(session.published(store).await.is_empty());
}
