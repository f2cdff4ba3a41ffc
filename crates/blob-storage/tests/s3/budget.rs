//! The memory that uploads take.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use registry_core::ports::BlobStore;
use tokio::time::{sleep, timeout};

use crate::session::{MIB, Session, pattern, read};
use crate::store::{Server, TestStore, options, url};

/// Of which a quarter is for publishing: room for three parts.
const BUDGET: usize = 32 * MIB;

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

    // As much as will come, if that is known; else a part.
    let object = Session::new().object;
    let mut small = blobs.append(&object, Some(1_000)).await.unwrap();
    small.write(vec![pattern(1, 10)]).await.unwrap();
    assert_eq!(taken(), 1_024);
    writers[0].write(vec![pattern(1, 10)]).await.unwrap();
    assert_eq!(taken(), 1_024 + 8 * MIB as u64);
    drop(small);
    writers[0].close(false).await.unwrap();
    assert_eq!(taken(), 0);

    // Who waits for room gets it from whoever is done, or gone.
    for writer in &mut writers[1..4] {
        writer.write(vec![pattern(1, 10)]).await.unwrap();
    }
    let mut last = writers.pop().unwrap();
    let waiting = timeout(Duration::from_millis(50), last.write(vec![pattern(1, 10)]));
    waiting.await.unwrap_err();
    drop(writers);
    assert_eq!(taken(), 0);
    let object = Session::new().object;
    let mut next = blobs.append(&object, None).await.unwrap();
    next.write(vec![pattern(1, 10)]).await.unwrap();
}

#[tokio::test]
async fn what_is_published_waits_for_no_client() {
    let store = store().await;
    let blobs = &*store.blobs;
    let (bytes, mut session) = (pattern(1, 10 * MIB), Session::new());
    session.stream(blobs, &bytes, true).await;
    let (small, mut other) = (pattern(2, 1_000), Session::new());
    other.stream(blobs, &small, true).await;
    // Clients who began a part and pause.
    let mut pausing = Vec::new();
    for _ in 0..3 {
        let mut writer = Session::new().writer(blobs).await;
        writer.write(vec![pattern(1, 10)]).await.unwrap();
        pausing.push(writer);
    }
    session.assert_publishes(blobs, &bytes).await;
    other.assert_publishes(blobs, &small).await;
}
