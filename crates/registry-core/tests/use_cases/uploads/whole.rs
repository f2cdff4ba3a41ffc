//! Pushing a blob with the request that opens its session.

use std::io;

use bytes::Bytes;
use oci_types::Digest;
use registry_core::ports::BlobStoreError;
use registry_core::testing::blob_store::{BlobStoreCall, BlobStoreFault};
use registry_core::{BodyError, OpenUpload, RegistryError, Settings, UploadBody, UploadOpened};

use crate::bodies::{LARGE, anywhere, broken, pattern, sha256, sha512, unmeasured, whole};
use crate::registry::{SETTINGS, TestRegistry, lifetimes};

async fn post(
    registry: &TestRegistry,
    digest: Digest,
    body: UploadBody,
) -> Result<UploadOpened, RegistryError> {
    let request = OpenUpload::Whole(digest, body);
    registry
        .registry
        .open_upload(&registry.push(), request)
        .await
}

/// Pushes a blob and reads it back.
async fn stored(content: &Bytes, digest: Digest, body: UploadBody) -> TestRegistry {
    let registry = TestRegistry::new().await;
    let opened = post(&registry, digest, body).await.unwrap();
    assert_eq!(opened, UploadOpened::Stored(digest));
    assert!(registry.read(&digest).await.unwrap() == *content);
    registry.assert_stored(&[], &[content.len()]);
    registry
}

#[tokio::test]
async fn a_small_blob_is_stored_in_one_step() {
    let content = pattern(1, 256 * 1024);
    for digest in [sha256(&content), sha512(&content)] {
        let registry = stored(&content, digest, whole(&content)).await;
        assert_eq!(registry.blobs.calls(BlobStoreCall::Put), 1);
        assert_eq!(registry.blobs.calls(BlobStoreCall::Append), 0);
    }
}

#[tokio::test]
async fn a_large_blob_is_streamed() {
    for length in [256 * 1024 + 1, 3 * LARGE] {
        let content = pattern(1, length);
        for digest in [sha256(&content), sha512(&content)] {
            let registry = stored(&content, digest, whole(&content)).await;
            assert_eq!(registry.blobs.calls(BlobStoreCall::Put), 0);
            assert_eq!(registry.blobs.calls(BlobStoreCall::Open), 1);
        }
    }
}

#[tokio::test]
async fn a_blob_of_unknown_length_is_streamed() {
    for content in [pattern(1, 1_000), pattern(1, LARGE)] {
        let registry = stored(&content, sha256(&content), unmeasured(&content)).await;
        assert_eq!(registry.blobs.calls(BlobStoreCall::Put), 0);
    }
}

#[tokio::test]
async fn the_empty_blob_is_stored() {
    let empty = Bytes::new();
    for digest in [sha256(&empty), sha512(&empty)] {
        stored(&empty, digest, whole(&empty)).await;
        stored(&empty, digest, unmeasured(&empty)).await;
    }
}

#[tokio::test]
async fn a_digest_without_a_body_opens_a_session() {
    let registry = TestRegistry::new().await;
    let content = pattern(1, LARGE);
    let digest = sha512(&content);
    let opened = post(&registry, digest, whole(&Bytes::new())).await.unwrap();
    let UploadOpened::Session(id) = opened else {
        panic!("nothing can be stored yet: {opened:?}");
    };
    registry
        .append(id, anywhere(whole(&content)))
        .await
        .unwrap();
    registry.close(id, digest).await.unwrap();
    assert!(registry.read(&digest).await.unwrap() == content);
    // The digest named the algorithm before the bytes came.
    assert_eq!(registry.blobs.calls(BlobStoreCall::Open), 1);
}

#[tokio::test]
async fn a_wrong_digest_leaves_nothing() {
    let registry = TestRegistry::new().await;
    for content in [pattern(1, 1_000), pattern(1, LARGE)] {
        let actual = sha256(&content);
        assert_refused!(
            post(&registry, sha256(b"other"), whole(&content)).await,
            RegistryError::DigestMismatch { actual: told, .. } if *told == actual
        );
        registry.sweep().await;
        registry.assert_stored(&[], &[]);
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_leaves_nothing() {
    let registry = TestRegistry::new().await;
    for content in [pattern(1, 1_000), pattern(1, LARGE)] {
        assert_refused!(
            post(&registry, sha256(&content), broken(&content)).await,
            RegistryError::Body(BodyError::ClientGone)
        );
        registry.sweep().await;
        registry.assert_stored(&[], &[]);
    }
}

#[tokio::test]
async fn a_store_that_fails_leaves_nothing_for_long() {
    let registry = TestRegistry::new().await;
    let cases = [
        (BlobStoreCall::Put, 1_000),
        (BlobStoreCall::Write, LARGE),
        (BlobStoreCall::Close, LARGE),
        (BlobStoreCall::Publish, LARGE),
    ];
    for (call, length) in cases {
        let content = pattern(1, length);
        let error = BlobStoreError::Failed(io::Error::other("on purpose"));
        registry.blobs.once(call, BlobStoreFault::After(error));
        assert_refused!(
            post(&registry, sha256(&content), whole(&content)).await,
            RegistryError::BlobStore(BlobStoreError::Failed(_))
        );
        let visible = registry.read(&sha256(&content)).await;
        assert_refused!(visible, RegistryError::BlobUnknown);
    }
    registry.clock().advance(lifetimes().upload_idle);
    registry.run_jobs().await;
    registry.sweep().await;
    registry.assert_stored(&[], &[]);
}

#[tokio::test]
async fn a_blob_that_is_too_large_leaves_nothing() {
    let settings = Settings {
        max_blob_bytes: Some(1_000),
        ..SETTINGS
    };
    let registry = TestRegistry::with(settings).await;
    for content in [pattern(1, 1_001), pattern(1, LARGE)] {
        for body in [whole(&content), unmeasured(&content)] {
            assert_refused!(
                post(&registry, sha256(&content), body).await,
                RegistryError::BlobTooLarge { limit: 1_000 }
            );
        }
    }
    registry.sweep().await;
    registry.assert_stored(&[], &[]);
    registry
        .store("team/app", &pattern(1, 1_000))
        .await
        .unwrap();
}
