//! Finishing: right and wrong digests, last chunks of every size, a repeated PUT.

use std::io;

use bytes::Bytes;
use oci_types::{Algorithm, Digest};
use registry_core::ports::BlobStoreError;
use registry_core::testing::blob_store::{BlobStoreCall, BlobStoreFault};
use registry_core::{BodyError, OpenUpload, RegistryError, Settings, UploadOpened};

use crate::bodies::{LARGE, anywhere, at, broken, pattern, sha256, sha512, unmeasured, whole};
use crate::registry::{SETTINGS, TestRegistry};

fn failed() -> BlobStoreFault {
    BlobStoreFault::Before(BlobStoreError::Failed(io::Error::other("on purpose")))
}

#[tokio::test]
async fn a_wrong_digest_ends_the_session_and_its_object() {
    let registry = TestRegistry::new().await;
    let (content, wrong) = (pattern(1, LARGE), sha256(b"other"));
    let bodies = [
        ("none", 1_000, Bytes::new()),
        ("small", 0, content.slice(..1_000)),
        ("small after others", 1_000, content.slice(1_000..2_000)),
        ("large", 0, content.clone()),
        ("large after others", 1_000, content.slice(1_000..)),
    ];
    for (case, committed, last) in bodies {
        let id = registry.session_with(&content.slice(..committed)).await;
        let actual = sha256(&[&content[..committed], &last].concat());
        assert_refused!(
            registry.finish(id, wrong, anywhere(whole(&last))).await,
            RegistryError::DigestMismatch { expected, actual: told }
                if *expected == wrong && *told == actual
        );
        assert_refused!(registry.progress(id).await, RegistryError::UploadUnknown);
        assert_refused!(
            registry.close(id, actual).await,
            RegistryError::UploadUnknown
        );
        registry.sweep().await;
        assert!(registry.unpublished().is_empty(), "{case}");
        assert!(registry.published().is_empty(), "{case}");
    }
    assert_refused!(registry.read(&wrong).await, RegistryError::BlobUnknown);
}

/// Finishes a session that holds the first part with the second, and reads the blob back, which opens
/// it once.
async fn finish_in_two(content: &Bytes, committed: usize, digest: Digest) -> TestRegistry {
    let registry = TestRegistry::new().await;
    let id = registry.session_with(&content.slice(..committed)).await;
    let last = anywhere(whole(&content.slice(committed..)));
    registry.finish(id, digest, last).await.unwrap();
    assert!(registry.read(&digest).await.unwrap() == *content);
    registry.assert_stored(&[], &[content.len()]);
    registry
}

#[tokio::test]
async fn sha512_that_is_first_named_at_the_end_is_read_again() {
    let content = pattern(1, LARGE);
    for committed in [1_000, LARGE - 1_000, LARGE] {
        let registry = finish_in_two(&content, committed, sha512(&content)).await;
        assert_eq!(registry.blobs.calls(BlobStoreCall::Open), 2);
    }
}

#[tokio::test]
async fn sha512_of_a_small_blob_in_the_put_is_hashed_as_it_comes() {
    let content = pattern(1, 1_000);
    let registry = finish_in_two(&content, 0, sha512(&content)).await;
    assert_eq!(registry.blobs.calls(BlobStoreCall::Open), 1);
}

#[tokio::test]
async fn a_wrong_sha512_that_is_first_named_at_the_end_ends_the_session() {
    let registry = TestRegistry::new().await;
    let content = pattern(1, LARGE);
    let id = registry.session_with(&content).await;
    assert_refused!(
        registry.close(id, sha512(b"other")).await,
        RegistryError::DigestMismatch { actual, .. } if *actual == sha512(&content)
    );
    assert_refused!(registry.progress(id).await, RegistryError::UploadUnknown);
    registry.sweep().await;
    registry.assert_stored(&[], &[]);
}

/// Whatever algorithm the session was opened for and the digest names.
#[tokio::test]
async fn nothing_is_published_as_nothing_but_itself() {
    let registry = TestRegistry::new().await;
    let (access, content) = (registry.push(), pattern(1, 1_000));
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        for digest in [sha256(&content), sha512(&content)] {
            let request = OpenUpload::Session(algorithm);
            let opened = registry.registry.open_upload(&access, request).await;
            let UploadOpened::Session(id) = opened.unwrap() else {
                panic!("a session");
            };
            assert_refused!(
                registry.close(id, digest).await,
                RegistryError::DigestMismatch { .. }
            );
            assert_refused!(
                registry.read(&digest).await,
                RegistryError::NameUnknown(_) | RegistryError::BlobUnknown
            );
            // Whoever has the bytes is not told that they are there.
            let elsewhere = registry.store("other/app", &content).await.unwrap();
            assert!(registry.read_from("other/app", &elsewhere).await.unwrap() == content);
        }
    }
}

