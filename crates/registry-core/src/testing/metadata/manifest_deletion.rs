//! Deleting manifests.

use std::sync::{Arc, Mutex};

use oci_types::Reference;

use super::{
    by_tag, change, digest_of, dry_run, manifest, name, push, push_blob, read, reference,
    referring, refusal, refuse, resolve, tag, tagged,
};
use crate::change::Guard;
use crate::ports::{BlobDeletion, BlobKind, ExistingManifest, Lookup, ManifestDeletion, Metadata};
use crate::testing::TestClock;

/// All of them, and no other.
pub async fn a_deleted_manifest_takes_its_tags(metadata: &dyn Metadata, _clock: &TestClock) {
    let gone = push(metadata, tagged("a/b", "gone", &["a", "c"])).await;
    let kept = push(metadata, tagged("a/b", "kept", &["b"])).await;
    push(metadata, tagged("a/other", "gone", &["a"])).await;
    assert_eq!(resolve(metadata, "a/b", "a").await, Some(gone));
    let outcome = metadata
        .delete_manifest(&change(), Guard::open(), &name("a/b"), &gone)
        .await
        .unwrap();
    assert_eq!(outcome, ManifestDeletion::Deleted);
    for reference in [by_tag("a"), by_tag("c"), Reference::Digest(gone)] {
        assert_eq!(read(metadata, "a/b", reference).await, Lookup::Absent);
    }
    assert_eq!(
        metadata.list_tags(&name("a/b"), None, 10).await.unwrap(),
        Some(vec![tag("b")])
    );
    assert_eq!(resolve(metadata, "a/b", "b").await, Some(kept));
    assert_eq!(resolve(metadata, "a/other", "a").await, Some(gone));
}

/// They can be deleted afterwards, unless another manifest names them, too.
pub async fn deleting_lets_go_of_blobs(metadata: &dyn Metadata, _clock: &TestClock) {
    push_blob(metadata, "a/b", b"shared").await;
    push_blob(metadata, "a/b", b"own").await;
    let shared = || reference(b"shared", BlobKind::Layer);
    let gone = push(
        metadata,
        referring(
            "a/b",
            "gone",
            vec![shared(), reference(b"own", BlobKind::Layer)],
        ),
    )
    .await;
    let kept = push(metadata, referring("a/b", "kept", vec![shared()])).await;
    metadata
        .delete_manifest(&change(), Guard::open(), &name("a/b"), &gone)
        .await
        .unwrap();
    let own = metadata
        .delete_blob(&change(), &name("a/b"), &digest_of(b"own"))
        .await
        .unwrap();
    assert_eq!(own, BlobDeletion::Deleted);
    let shared = metadata
        .delete_blob(&change(), &name("a/b"), &digest_of(b"shared"))
        .await
        .unwrap();
    assert_eq!(shared, BlobDeletion::Referenced { manifest: kept });
}

/// Before any guard is asked.
pub async fn deleting_what_is_absent_is_told_apart(metadata: &dyn Metadata, _clock: &TestClock) {
    let (repository, absent) = (name("a/b"), digest_of(b"absent"));
    let change = change();
    let delete = || metadata.delete_manifest(&change, refuse(), &repository, &absent);
    assert_eq!(delete().await.unwrap(), ManifestDeletion::NoRepository);
    push(metadata, manifest("a/b", "present")).await;
    assert_eq!(delete().await.unwrap(), ManifestDeletion::Absent);
}

/// The guard sees the manifest and the tags that would go.
pub async fn a_refused_deletion_changes_nothing(metadata: &dyn Metadata, _clock: &TestClock) {
    let digest = push(metadata, tagged("a/b", "{}", &["b", "a"])).await;
    let seen = Arc::new(Mutex::new(None));
    let guard = {
        let seen = Arc::clone(&seen);
        Guard::new(move |existing: &ExistingManifest| {
            *seen.lock().unwrap() = Some(existing.clone());
            Err(refusal())
        })
    };
    let outcome = metadata
        .delete_manifest(&change(), guard, &name("a/b"), &digest)
        .await
        .unwrap();
    assert_eq!(outcome, ManifestDeletion::Refused(refusal()));
    let tags = vec![(tag("a"), Some(digest)), (tag("b"), Some(digest))];
    assert_eq!(
        seen.lock().unwrap().take(),
        Some(ExistingManifest {
            digest: Some(digest),
            tags
        })
    );
    assert_eq!(resolve(metadata, "a/b", "a").await, Some(digest));
}

/// It reports what would happen.
pub async fn a_dry_deletion_changes_nothing(metadata: &dyn Metadata, _clock: &TestClock) {
    let digest = push(metadata, tagged("a/b", "{}", &["v1"])).await;
    let outcome = metadata
        .delete_manifest(&dry_run(), Guard::open(), &name("a/b"), &digest)
        .await
        .unwrap();
    assert_eq!(outcome, ManifestDeletion::Deleted);
    assert_eq!(resolve(metadata, "a/b", "v1").await, Some(digest));
}

/// Without the tags it had.
pub async fn a_deleted_manifest_can_be_pushed_again(metadata: &dyn Metadata, _clock: &TestClock) {
    let digest = push(metadata, tagged("a/b", "{}", &["v1"])).await;
    assert_eq!(resolve(metadata, "a/b", "v1").await, Some(digest));
    metadata
        .delete_manifest(&change(), Guard::open(), &name("a/b"), &digest)
        .await
        .unwrap();
    push(metadata, manifest("a/b", "{}")).await;
    assert!(matches!(
        read(metadata, "a/b", Reference::Digest(digest)).await,
        Lookup::Found(_)
    ));
    assert_eq!(read(metadata, "a/b", by_tag("v1")).await, Lookup::Absent);
}
