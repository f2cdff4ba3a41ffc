//! Listing repositories.

use oci_types::RepositoryName;

use super::{change, manifest, name, new_upload, push, push_blob};
use crate::change::Guard;
use crate::ports::{Metadata, UploadStart};
use crate::testing::TestClock;

async fn list(metadata: &dyn Metadata, after: Option<&str>, limit: u32) -> Vec<RepositoryName> {
    metadata.list_repositories(after, limit).await.unwrap()
}

fn names(names: &[&str]) -> Vec<RepositoryName> {
    names.iter().map(|text| name(text)).collect()
}

/// By their whole path.
pub async fn repositories_with_manifests_are_listed_in_byte_order(
    metadata: &dyn Metadata,
    _clock: &TestClock,
) {
    for path in ["b", "a/z", "a-b", "a", "a/b/c", "0"] {
        push(metadata, manifest(path, "{}")).await;
    }
    assert_eq!(
        list(metadata, None, 100).await,
        names(&["0", "a", "a-b", "a/b/c", "a/z", "b"])
    );
}

/// After a name, whether it is there or not.
pub async fn pages_of_repositories_follow_each_other(metadata: &dyn Metadata, _clock: &TestClock) {
    for path in ["a", "b", "c", "d"] {
        push(metadata, manifest(path, "{}")).await;
    }
    assert_eq!(list(metadata, None, 2).await, names(&["a", "b"]));
    assert_eq!(list(metadata, Some("b"), 2).await, names(&["c", "d"]));
    assert_eq!(list(metadata, Some("b/b"), 1).await, names(&["c"]));
    assert_eq!(list(metadata, Some("d"), 2).await, []);
    assert_eq!(list(metadata, None, 0).await, []);
}

/// One that only saw an upload, and one whose last manifest was deleted.
pub async fn a_repository_without_manifests_is_not_listed(
    metadata: &dyn Metadata,
    _clock: &TestClock,
) {
    metadata
        .create_upload(&change(), new_upload("uploading", UploadStart::Open))
        .await
        .unwrap();
    push_blob(metadata, "blobs", b"blob").await;
    let digest = push(metadata, manifest("emptied", "{}")).await;
    push(metadata, manifest("kept", "{}")).await;
    metadata
        .delete_manifest(&change(), Guard::open(), &name("emptied"), &digest)
        .await
        .unwrap();
    assert_eq!(list(metadata, None, 10).await, names(&["kept"]));
}