#[tokio::test]
async fn a_small_last_chunk_is_appended() {
    let content = pattern(1, 2_000);
    let registry = finish_in_two(&content, 1_000, sha256(&content)).await;
    assert_eq!(registry.blobs.calls(BlobStoreCall::Open), 1);
}

#[tokio::test]
async fn a_large_last_chunk_is_appended() {
    let content = pattern(1, 1_000 + LARGE);
    let registry = finish_in_two(&content, 1_000, sha256(&content)).await;
    assert_eq!(registry.blobs.calls(BlobStoreCall::Open), 1);
}

/// It alone is what the digest names, but the session holds bytes before it.
#[tokio::test]
async fn a_small_blob_does_not_replace_what_is_recorded() {
    let registry = TestRegistry::new().await;
    let (first, small) = (pattern(1, 1_000), pattern(2, 10));
    let digest = sha256(&small);
    let id = registry.session_with(&first).await;
    assert_refused!(
        registry.finish(id, digest, at(0, &small)).await,
        RegistryError::UploadOutOfOrder { committed: 1_000 }
    );
    assert_eq!(registry.progress(id).await.unwrap(), 1_000);
    assert_refused!(
        registry.finish(id, digest, anywhere(whole(&small))).await,
        RegistryError::DigestMismatch { actual, .. } if *actual == sha256(&[first, small].concat())
    );
    assert_refused!(registry.read(&digest).await, RegistryError::BlobUnknown);
}

#[tokio::test]
async fn a_last_chunk_out_of_order_changes_nothing() {
    let registry = TestRegistry::new().await;
    let content = pattern(1, LARGE);
    let id = registry.session_with(&content.slice(..1_000)).await;
    let digest = sha256(&content);
    for start in [1, 999, 1_001] {
        assert_refused!(
            registry
                .finish(id, digest, at(start, &content.slice(start..)))
                .await,
            RegistryError::UploadOutOfOrder { committed: 1_000 }
        );
    }
    let last = at(1_000, &content.slice(1_000..));
    registry.finish(id, digest, last).await.unwrap();
    assert!(registry.read(&digest).await.unwrap() == content);
}

#[tokio::test]
async fn a_last_chunk_that_breaks_off_is_kept_where_it_said_it_belongs() {
    let registry = TestRegistry::new().await;
    let content = pattern(1, 2 * LARGE);
    let digest = sha256(&content);
    let id = registry.session_with(&content.slice(..1_000)).await;
    let mut last = at(1_000, &content.slice(1_000..));
    last.body = broken(&content.slice(1_000..LARGE + 1_000));
    last.body.length = None;
    assert_refused!(
        registry.finish(id, digest, last).await,
        RegistryError::Body(BodyError::ClientGone)
    );
    let recorded = usize::try_from(registry.progress(id).await.unwrap()).unwrap();
    assert_eq!(recorded, LARGE + 1_000, "what came is not sent twice");
    let last = at(recorded, &content.slice(recorded..));
    registry.finish(id, digest, last).await.unwrap();
    assert!(registry.read(&digest).await.unwrap() == content);
}

/// Whoever names no offset sends all of it again.
#[tokio::test]
async fn a_last_chunk_that_breaks_off_can_be_repeated() {
    let registry = TestRegistry::new().await;
    let content = pattern(1, 2 * LARGE);
    let digest = sha256(&content);
    for committed in [0, 1_000] {
        let id = registry.session_with(&content.slice(..committed)).await;
        let last = anywhere(broken(&content.slice(committed..LARGE + committed)));
        assert_refused!(
            registry.finish(id, digest, last).await,
            RegistryError::Body(BodyError::ClientGone)
        );
        let recorded = registry.progress(id).await.unwrap();
        assert_eq!(recorded, committed as u64);
        let last = anywhere(whole(&content.slice(committed..)));
        registry.finish(id, digest, last).await.unwrap();
        assert!(registry.read(&digest).await.unwrap() == content);
    }
}

