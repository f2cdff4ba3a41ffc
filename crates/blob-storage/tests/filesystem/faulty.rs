//! The store that fails on purpose fails as it was told, and only then.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use registry_core::ports::{BlobStore, BlobStoreError};
use registry_core::testing::blob_store::{BlobStoreCall, BlobStoreFault, FaultyBlobStore};

use crate::store::{TestStore, new_key, object, session};

fn failure() -> BlobStoreError {
    BlobStoreError::Failed(io::Error::other("on purpose"))
}

async fn faulty() -> (FaultyBlobStore, TestStore) {
    let store = TestStore::new().await;
    (FaultyBlobStore::new(Arc::clone(&store.blobs)), store)
}

#[tokio::test]
async fn a_fault_before_the_work_leaves_it_undone_once() {
    let (faulty, _store) = faulty().await;
    let (key, bytes) = (new_key(), vec![Bytes::from_static(b"x")]);
    faulty.once(BlobStoreCall::Put, BlobStoreFault::Before(failure()));
    faulty
        .put(&object(key, 0), bytes.clone(), None)
        .await
        .unwrap_err();
    faulty.open(key, 1, 0..1).await.unwrap_err();
    faulty.put(&object(key, 0), bytes, None).await.unwrap();
    faulty.open(key, 1, 0..1).await.unwrap();
    assert_eq!(faulty.calls(BlobStoreCall::Put), 2);
    assert_eq!(faulty.calls(BlobStoreCall::Delete), 0);
}

#[tokio::test]
async fn a_fault_after_the_work_loses_its_answer() {
    let (faulty, _store) = faulty().await;
    let key = session(&faulty, b"x").await;
    faulty.once(BlobStoreCall::Publish, BlobStoreFault::After(failure()));
    faulty
        .publish(&object(key, 1), Vec::new())
        .await
        .unwrap_err();
    faulty.open(key, 1, 0..1).await.unwrap();
}

#[tokio::test]
async fn a_hook_decides_until_the_store_is_healed_and_reaches_writers() {
    let (faulty, _store) = faulty().await;
    let mut writer = faulty.append(&object(new_key(), 0), None).await.unwrap();
    for call in [BlobStoreCall::Write, BlobStoreCall::Flush] {
        faulty.on(call, || BlobStoreFault::Before(failure()));
    }
    for _ in 0..2 {
        writer
            .write(vec![Bytes::from_static(b"x")])
            .await
            .unwrap_err();
        writer.flush().await.unwrap_err();
    }
    faulty.heal();
    writer.write(vec![Bytes::from_static(b"x")]).await.unwrap();
    writer.flush().await.unwrap();
    assert_eq!(faulty.calls(BlobStoreCall::Flush), 3);
}

#[tokio::test]
async fn a_call_can_hang() {
    let (faulty, _store) = faulty().await;
    faulty.once(BlobStoreCall::Probe, BlobStoreFault::Hang);
    assert!(faulty.probe().now_or_never().is_none());
    faulty.probe().await.unwrap();
}
