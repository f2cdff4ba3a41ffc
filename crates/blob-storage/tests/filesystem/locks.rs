//! One writer an object: what fences do elsewhere, a lock does here.

use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use registry_core::ports::{BlobStoreError, Location};
use tokio::time::timeout;

use crate::store::{TestStore, new_key, object, session};

/// Far more than any of this takes; a case that gets there hangs.
const HANGS: Duration = Duration::from_mins(1);

/// The second gets it when the first is dropped; another object is free meanwhile.
#[tokio::test]
async fn a_second_writer_waits_for_the_first() {
    let store = TestStore::new().await;
    let (key, blobs) = (new_key(), &store.blobs);
    let mut first = blobs.append(&object(key, 0), None).await.unwrap();
    let behind = object(key, 5);
    let mut second = blobs.append(&behind, None);
    for _ in 0..50 {
        assert!(second.as_mut().now_or_never().is_none(), "two writers");
        tokio::task::yield_now().await;
    }
    timeout(HANGS, blobs.append(&object(new_key(), 0), None))
        .await
        .unwrap()
        .unwrap();
    first
        .write(vec![Bytes::from_static(b"first")])
        .await
        .unwrap();
    first.close(true).await.unwrap();
    drop(first);
    let mut second = timeout(HANGS, second).await.unwrap().unwrap();
    second
        .write(vec![Bytes::from_static(b" second")])
        .await
        .unwrap();
    second.close(false).await.unwrap();
    drop(second);
    blobs.publish(&object(key, 12), Vec::new()).await.unwrap();
    let Location::File(part) = blobs.open(key, 12, 0..12).await.unwrap() else {
        panic!("a file");
    };
    assert_eq!(std::io::read_to_string(part.file).unwrap(), "first second");
}

/// Its name is another until it is published.
#[tokio::test]
async fn unpublished_bytes_cannot_be_opened() {
    let store = TestStore::new().await;
    let key = session(&*store.blobs, b"begun").await;
    for size in [0, 5] {
        let opened = store.blobs.open(key, size, 0..size).await;
        assert!(matches!(opened, Err(BlobStoreError::Lost(_))), "{opened:?}");
    }
    store
        .blobs
        .publish(&object(key, 5), Vec::new())
        .await
        .unwrap();
    store.blobs.open(key, 5, 0..5).await.unwrap();
}
