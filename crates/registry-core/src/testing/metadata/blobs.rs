//! Finding and deleting blobs.

use super::{
    change, digest_of, dry_run, just_under, lifetimes, manifest, name, push, push_blob, reference,
    referring,
};
use crate::ports::{BlobDeletion, BlobKind, Lookup, Metadata, StoredBlob};
use crate::testing::TestClock;

async fn find(metadata: &dyn Metadata, repository: &str, content: &[u8]) -> Lookup<StoredBlob> {
    metadata
        .find_blob(&name(repository), &digest_of(content))
        .await
        .unwrap()
}

/// With its size and where its bytes lie.
pub async fn a_blob_is_found_where_it_was_pushed(metadata: &dyn Metadata, _clock: &TestClock) {
    assert_eq!(find(metadata, "a/b", b"blob").await, Lookup::NoRepository);
    let (_, storage_key) = push_blob(metadata, "a/b", b"blob").await;
    let blob = StoredBlob {
        digest: digest_of(b"blob"),
        size: 4,
        storage_key,
    };
    assert_eq!(
        find(metadata, "a/b", b"blob").await,
        Lookup::Found(blob.clone())
    );
    assert_eq!(find(metadata, "a/b", b"blob").await, Lookup::Found(blob));
    assert_eq!(find(metadata, "a/b", b"other").await, Lookup::Absent);
}

/// Though the registry knows its bytes.
pub async fn a_blob_is_invisible_elsewhere(metadata: &dyn Metadata, _clock: &TestClock) {
    push_blob(metadata, "a/b", b"blob").await;
    push_blob(metadata, "a/c", b"other").await;
    assert_eq!(find(metadata, "a/c", b"blob").await, Lookup::Absent);
    assert_eq!(find(metadata, "b/b", b"blob").await, Lookup::NoRepository);
}

/// However long it takes until a manifest names it, as long as somebody looks now and then.
pub async fn a_found_blob_stays_found(metadata: &dyn Metadata, clock: &TestClock) {
    push_blob(metadata, "a/b", b"blob").await;
    for _ in 0..5 {
        assert!(matches!(
            find(metadata, "a/b", b"blob").await,
            Lookup::Found(_)
        ));
        clock.advance(just_under(lifetimes().blob_link));
        assert!(matches!(
            find(metadata, "a/b", b"blob").await,
            Lookup::Found(_)
        ));
    }
}

/// Others that hold it keep it.
pub async fn a_deleted_blob_is_gone_from_its_repository_only(
    metadata: &dyn Metadata,
    _clock: &TestClock,
) {
    for repository in ["a/b", "a/c"] {
        push_blob(metadata, repository, b"blob").await;
        assert!(matches!(
            find(metadata, repository, b"blob").await,
            Lookup::Found(_)
        ));
    }
    let outcome = metadata
        .delete_blob(&change(), &name("a/b"), &digest_of(b"blob"))
        .await
        .unwrap();
    assert_eq!(outcome, BlobDeletion::Deleted);
    assert_eq!(find(metadata, "a/b", b"blob").await, Lookup::Absent);
    assert!(matches!(
        find(metadata, "a/c", b"blob").await,
        Lookup::Found(_)
    ));
    push_blob(metadata, "a/b", b"blob").await;
    assert!(matches!(
        find(metadata, "a/b", b"blob").await,
        Lookup::Found(_)
    ));
}

/// The refusal names a manifest. One in another repository does not matter.
pub async fn a_referenced_blob_cannot_be_deleted(metadata: &dyn Metadata, _clock: &TestClock) {
    for repository in ["a/b", "a/c"] {
        push_blob(metadata, repository, b"layer").await;
    }
    let holder = push(
        metadata,
        referring("a/b", "{}", vec![reference(b"layer", BlobKind::Layer)]),
    )
    .await;
    let delete = async |repository: &str| {
        metadata
            .delete_blob(&change(), &name(repository), &digest_of(b"layer"))
            .await
            .unwrap()
    };
    assert_eq!(
        delete("a/b").await,
        BlobDeletion::Referenced { manifest: holder }
    );
    assert!(matches!(
        find(metadata, "a/b", b"layer").await,
        Lookup::Found(_)
    ));
    assert_eq!(delete("a/c").await, BlobDeletion::Deleted);
}

/// No such repository is not the same as no such blob.
pub async fn deleting_an_absent_blob_is_told_apart(metadata: &dyn Metadata, _clock: &TestClock) {
    let (change, repository, absent) = (change(), name("a/b"), digest_of(b"absent"));
    let delete = || metadata.delete_blob(&change, &repository, &absent);
    assert_eq!(delete().await.unwrap(), BlobDeletion::NoRepository);
    push(metadata, manifest("a/b", "{}")).await;
    push_blob(metadata, "a/c", b"absent").await;
    assert_eq!(delete().await.unwrap(), BlobDeletion::Absent);
}

/// It reports what would happen.
pub async fn a_dry_blob_deletion_changes_nothing(metadata: &dyn Metadata, _clock: &TestClock) {
    push_blob(metadata, "a/b", b"blob").await;
    let outcome = metadata
        .delete_blob(&dry_run(), &name("a/b"), &digest_of(b"blob"))
        .await
        .unwrap();
    assert_eq!(outcome, BlobDeletion::Deleted);
    assert!(matches!(
        find(metadata, "a/b", b"blob").await,
        Lookup::Found(_)
    ));
}
