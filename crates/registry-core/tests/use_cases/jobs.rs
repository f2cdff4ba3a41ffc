//! Background jobs over virtual time: they remove what nobody needs, and nothing else.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use registry_core::ports::BlobStoreError;
use registry_core::testing::blob_store::{BlobStoreCall, BlobStoreFault};
use registry_core::{RegistryError, jobs};

use uuid::Uuid;

use crate::bodies::{LARGE, at, pattern, sha256};
use crate::registry::{TestRegistry, lifetimes};

#[tokio::test]
async fn abandoned_sessions_go_and_nothing_else() {
    let registry = TestRegistry::new().await;
    let (blob, begun) = (pattern(1, 3_000), pattern(2, 2_000));
    let digest = registry.store("team/app", &blob).await.unwrap();
    let abandoned = registry.session_with(&pattern(3, LARGE)).await;
    let touched = registry.session_with(&begun.slice(..1_000)).await;
    registry.clock().advance(lifetimes().upload_idle / 2);
    registry
        .append(touched, at(1_000, &begun.slice(1_000..)))
        .await
        .unwrap();
    registry.clock().advance(lifetimes().upload_idle / 2);
    registry.run_jobs().await;
    assert_refused!(
        registry.progress(abandoned).await,
        RegistryError::UploadUnknown
    );
    // A late writer may still have the file open.
    registry.assert_stored(&[2_000, LARGE], &[3_000]);
    registry.sweep().await;
    registry.assert_stored(&[2_000], &[3_000]);
    registry.close_as(touched, &begun).await;
    assert!(registry.read(&digest).await.unwrap() == blob);
}

#[tokio::test]
async fn a_run_goes_on_until_nothing_is_left() {
    let registry = TestRegistry::new().await;
    let mut sessions = Vec::new();
    for _ in 0..1_001 {
        sessions.push(registry.session().await);
    }
    let content = pattern(1, 10);
    registry
        .append(sessions[1_000], at(0, &content))
        .await
        .unwrap();
    registry.clock().advance(lifetimes().upload_idle);
    registry.run_jobs().await;
    for id in sessions {
        assert_refused!(registry.progress(id).await, RegistryError::UploadUnknown);
    }
    registry.sweep().await;
    registry.assert_stored(&[], &[]);
    assert!(registry.blobs.calls(BlobStoreCall::Delete) >= 3);
}

#[tokio::test]
async fn a_deduplicated_object_goes_and_the_first_stays() {
    let registry = TestRegistry::new().await;
    let content = pattern(1, LARGE);
    let digest = registry.store("team/app", &content).await.unwrap();
    let first = registry.published();
    registry.store("other/app", &content).await.unwrap();
    let id = registry.session_with(&content).await;
    registry.close(id, digest).await.unwrap();
    registry.assert_stored(&[], &[LARGE; 3]);
    registry.run_jobs().await;
    registry.assert_stored(&[], &[LARGE; 3]);
    registry.sweep().await;
    assert_eq!(registry.published(), first);
    for repository in ["team/app", "other/app"] {
        let read = registry.read_from(repository, &digest).await.unwrap();
        assert!(read == content);
    }
}

#[tokio::test]
async fn a_cancelled_session_goes_when_late_writers_are_gone() {
    let registry = TestRegistry::new().await;
    let id = registry.session_with(&pattern(1, 1_000)).await;
    registry.cancel(id).await.unwrap();
    registry.run_jobs().await;
    registry.assert_stored(&[1_000], &[]);
    registry.sweep().await;
    registry.assert_stored(&[], &[]);
}

#[tokio::test]
async fn a_finished_session_is_forgotten_and_its_blob_is_not() {
    let registry = TestRegistry::new().await;
    let content = pattern(1, 1_000);
    let digest = sha256(&content);
    let id = registry.session_with(&content).await;
    registry.close(id, digest).await.unwrap();
    registry.run_jobs().await;
    registry.close(id, digest).await.unwrap();
    registry.clock().advance(lifetimes().upload_done);
    registry.run_jobs().await;
    assert_refused!(
        registry.close(id, digest).await,
        RegistryError::UploadUnknown
    );
    registry.sweep().await;
    assert!(registry.read(&digest).await.unwrap() == content);
}

#[tokio::test]
async fn what_could_not_be_deleted_is_tried_again() {
    let registry = TestRegistry::new().await;
    let id = registry.session_with(&pattern(1, 1_000)).await;
    registry.cancel(id).await.unwrap();
    let error = || BlobStoreError::Failed(io::Error::other("on purpose"));
    registry
        .blobs
        .once(BlobStoreCall::Delete, BlobStoreFault::Before(error()));
    registry.sweep().await;
    registry.assert_stored(&[1_000], &[]);
    registry
        .blobs
        .once(BlobStoreCall::Delete, BlobStoreFault::After(error()));
    let calls = || registry.blobs.calls(BlobStoreCall::Delete);
    registry.run_jobs().await;
    assert_eq!(calls(), 1, "not at once");
    registry.sweep().await;
    registry.assert_stored(&[], &[]);
    // The object is gone, its tombstone is not: it goes with the next turn, and then there is none.
    assert_eq!(calls(), 2);
    registry.sweep().await;
    assert_eq!(calls(), 3);
    registry.sweep().await;
    assert_eq!(calls(), 3);
}

/// What may still be finished, or is too young to tell, is left alone.
#[tokio::test]
async fn what_no_session_will_finish_is_taken_back() {
    let registry = TestRegistry::new().await;
    let asked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&asked);
    registry.blobs.on(BlobStoreCall::Unfinished, move || {
        count.fetch_add(1, Ordering::SeqCst);
        BlobStoreFault::None
    });
    jobs::take_back_unfinished(&registry.registry, registry.clock()).await;
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    // A directory leaves nothing that a row does not lead to.
    assert_eq!(registry.blobs.calls(BlobStoreCall::TakeBack), 0);

    let live = registry.session_with(&pattern(1, 1_000)).await;
    let objects: Vec<Uuid> = registry
        .unpublished()
        .keys()
        .map(|name| name.parse().unwrap())
        .collect();
    let orphan = Uuid::now_v7();
    registry.blobs.pretend_unfinished([objects[0], orphan]);
    jobs::take_back_unfinished(&registry.registry, registry.clock()).await;
    assert_eq!(registry.blobs.taken_back(), [orphan]);
    registry.close_as(live, &pattern(1, 1_000)).await;
}
