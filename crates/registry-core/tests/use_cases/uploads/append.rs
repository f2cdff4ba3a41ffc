//! Appending: what is acknowledged, and what remains after a failure.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use registry_core::ports::BlobStoreError;
use registry_core::testing::blob_store::{BlobStoreCall, BlobStoreFault};
use registry_core::{BodyError, RegistryError, Settings};

use crate::bodies::{LARGE, MIB, anywhere, at, broken, pattern, unmeasured, whole};
use crate::registry::{SETTINGS, TestRegistry};

/// Bytes that are written before the registry makes them durable beside the rest.
const CHECKPOINT: usize = 32 * MIB;

fn failed() -> BlobStoreFault {
    BlobStoreFault::Before(BlobStoreError::Failed(io::Error::other("on purpose")))
}

/// Appends in chunks of a size that is no multiple of anything.
#[tokio::test]
async fn chunks_add_up() {
    let registry = TestRegistry::new().await;
    let content = pattern(1, LARGE);
    let id = registry.session().await;
    for start in (0..content.len()).step_by(300_007) {
        let end = content.len().min(start + 300_007);
        let chunk = at(start, &content.slice(start..end));
        assert_eq!(registry.append(id, chunk).await.unwrap(), end as u64);
        assert_eq!(registry.progress(id).await.unwrap(), end as u64);
    }
    registry.close_as(id, &content).await;
}

#[tokio::test]
async fn a_chunk_out_of_order_changes_nothing() {
    let registry = TestRegistry::new().await;
    let content = pattern(1, 1_000);
    let id = registry.session_with(&content).await;
    for start in [0, 999, 1_001] {
        assert_refused!(
            registry.append(id, at(start, &pattern(2, 10))).await,
            RegistryError::UploadOutOfOrder { committed: 1_000 }
        );
    }
    registry.close_as(id, &content).await;
}

#[tokio::test]
async fn a_chunk_of_another_length_than_it_says_changes_nothing() {
    let registry = TestRegistry::new().await;
    let content = pattern(1, 1_000);
    let id = registry.session_with(&content).await;
    let mut told_at_once = at(1_000, &pattern(2, 10));
    told_at_once.body = whole(&pattern(2, 9));
    let mut found_out = at(1_000, &pattern(2, 10));
    found_out.body = unmeasured(&pattern(2, 11));
    for chunk in [told_at_once, found_out] {
        assert_refused!(
            registry.append(id, chunk).await,
            RegistryError::ChunkLengthMismatch
        );
        assert_eq!(registry.progress(id).await.unwrap(), 1_000);
    }
    registry.close_as(id, &content).await;
}

#[tokio::test]
async fn a_flush_that_fails_in_mid_stream_acknowledges_nothing() {
    let registry = TestRegistry::new().await;
    let first = pattern(1, 1_000);
    let id = registry.session_with(&first).await;
    registry.blobs.once(BlobStoreCall::Flush, failed());
    let lost = anywhere(whole(&pattern(2, 2 * CHECKPOINT + 4 * MIB)));
    assert_refused!(
        registry.append(id, lost).await,
        RegistryError::BlobStore(BlobStoreError::Failed(_))
    );
    assert_eq!(registry.progress(id).await.unwrap(), 1_000);
    // Nobody has to wait for a lease.
    let end = pattern(3, 10);
    registry.append(id, at(1_000, &end)).await.unwrap();
    let content = [first, end].concat();
    registry.close_as(id, &content).await;
}