#[tokio::test]
async fn a_last_chunk_that_was_not_flushed_can_be_sent_again() {
    let registry = TestRegistry::new().await;
    let content = pattern(1, LARGE);
    let digest = sha256(&content);
    let id = registry.session_with(&content.slice(..1_000)).await;
    let last = || at(1_000, &content.slice(1_000..));
    registry.blobs.once(BlobStoreCall::Close, failed());
    assert_refused!(
        registry.finish(id, digest, last()).await,
        RegistryError::BlobStore(BlobStoreError::Failed(_))
    );
    assert_eq!(registry.progress(id).await.unwrap(), 1_000);
    registry.finish(id, digest, last()).await.unwrap();
    assert!(registry.read(&digest).await.unwrap() == content);
}

#[tokio::test]
async fn a_publish_that_fails_is_completed_by_a_repeated_put() {
    let registry = TestRegistry::new().await;
    let content = pattern(1, LARGE);
    let digest = sha256(&content);
    // Nothing, a small and a large last chunk, and the blob whole.
    for committed in [LARGE, LARGE - 1_000, 1_000, 0] {
        let last = content.slice(committed..);
        let without_range = || anywhere(whole(&last));
        let with_range = || match last.len() {
            0 => without_range(),
            _ => at(committed, &last),
        };
        let repeats = [
            without_range(),
            with_range(),
            anywhere(whole(&Bytes::new())),
        ];
        for repeat in repeats {
            let id = registry.session_with(&content.slice(..committed)).await;
            registry.blobs.once(BlobStoreCall::Publish, failed());
            assert_refused!(
                registry.finish(id, digest, with_range()).await,
                RegistryError::BlobStore(BlobStoreError::Failed(_))
            );
            registry.finish(id, digest, repeat).await.unwrap();
            registry.close(id, digest).await.unwrap();
            assert!(registry.read(&digest).await.unwrap() == content);
        }
    }
}

#[tokio::test]
async fn a_put_of_a_small_blob_that_fails_can_be_repeated() {
    let registry = TestRegistry::new().await;
    let content = pattern(1, 1_000);
    let digest = sha256(&content);
    let id = registry.session().await;
    let put = || anywhere(whole(&content));
    registry.blobs.once(BlobStoreCall::Put, failed());
    assert_refused!(
        registry.finish(id, digest, put()).await,
        RegistryError::BlobStore(BlobStoreError::Failed(_))
    );
    assert_refused!(registry.read(&digest).await, RegistryError::BlobUnknown);
    registry.finish(id, digest, put()).await.unwrap();
    registry.finish(id, digest, put()).await.unwrap();
    assert!(registry.read(&digest).await.unwrap() == content);
    registry.assert_stored(&[], &[content.len()]);
}

#[tokio::test]
async fn the_empty_blob_comes_in_by_every_way() {
    let empty = Bytes::new();
    for digest in [sha256(&empty), sha512(&empty)] {
        let registry = TestRegistry::new().await;
        let never_written = registry.session().await;
        registry.close(never_written, digest).await.unwrap();
        let appended = registry.session_with(&empty).await;
        registry.close(appended, digest).await.unwrap();
        let unknown_length = registry.session().await;
        let nothing = anywhere(unmeasured(&empty));
        registry
            .finish(unknown_length, digest, nothing)
            .await
            .unwrap();
        for id in [never_written, appended, unknown_length] {
            registry.close(id, digest).await.unwrap();
        }
        assert!(registry.read(&digest).await.unwrap().is_empty());
        registry.sweep().await;
        registry.assert_stored(&[], &[0]);
    }
}

#[tokio::test]
async fn a_last_chunk_that_is_too_large_makes_nothing_visible() {
    let settings = Settings {
        max_blob_bytes: Some(1_000),
        ..SETTINGS
    };
    let registry = TestRegistry::with(settings).await;
    let content = pattern(1, 1_001);
    let digest = sha256(&content);
    for committed in [0, 500] {
        for body in [whole, unmeasured] {
            let id = registry.session_with(&content.slice(..committed)).await;
            let last = anywhere(body(&content.slice(committed..)));
            assert_refused!(
                registry.finish(id, digest, last).await,
                RegistryError::BlobTooLarge { limit: 1_000 }
            );
            assert_refused!(registry.read(&digest).await, RegistryError::BlobUnknown);
            assert_refused!(registry.progress(id).await, RegistryError::UploadUnknown);
        }
    }
}
