//! The memory that uploads take.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use registry_core::ports::{BlobStore, BlobWriter};
use tokio::time::{sleep, timeout};

use crate::session::{KIB, MIB, Session, pattern, read, write};
use crate::store::{Server, TestStore, options, url};

/// A quarter of it is for publishing.
const BUDGET: usize = 32 * MIB;
const STEP: usize = 256 * KIB;

async fn store() -> TestStore {
    let access = Server::VersityGw.access().await;
    let mut options = options(&access);
    options.buffer_bytes = BUDGET as u64;
    TestStore::open(url(&access, ""), options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_uploads_stay_within_it_and_come_to_an_end() {
    let store = store().await;
    let done = AtomicBool::new(false);
    let upload = |number: u8| {
        let store = &store;
        async move {
            let (bytes, mut session) = (pattern(number, 9 * MIB), Session::new());
            session.stream(&*store.blobs, &bytes, false).await;
            (session, bytes)
        }
    };
    let uploads = async {
        let uploads = join_all((0..50).map(upload)).await;
        done.store(true, Ordering::Relaxed);
        uploads
    };
    let watch = async {
        let mut most = 0;
        while !done.load(Ordering::Relaxed) {
            most = most.max(store.gauge("registry_s3_buffer_bytes"));
            sleep(Duration::from_millis(1)).await;
        }
        most
    };
    let (uploads, most) = tokio::join!(uploads, watch);
    assert!(most > BUDGET as u64 / 2, "{most}");
    assert!(most <= BUDGET as u64, "{most}");
    assert_eq!(store.gauge("registry_s3_buffer_limit_bytes"), BUDGET as u64);
    assert_eq!(store.gauge("registry_s3_buffer_bytes"), 0);
    for (session, bytes) in uploads {
        let published = session.publish(&*store.blobs).await.unwrap();
        assert!(read(&*store.blobs, published.key, bytes.len()).await == bytes);
        store
            .blobs
            .delete(&[session.leftovers(None)])
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn who_has_no_bytes_holds_no_room() {
    let store = store().await;
    let blobs = &*store.blobs;
    let taken = || store.gauge("registry_s3_buffer_bytes");
    let mut writers = Vec::new();
    for _ in 0..20 {
        writers.push(Session::new().writer(blobs).await);
    }
    assert_eq!(taken(), 0);

    // As much as will come, if that is known; else a step.
    let object = Session::new().object;
    let mut small = blobs.append(&object, Some(1_000)).await.unwrap();
    small.write(vec![pattern(1, 10)]).await.unwrap();
    assert_eq!(taken(), 1_000);
    writers[0].write(vec![pattern(1, 10)]).await.unwrap();
    assert_eq!(taken(), 1_000 + STEP as u64);
    let step = STEP + 1;
    writers[0].write(vec![pattern(1, step)]).await.unwrap();
    assert_eq!(taken(), 1_000 + 2 * STEP as u64);
    drop(small);
    writers[0].close(false).await.unwrap();
    assert_eq!(taken(), 0);
}

/// Writers whose clients sent most of a part and pause: no other part fits beside them.
async fn pausing(store: &TestStore) -> Vec<Box<dyn BlobWriter>> {
    let mut writers = Vec::new();
    for _ in 0..3 {
        let mut writer = Session::new().writer(&*store.blobs).await;
        write(&mut writer, &pattern(1, 7 * MIB)).await.unwrap();
        writers.push(writer);
    }
    writers
}

#[tokio::test]
async fn who_waits_for_room_gets_it_from_whoever_is_done_or_gone() {
    let store = store().await;
    let mut writers = pausing(&store).await;
    let mut waiting = Session::new().writer(&*store.blobs).await;
    let soon = timeout(
        Duration::from_millis(50),
        waiting.write(vec![pattern(1, 10)]),
    );
    soon.await.unwrap_err();

    let mut next = Session::new().writer(&*store.blobs).await;
    let begins = next.write(vec![pattern(1, 10)]);
    // In the middle of a part nobody waits for those who are about to begin.
    let closing = async {
        write(&mut writers[0], &pattern(1, MIB)).await.unwrap();
        writers[0].close(false).await.unwrap();
    };
    let (written, ()) = tokio::join!(begins, closing);
    written.unwrap();
    drop((writers, next));
    assert_eq!(store.gauge("registry_s3_buffer_bytes"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_clients_do_not_stop_a_fast_one() {
    let store = store().await;
    let mut slow = Vec::new();
    for _ in 0..20 {
        let mut writer = Session::new().writer(&*store.blobs).await;
        writer.write(vec![pattern(1, 300 * KIB)]).await.unwrap();
        slow.push(writer);
    }
    let (bytes, mut session) = (pattern(2, 40 * MIB), Session::new());
    session.stream(&*store.blobs, &bytes, false).await;
    session.assert_publishes(&*store.blobs, &bytes).await;
    for mut writer in slow {
        writer.close(false).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_published_waits_for_no_client() {
    let store = store().await;
    let blobs = &*store.blobs;
    let (bytes, mut session) = (pattern(1, 10 * MIB), Session::new());
    session.stream(blobs, &bytes, true).await;
    let (small, mut other) = (pattern(2, 1_000), Session::new());
    other.stream(blobs, &small, true).await;
    let _pausing = pausing(&store).await;
    session.assert_publishes(blobs, &bytes).await;
    other.assert_publishes(blobs, &small).await;
}
