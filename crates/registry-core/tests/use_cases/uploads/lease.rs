//! Leases: of two that write to one session one wins, and the other harms nothing.

use bytes::Bytes;
use registry_core::RegistryError;
use registry_core::testing::blob_store::{BlobStoreCall, BlobStoreFault};
use tokio::sync::mpsc::Sender;

use crate::bodies::{LARGE, anywhere, at, coming, pattern, sha256, unmeasured, whole};
use crate::registry::{TestRegistry, lifetimes};

/// Sends so much of a body that the store is given some of it, and waits for that.
async fn send_until_written(registry: &TestRegistry, sender: &Sender<Bytes>, content: Bytes) {
    let writes = registry.watch(BlobStoreCall::Write, || BlobStoreFault::None);
    sender.send(content).await.unwrap();
    writes.notified().await;
}

#[tokio::test]
async fn who_loses_its_lease_is_fenced_out() {
    let registry = TestRegistry::new().await;
    let (first, lost, kept) = (pattern(1, 1_000), pattern(2, 2 * LARGE), pattern(3, 500));
    let id = registry.session_with(&first).await;
    let (sender, body) = coming();
    let slow = registry.append(id, anywhere(body));
    let quick = async {
        send_until_written(&registry, &sender, lost).await;
        registry.clock().advance(lifetimes().upload_lease);
        let taken_over = registry.watch(BlobStoreCall::Append, || BlobStoreFault::None);
        let end_of_slow = async {
            taken_over.notified().await;
            drop(sender);
        };
        let quick = registry.append(id, at(1_000, &kept));
        tokio::join!(quick, end_of_slow).0
    };
    let (slow, quick) = tokio::join!(slow, quick);
    assert_refused!(slow, RegistryError::UploadUnknown);
    assert_eq!(quick.unwrap(), 1_500);
    let content = [first, kept].concat();
    registry.close_as(id, &content).await;
}

#[tokio::test]
async fn who_loses_its_lease_publishes_nothing() {
    let registry = TestRegistry::new().await;
    let (lost, kept) = (pattern(2, 2 * LARGE), pattern(3, 500));
    let id = registry.session().await;
    let (sender, body) = coming();
    let slow = registry.finish(id, sha256(&lost), anywhere(body));
    let quick = async {
        send_until_written(&registry, &sender, lost.clone()).await;
        registry.clock().advance(lifetimes().upload_lease);
        let taken_over = registry.watch(BlobStoreCall::Append, || BlobStoreFault::None);
        let end_of_slow = async {
            taken_over.notified().await;
            drop(sender);
        };
        let quick = registry.append(id, at(0, &kept));
        tokio::join!(quick, end_of_slow).0
    };
    let (slow, quick) = tokio::join!(slow, quick);
    assert_refused!(slow, RegistryError::UploadUnknown);
    assert_eq!(quick.unwrap(), 500);
    assert_refused!(
        registry.read(&sha256(&lost)).await,
        RegistryError::BlobUnknown
    );
    registry.close_as(id, &kept).await;
    registry.assert_stored(&[], &[500]);
}

#[tokio::test]
async fn who_writes_to_a_cancelled_session_is_told() {
    let registry = TestRegistry::new().await;
    let id = registry.session().await;
    let (sender, body) = coming();
    let append = registry.append(id, anywhere(body));
    let cancel = async {
        send_until_written(&registry, &sender, pattern(1, 2 * LARGE)).await;
        let cancelled = registry.cancel(id).await;
        drop(sender);
        cancelled
    };
    let (append, cancelled) = tokio::join!(append, cancel);
    cancelled.unwrap();
    assert_refused!(append, RegistryError::UploadUnknown);
    assert_refused!(registry.progress(id).await, RegistryError::UploadUnknown);
    assert_refused!(registry.cancel(id).await, RegistryError::UploadUnknown);
    registry.sweep().await;
    registry.assert_stored(&[], &[]);
}

#[tokio::test]
async fn who_comes_second_waits_for_the_first() {
    let registry = TestRegistry::new().await;
    let content = pattern(1, 2 * LARGE);
    let id = registry.session().await;
    let (sender, body) = coming();
    let first = registry.append(id, anywhere(body));
    let second = async {
        send_until_written(&registry, &sender, content.clone()).await;
        let close = registry.finish(id, sha256(&content), anywhere(unmeasured(&Bytes::new())));
        let end_of_first = async { drop(sender) };
        tokio::join!(close, end_of_first).0
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!(first.unwrap(), content.len() as u64);
    second.unwrap();
    assert!(registry.read(&sha256(&content)).await.unwrap() == content);
}

#[tokio::test]
async fn a_request_runs_on_when_its_client_is_gone() {
    let registry = TestRegistry::new().await;
    let content = pattern(1, 2 * LARGE);
    let id = registry.session().await;
    let (sender, body) = coming();
    let writes = registry.watch(BlobStoreCall::Write, || BlobStoreFault::None);
    {
        let mut append = Box::pin(registry.append(id, anywhere(body)));
        tokio::select! {
            outcome = &mut append => panic!("it has ended: {outcome:?}"),
            () = async {
                sender.send(content.clone()).await.unwrap();
                writes.notified().await;
            } => {}
        }
    }
    drop(sender);
    // Waits for the lease, which is given up once everything is recorded.
    let end = pattern(3, 10);
    registry.append(id, at(content.len(), &end)).await.unwrap();
    let content = [content, end].concat();
    registry.close_as(id, &content).await;
}

#[tokio::test]
async fn who_closes_a_session_that_is_written_to_harms_nothing() {
    let registry = TestRegistry::new().await;
    let content = pattern(1, 2 * LARGE);
    let digest = sha256(&content);
    let id = registry.session().await;
    let (sender, body) = coming();
    let append = registry.append(id, anywhere(body));
    let too_early = async {
        send_until_written(&registry, &sender, content.clone()).await;
        let end_of_append = async { drop(sender) };
        tokio::join!(registry.close(id, digest), end_of_append).0
    };
    let (append, too_early) = tokio::join!(append, too_early);
    assert_eq!(append.unwrap(), content.len() as u64);
    // It saw a session that was still empty, or one that was complete.
    if let Err(error) = too_early {
        assert!(
            matches!(error, RegistryError::UploadOutOfOrder { .. }),
            "{error:?}"
        );
    }
    registry.close(id, digest).await.unwrap();
    assert!(registry.read(&digest).await.unwrap() == content);
}

#[tokio::test]
async fn of_many_that_finish_a_session_all_are_told_it_is_done() {
    let registry = TestRegistry::new().await;
    let content = pattern(1, LARGE);
    let digest = sha256(&content);
    for committed in [LARGE, 1_000, 0] {
        let id = registry.session_with(&content.slice(..committed)).await;
        let last = content.slice(committed..);
        let finish = || registry.finish(id, digest, anywhere(whole(&last)));
        let (first, second, third) = tokio::join!(finish(), finish(), finish());
        for finished in [first, second, third] {
            finished.unwrap();
        }
        assert!(registry.read(&digest).await.unwrap() == content);
    }
    registry.sweep().await;
    registry.assert_stored(&[], &[LARGE]);
}
