//! What is counted, and what counts once.

use super::{
    change, digest_of, hash_state, manifest, name, new_upload, push, push_blob, reference,
    referring,
};
use crate::change::Guard;
use crate::ports::{
    BlobDeletion, BlobKind, Claim, Claimed, Lease, LeaseHold, Metadata, Mount, Stored, Totals,
    UploadStart,
};
use crate::testing::TestClock;

async fn totals(metadata: &dyn Metadata) -> Totals {
    metadata.measure_totals().await.unwrap()
}

async fn open_session(metadata: &dyn Metadata) -> Lease {
    let upload = new_upload("a/b", UploadStart::Leased);
    let id = upload.id;
    metadata.create_upload(&change(), upload).await.unwrap();
    Lease { id, fence: 1 }
}

/// Zero of everything.
pub async fn an_empty_registry_holds_nothing(metadata: &dyn Metadata, _clock: &TestClock) {
    assert_eq!(totals(metadata).await, Totals::default());
}

/// By their manifests, each once, however many it holds.
pub async fn repositories_are_counted_as_the_catalog_lists_them(
    metadata: &dyn Metadata,
    _clock: &TestClock,
) {
    open_session(metadata).await;
    push_blob(metadata, "blobs", b"blob").await;
    let digest = push(metadata, manifest("emptied", "{}")).await;
    for payload in ["{}", "[]"] {
        push(metadata, manifest("kept", payload)).await;
    }
    push(metadata, manifest("kept/too", "{}")).await;
    assert_eq!(totals(metadata).await.repositories, 3);
    metadata
        .delete_manifest(&change(), Guard::open(), &name("emptied"), &digest)
        .await
        .unwrap();
    assert_eq!(totals(metadata).await.repositories, 2);
    let listed = metadata.list_repositories(None, 10).await.unwrap();
    assert_eq!(listed, [name("kept"), name("kept/too")]);
}

/// In one namespace and in another, pushed and mounted.
pub async fn a_shared_blob_counts_once(metadata: &dyn Metadata, _clock: &TestClock) {
    for repository in ["a/b", "a/c", "other/b"] {
        push_blob(metadata, repository, b"shared").await;
    }
    let mounted = metadata
        .mount_blob(
            &change(),
            Guard::open(),
            Some(&name("a/b")),
            &name("a/d"),
            &digest_of(b"shared"),
        )
        .await;
    assert_eq!(mounted.unwrap(), Mount::Mounted);
    push_blob(metadata, "a/b", b"another").await;
    // A manifest's bytes are no blob, and what it names is counted already.
    let layer = reference(b"shared", BlobKind::Layer);
    push(metadata, referring("a/b", "{}", vec![layer])).await;
    let expected = Totals {
        repositories: 1,
        blobs: 2,
        blob_bytes: 6 + 7,
        open_uploads: 0,
    };
    assert_eq!(totals(metadata).await, expected);
}

/// Deleting it from a repository gives no space back by itself.
pub async fn a_deleted_blob_counts_until_its_bytes_go(metadata: &dyn Metadata, _clock: &TestClock) {
    push_blob(metadata, "a/b", b"blob").await;
    let deleted = metadata
        .delete_blob(&change(), &name("a/b"), &digest_of(b"blob"))
        .await;
    assert_eq!(deleted.unwrap(), BlobDeletion::Deleted);
    let totals = totals(metadata).await;
    assert_eq!((totals.blobs, totals.blob_bytes), (1, 4));
}

/// Those that may take more bytes, held or not.
pub async fn open_sessions_are_counted(metadata: &dyn Metadata, _clock: &TestClock) {
    let open = async || totals(metadata).await.open_uploads;
    let cancelled = open_session(metadata).await;
    let claimed = open_session(metadata).await;
    let released = open_session(metadata).await;
    assert_eq!(open().await, 3);
    metadata
        .cancel_upload(&change(), &name("a/b"), cancelled.id)
        .await
        .unwrap();
    assert_eq!(open().await, 2);
    let hold = metadata.release_upload(released).await;
    assert_eq!(hold.unwrap(), LeaseHold::Held);
    assert_eq!(open().await, 2);
    let claim = Claim {
        digest: digest_of(b""),
        size: 0,
        hash_state: hash_state(),
        stored: Stored::default(),
    };
    let outcome = metadata.claim_upload(claimed, claim).await;
    assert_eq!(outcome.unwrap(), Claimed::Held(Vec::new()));
    assert_eq!(open().await, 1);
}
