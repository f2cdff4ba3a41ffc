//! Each row of the table of crashes at the head of `uploads`: the process is killed there, and
//! another one on the same directory repairs what it left.

use std::io;

use bytes::Bytes;
use registry_core::RegistryError;
use registry_core::ports::{BlobStoreError, UploadId};
use registry_core::testing::blob_store::{BlobStoreCall, BlobStoreFault};

use crate::bodies::{LARGE, anywhere, at, pattern, sha256, whole};
use crate::registry::{Machine, TestRegistry, lifetimes};

fn io_error() -> io::Error {
    io::Error::other("on purpose")
}

fn first() -> Bytes {
    pattern(1, 300_000)
}

/// Leaves a session claimed, with its object not published.
async fn claim(registry: &TestRegistry) -> UploadId {
    let id = registry.session_with(&first()).await;
    let close = registry.close(id, sha256(&first()));
    registry.hang_at(BlobStoreCall::Publish, close).await;
    id
}

/// Leaves a session claimed, with its object published and not committed.
async fn publish(registry: &TestRegistry) -> UploadId {
    let id = registry.session_with(&first()).await;
    let fault = BlobStoreFault::After(BlobStoreError::Failed(io_error()));
    registry.blobs.once(BlobStoreCall::Publish, fault);
    assert_refused!(
        registry.close(id, sha256(&first())).await,
        RegistryError::BlobStore(BlobStoreError::Failed(_))
    );
    registry.assert_stored(&[], &[first().len()]);
    id
}

#[test]
fn opened_and_never_written_expires() {
    let machine = Machine::new();
    let id = machine.run(async |registry| registry.session().await);
    machine.run(async |registry| {
        assert_eq!(registry.progress(id).await.unwrap(), 0);
        registry.clock().advance(lifetimes().upload_idle);
        registry.run_jobs().await;
        assert_refused!(registry.progress(id).await, RegistryError::UploadUnknown);
        registry.sweep().await;
        registry.assert_stored(&[], &[]);
    });
}

#[test]
fn written_and_not_recorded_is_cut_off_by_the_next_append() {
    let machine = Machine::new();
    let id = machine.run(async |registry| {
        let id = registry.session_with(&first()).await;
        let lost = registry.append(id, anywhere(whole(&pattern(2, LARGE))));
        registry.hang_at(BlobStoreCall::Close, lost).await;
        id
    });
    machine.run(async |registry| {
        registry.assert_stored(&[first().len() + LARGE], &[]);
        assert_eq!(registry.progress(id).await.unwrap(), first().len() as u64);
        let end = pattern(3, 1_000);
        registry.append(id, at(first().len(), &end)).await.unwrap();
        registry.assert_stored(&[first().len() + end.len()], &[]);
        let content = [first(), end].concat();
        registry.close_as(id, &content).await;
    });
}

#[test]
fn written_and_not_recorded_is_cut_off_by_finishing_too() {
    let machine = Machine::new();
    let id = machine.run(async |registry| {
        let id = registry.session_with(&first()).await;
        let lost = registry.append(id, anywhere(whole(&pattern(2, LARGE))));
        registry.hang_at(BlobStoreCall::Close, lost).await;
        id
    });
    machine.run(async |registry| {
        registry.close_as(id, &first()).await;
        registry.assert_stored(&[], &[first().len()]);
    });
}

#[test]
fn recorded_and_the_reply_lost_is_told_to_whoever_asks_or_repeats() {
    let machine = Machine::new();
    let id = machine.run(async |registry| registry.session_with(&first()).await);
    machine.run(async |registry| {
        let stands = first().len() as u64;
        assert_eq!(registry.progress(id).await.unwrap(), stands);
        assert_refused!(
            registry.append(id, at(0, &first())).await,
            RegistryError::UploadOutOfOrder { committed } if *committed == stands
        );
        // The refusal has harmed nothing.
        let end = pattern(2, 1_000);
        registry.append(id, at(first().len(), &end)).await.unwrap();
        let content = [first(), end].concat();
        registry.close_as(id, &content).await;
    });
}

