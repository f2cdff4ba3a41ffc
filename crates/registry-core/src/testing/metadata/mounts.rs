//! Mounting blobs.

use std::sync::{Arc, Mutex};

use super::{
    change, commit, digest_of, dry_run, name, push_blob, reference, referring, refusal, refuse,
};
use crate::change::Guard;
use crate::ports::{
    BlobDeletion, BlobKind, ExistingBlob, Lookup, ManifestCommit, Metadata, MissingReferences,
    Mount, NewManifest, StoredBlob,
};
use crate::testing::TestClock;

async fn mount(metadata: &dyn Metadata, source: Option<&str>, target: &str) -> Mount {
    let source = source.map(name);
    let digest = digest_of(b"blob");
    metadata
        .mount_blob(
            &change(),
            Guard::open(),
            source.as_ref(),
            &name(target),
            &digest,
        )
        .await
        .unwrap()
}

async fn find(metadata: &dyn Metadata, repository: &str) -> Lookup<StoredBlob> {
    metadata
        .find_blob(&name(repository), &digest_of(b"blob"))
        .await
        .unwrap()
}

/// Within a namespace and across; the bytes are the same.
pub async fn a_blob_can_be_mounted(metadata: &dyn Metadata, _clock: &TestClock) {
    push_blob(metadata, "a/b", b"blob").await;
    let source = find(metadata, "a/b").await;
    for target in ["a/new", "other/new"] {
        assert_eq!(mount(metadata, Some("a/b"), target).await, Mount::Mounted);
        assert_eq!(find(metadata, target).await, source);
    }
}

/// Not even that the target exists.
pub async fn mounting_what_is_not_there_changes_nothing(
    metadata: &dyn Metadata,
    _clock: &TestClock,
) {
    push_blob(metadata, "a/b", b"blob").await;
    push_blob(metadata, "a/other", b"other").await;
    for source in ["a/other", "a/absent", "absent"] {
        assert_eq!(
            mount(metadata, Some(source), "a/target").await,
            Mount::NotMounted
        );
    }
    assert_eq!(find(metadata, "a/target").await, Lookup::NoRepository);
}

/// That of the target, and no other.
pub async fn mounting_anonymously_searches_the_namespace(
    metadata: &dyn Metadata,
    _clock: &TestClock,
) {
    push_blob(metadata, "a/b", b"blob").await;
    assert_eq!(mount(metadata, None, "b/target").await, Mount::NotMounted);
    assert_eq!(find(metadata, "b/target").await, Lookup::NoRepository);
    assert_eq!(mount(metadata, None, "a/target").await, Mount::Mounted);
    assert!(matches!(find(metadata, "a/target").await, Lookup::Found(_)));
    // Where no repository holds it any more, it is not found, whatever is still known of it.
    for repository in ["a/b", "a/target"] {
        metadata
            .delete_blob(&change(), &name(repository), &digest_of(b"blob"))
            .await
            .unwrap();
    }
    assert_eq!(mount(metadata, None, "a/target").await, Mount::NotMounted);
}

/// Nor is mounting where it is already.
pub async fn mounting_again_is_no_error(metadata: &dyn Metadata, _clock: &TestClock) {
    push_blob(metadata, "a/b", b"blob").await;
    for target in ["a/c", "a/c", "a/b"] {
        assert_eq!(mount(metadata, Some("a/b"), target).await, Mount::Mounted);
    }
}

/// Each repository holds it on its own account.
pub async fn a_mounted_blob_outlives_its_source(metadata: &dyn Metadata, _clock: &TestClock) {
    push_blob(metadata, "a/b", b"blob").await;
    mount(metadata, Some("a/b"), "a/c").await;
    let outcome = metadata
        .delete_blob(&change(), &name("a/b"), &digest_of(b"blob"))
        .await
        .unwrap();
    assert_eq!(outcome, BlobDeletion::Deleted);
    assert!(matches!(find(metadata, "a/c").await, Lookup::Found(_)));
    assert_eq!(mount(metadata, Some("a/c"), "a/b").await, Mount::Mounted);
}

/// Whether the repository holds it, and whether its namespace is charged for it.
pub async fn the_guard_of_a_mount_sees_what_exists(metadata: &dyn Metadata, _clock: &TestClock) {
    push_blob(metadata, "a/b", b"blob").await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    for target in ["a/c", "a/c", "b/c", "b/d"] {
        let seen = Arc::clone(&seen);
        let guard = Guard::new(move |existing: &ExistingBlob| {
            seen.lock()
                .unwrap()
                .push((existing.linked, existing.charged, existing.size));
            Ok(())
        });
        let (source, digest) = (name("a/b"), digest_of(b"blob"));
        metadata
            .mount_blob(&change(), guard, Some(&source), &name(target), &digest)
            .await
            .unwrap();
    }
    let expected = [
        (false, true, 4),
        (true, true, 4),
        (false, false, 4),
        (false, true, 4),
    ];
    assert_eq!(*seen.lock().unwrap(), expected);
}

/// Not even that the target exists.
pub async fn a_refused_mount_changes_nothing(metadata: &dyn Metadata, _clock: &TestClock) {
    push_blob(metadata, "a/b", b"blob").await;
    let (source, digest) = (name("a/b"), digest_of(b"blob"));
    let outcome = metadata
        .mount_blob(&change(), refuse(), Some(&source), &name("b/c"), &digest)
        .await
        .unwrap();
    assert_eq!(outcome, Mount::Refused(refusal()));
    assert_eq!(find(metadata, "b/c").await, Lookup::NoRepository);
}

/// It reports what would happen.
pub async fn a_dry_mount_changes_nothing(metadata: &dyn Metadata, _clock: &TestClock) {
    push_blob(metadata, "a/b", b"blob").await;
    let (source, digest) = (name("a/b"), digest_of(b"blob"));
    let target = name("b/c");
    let outcome = metadata
        .mount_blob(&dry_run(), Guard::open(), Some(&source), &target, &digest)
        .await
        .unwrap();
    assert_eq!(outcome, Mount::Mounted);
    assert_eq!(find(metadata, "b/c").await, Lookup::NoRepository);
}

/// A manifest that named the blob before it was there holds it from then on.
pub async fn mounting_fills_references_that_waited(metadata: &dyn Metadata, _clock: &TestClock) {
    push_blob(metadata, "a/b", b"blob").await;
    let sparse = NewManifest {
        missing_references: MissingReferences::Accept,
        ..referring("a/c", "{}", vec![reference(b"blob", BlobKind::Layer)])
    };
    let holder = sparse.digest;
    assert_eq!(commit(metadata, sparse).await, ManifestCommit::Committed);
    assert_eq!(mount(metadata, Some("a/b"), "a/c").await, Mount::Mounted);
    let outcome = metadata
        .delete_blob(&change(), &name("a/c"), &digest_of(b"blob"))
        .await
        .unwrap();
    assert_eq!(outcome, BlobDeletion::Referenced { manifest: holder });
}
