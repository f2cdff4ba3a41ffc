//! Indexes: what they contain, and when.

use oci_types::Reference;

use super::{
    change, commit, digest_of, manifest, name, push, push_blob, read, reference, referring,
};
use crate::change::Guard;
use crate::ports::{BlobDeletion, BlobKind, Lookup, ManifestCommit, ManifestDeletion, Metadata};
use crate::testing::TestClock;

async fn delete(metadata: &dyn Metadata, payload: &str) -> ManifestDeletion {
    let digest = digest_of(payload.as_bytes());
    metadata
        .delete_manifest(&change(), Guard::open(), &name("a/b"), &digest)
        .await
        .unwrap()
}

/// The refusal names the index.
pub async fn a_child_cannot_be_deleted_before_its_index(
    metadata: &dyn Metadata,
    _clock: &TestClock,
) {
    let child = push(metadata, manifest("a/b", "child")).await;
    let parent = push(
        metadata,
        referring("a/b", "index", vec![reference(b"child", BlobKind::Child)]),
    )
    .await;
    assert_eq!(
        delete(metadata, "child").await,
        ManifestDeletion::Contained { parent }
    );
    assert!(matches!(
        read(metadata, "a/b", Reference::Digest(child)).await,
        Lookup::Found(_)
    ));
    assert_eq!(delete(metadata, "index").await, ManifestDeletion::Deleted);
    assert_eq!(delete(metadata, "child").await, ManifestDeletion::Deleted);
}

/// Also of an index that was pushed first.
pub async fn a_missing_child_becomes_one_when_it_is_pushed(
    metadata: &dyn Metadata,
    _clock: &TestClock,
) {
    let parent = push(
        metadata,
        referring("a/b", "index", vec![reference(b"child", BlobKind::Child)]),
    )
    .await;
    push(metadata, manifest("a/b", "child")).await;
    assert_eq!(
        delete(metadata, "child").await,
        ManifestDeletion::Contained { parent }
    );
    assert_eq!(delete(metadata, "index").await, ManifestDeletion::Deleted);
    assert_eq!(delete(metadata, "child").await, ManifestDeletion::Deleted);
    // And not of one that is gone.
    push(metadata, manifest("a/b", "child")).await;
    assert_eq!(delete(metadata, "child").await, ManifestDeletion::Deleted);
}

/// Caches of builders list blobs where others list manifests; pushed before or after the index.
pub async fn an_index_holds_blobs_too(metadata: &dyn Metadata, _clock: &TestClock) {
    push_blob(metadata, "a/b", b"before").await;
    let references = vec![
        reference(b"before", BlobKind::Child),
        reference(b"after", BlobKind::Child),
    ];
    let parent = push(metadata, referring("a/b", "index", references)).await;
    push_blob(metadata, "a/b", b"after").await;
    for content in [b"before".as_slice(), b"after"] {
        let outcome = metadata
            .delete_blob(&change(), &name("a/b"), &digest_of(content))
            .await
            .unwrap();
        assert_eq!(outcome, BlobDeletion::Referenced { manifest: parent });
    }
}

/// With that of the manifest, where there is one.
pub async fn a_childs_size_is_compared(metadata: &dyn Metadata, _clock: &TestClock) {
    let digest = push(metadata, manifest("a/b", "child")).await;
    let mut wrong = reference(b"child", BlobKind::Child);
    wrong.size = 4;
    let outcome = commit(metadata, referring("a/b", "index", vec![wrong])).await;
    assert_eq!(outcome, ManifestCommit::SizeMismatch { digest, stored: 5 });
}

/// It can go when the last of them went.
pub async fn a_child_may_have_many_parents(metadata: &dyn Metadata, _clock: &TestClock) {
    push(
        metadata,
        referring("a/b", "one", vec![reference(b"child", BlobKind::Child)]),
    )
    .await;
    push(metadata, manifest("a/b", "child")).await;
    push(
        metadata,
        referring("a/b", "two", vec![reference(b"child", BlobKind::Child)]),
    )
    .await;
    // Twice the same index is one parent.
    push(
        metadata,
        referring("a/b", "two", vec![reference(b"child", BlobKind::Child)]),
    )
    .await;
    assert_eq!(delete(metadata, "one").await, ManifestDeletion::Deleted);
    assert_eq!(
        delete(metadata, "child").await,
        ManifestDeletion::Contained {
            parent: digest_of(b"two")
        }
    );
    assert_eq!(delete(metadata, "two").await, ManifestDeletion::Deleted);
    assert_eq!(delete(metadata, "child").await, ManifestDeletion::Deleted);
}