#[test]
fn claimed_and_not_published_is_completed_by_a_repeated_put() {
    let machine = Machine::new();
    let id = machine.run(async |registry| claim(&registry).await);
    machine.run(async |registry| {
        registry.assert_stored(&[first().len()], &[]);
        let digest = sha256(&first());
        assert_refused!(registry.read(&digest).await, RegistryError::BlobUnknown);
        registry.close(id, digest).await.unwrap();
        assert!(registry.read(&digest).await.unwrap() == first());
        registry.assert_stored(&[], &[first().len()]);
    });
}

#[test]
fn claimed_for_one_digest_is_not_finished_as_another() {
    let machine = Machine::new();
    let id = machine.run(async |registry| claim(&registry).await);
    machine.run(async |registry| {
        let other = sha256(b"another");
        assert_refused!(
            registry.close(id, other).await,
            RegistryError::UploadUnknown
        );
        let more = anywhere(whole(&pattern(2, 10)));
        assert_refused!(
            registry.append(id, more).await,
            RegistryError::UploadUnknown
        );
        registry.close_as(id, &first()).await;
    });
}

#[test]
fn claimed_and_never_asked_for_again_expires() {
    let machine = Machine::new();
    let id = machine.run(async |registry| claim(&registry).await);
    machine.run(async |registry| {
        registry.clock().advance(lifetimes().upload_idle);
        registry.run_jobs().await;
        let repeated = registry.close(id, sha256(&first())).await;
        assert_refused!(repeated, RegistryError::UploadUnknown);
        registry.sweep().await;
        registry.assert_stored(&[], &[]);
    });
}

#[test]
fn claimed_with_its_bytes_in_memory_needs_them_again() {
    let machine = Machine::new();
    let small = pattern(1, 1_000);
    let digest = sha256(&small);
    let id = machine.run(async |registry| {
        let id = registry.session().await;
        let put = registry.finish(id, digest, anywhere(whole(&small)));
        registry.hang_at(BlobStoreCall::Put, put).await;
        id
    });
    machine.run(async |registry| {
        assert_refused!(
            registry.close(id, digest).await,
            RegistryError::UploadUnknown
        );
        assert_refused!(registry.read(&digest).await, RegistryError::BlobUnknown);
        let again = anywhere(whole(&small));
        registry.finish(id, digest, again).await.unwrap();
        assert!(registry.read(&digest).await.unwrap() == small);
    });
}

#[test]
fn published_and_not_committed_is_completed_by_a_repeated_put() {
    let machine = Machine::new();
    let id = machine.run(async |registry| publish(&registry).await);
    machine.run(async |registry| {
        let digest = sha256(&first());
        assert_refused!(registry.read(&digest).await, RegistryError::BlobUnknown);
        registry.close(id, digest).await.unwrap();
        assert!(registry.read(&digest).await.unwrap() == first());
        registry.assert_stored(&[], &[first().len()]);
    });
}

#[test]
fn published_and_never_asked_for_again_expires() {
    let machine = Machine::new();
    machine.run(async |registry| publish(&registry).await);
    machine.run(async |registry| {
        registry.clock().advance(lifetimes().upload_idle);
        registry.run_jobs().await;
        registry.sweep().await;
        registry.assert_stored(&[], &[]);
    });
}

#[test]
fn committed_and_the_reply_lost_is_answered_again_for_its_digest_only() {
    let machine = Machine::new();
    let digest = sha256(&first());
    let id = machine.run(async |registry| {
        let id = registry.session_with(&first()).await;
        registry.close(id, digest).await.unwrap();
        id
    });
    machine.run(async |registry| {
        registry.close(id, digest).await.unwrap();
        let with_body = anywhere(whole(&first()));
        registry.finish(id, digest, with_body).await.unwrap();
        let (other, content) = (sha256(&pattern(9, 10)), pattern(9, 10));
        assert_refused!(
            registry.close(id, other).await,
            RegistryError::UploadUnknown
        );
        let small = anywhere(whole(&content));
        assert_refused!(
            registry.finish(id, other, small).await,
            RegistryError::UploadUnknown
        );
        assert_refused!(registry.progress(id).await, RegistryError::UploadUnknown);
        assert!(registry.read(&digest).await.unwrap() == first());
        assert_refused!(registry.read(&other).await, RegistryError::BlobUnknown);
        registry.sweep().await;
        registry.assert_stored(&[], &[first().len()]);
    });
}