#[tokio::test]
async fn a_later_flush_that_fails_leaves_what_an_earlier_one_recorded() {
    let registry = TestRegistry::new().await;
    let content = pattern(1, 3 * CHECKPOINT + 4 * MIB);
    let id = registry.session().await;
    let flushes = AtomicU64::new(0);
    registry.blobs.on(BlobStoreCall::Flush, move || {
        match flushes.fetch_add(1, Ordering::SeqCst) {
            0 => BlobStoreFault::None,
            _ => failed(),
        }
    });
    assert_refused!(
        registry.append(id, anywhere(whole(&content))).await,
        RegistryError::BlobStore(BlobStoreError::Failed(_))
    );
    registry.blobs.heal();
    let recorded = usize::try_from(registry.progress(id).await.unwrap()).unwrap();
    assert!(
        (CHECKPOINT..2 * CHECKPOINT).contains(&recorded),
        "{recorded}"
    );
    let rest = at(recorded, &content.slice(recorded..));
    registry.append(id, rest).await.unwrap();
    registry.close_as(id, &content).await;
}

#[tokio::test]
async fn a_last_flush_that_fails_acknowledges_nothing() {
    let registry = TestRegistry::new().await;
    let first = pattern(1, 1_000);
    let id = registry.session_with(&first).await;
    registry.blobs.once(BlobStoreCall::Close, failed());
    assert_refused!(
        registry.append(id, at(1_000, &pattern(2, LARGE))).await,
        RegistryError::BlobStore(BlobStoreError::Failed(_))
    );
    assert_eq!(registry.progress(id).await.unwrap(), 1_000);
    // Nobody has to wait for a lease.
    let end = pattern(3, 10);
    registry.append(id, at(1_000, &end)).await.unwrap();
    let content = [first, end].concat();
    registry.close_as(id, &content).await;
}

#[tokio::test]
async fn a_full_disk_leaves_the_session_where_it_was_recorded() {
    let registry = TestRegistry::new().await;
    let content = pattern(1, 1_000 + LARGE);
    let id = registry.session_with(&content.slice(..1_000)).await;
    let rest = content.slice(1_000..);
    let full = io::Error::from(io::ErrorKind::StorageFull);
    let fault = BlobStoreFault::Before(BlobStoreError::Full(full));
    registry.blobs.once(BlobStoreCall::Write, fault);
    assert_refused!(
        registry.append(id, at(1_000, &rest)).await,
        RegistryError::BlobStore(BlobStoreError::Full(_))
    );
    assert_eq!(registry.progress(id).await.unwrap(), 1_000);
    // There is room again: the same chunk goes through at once.
    registry.append(id, at(1_000, &rest)).await.unwrap();
    registry.close_as(id, &content).await;
}

#[tokio::test]
async fn a_body_that_breaks_off_is_kept_and_can_be_resumed() {
    let registry = TestRegistry::new().await;
    let content = pattern(1, 2 * LARGE);
    let id = registry.session().await;
    let chunk = anywhere(broken(&content.slice(..LARGE)));
    assert_refused!(
        registry.append(id, chunk).await,
        RegistryError::Body(BodyError::ClientGone)
    );
    let recorded = usize::try_from(registry.progress(id).await.unwrap()).unwrap();
    assert_eq!(recorded, LARGE, "what came is not sent twice");
    let rest = at(recorded, &content.slice(recorded..));
    registry.append(id, rest).await.unwrap();
    registry.close_as(id, &content).await;
}

#[tokio::test]
async fn a_body_that_is_too_large_ends_the_session() {
    let limit = 1_500_000;
    let settings = Settings {
        max_blob_bytes: Some(limit),
        ..SETTINGS
    };
    let registry = TestRegistry::with(settings).await;
    for more in [whole(&pattern(2, LARGE)), unmeasured(&pattern(2, LARGE))] {
        let id = registry.session_with(&pattern(1, 1_000_000)).await;
        assert_refused!(
            registry.append(id, anywhere(more)).await,
            RegistryError::BlobTooLarge { limit: told } if *told == limit
        );
        assert_refused!(registry.progress(id).await, RegistryError::UploadUnknown);
        assert_eq!(registry.unpublished().len(), 1);
        registry.sweep().await;
        registry.assert_stored(&[], &[]);
    }
    let allowed = pattern(3, 1_500_000);
    let digest = registry.store("team/app", &allowed).await.unwrap();
    assert!(registry.read(&digest).await.unwrap() == allowed);
}
