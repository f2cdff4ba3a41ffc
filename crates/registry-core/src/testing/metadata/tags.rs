//! Listing and deleting tags.

use std::sync::{Arc, Mutex};

use oci_types::{Reference, Tag};

use super::{
    change, digest_of, dry_run, manifest, name, push, push_blob, read, refusal, refuse, resolve,
    tag, tagged,
};
use crate::change::Guard;
use crate::ports::{ExistingManifest, Lookup, Metadata, TagDeletion};
use crate::testing::TestClock;

async fn list(metadata: &dyn Metadata, after: Option<&str>, limit: u32) -> Option<Vec<Tag>> {
    metadata
        .list_tags(&name("a/b"), after, limit)
        .await
        .unwrap()
}

fn tags(names: &[&str]) -> Vec<Tag> {
    names.iter().map(|name| tag(name)).collect()
}

/// Digits, upper case, `_`, lower case; whatever the order of their push.
pub async fn tags_are_listed_in_byte_order(metadata: &dyn Metadata, _clock: &TestClock) {
    push(
        metadata,
        tagged(
            "a/b",
            "one",
            &["b", "a.1", "a-1", "_x", "Z", "10", "9", "a"],
        ),
    )
    .await;
    push(metadata, tagged("a/b", "two", &["A", "zz"])).await;
    push(metadata, tagged("a/c", "one", &["elsewhere"])).await;
    let all = tags(&["10", "9", "A", "Z", "_x", "a", "a-1", "a.1", "b", "zz"]);
    assert_eq!(list(metadata, None, 100).await, Some(all));
}

/// After a tag, whether it is there or not; nothing where nothing is asked for.
pub async fn pages_follow_each_other(metadata: &dyn Metadata, _clock: &TestClock) {
    push(metadata, tagged("a/b", "{}", &["a", "b", "c", "d"])).await;
    assert_eq!(list(metadata, None, 2).await, Some(tags(&["a", "b"])));
    assert_eq!(list(metadata, Some("b"), 2).await, Some(tags(&["c", "d"])));
    assert_eq!(list(metadata, Some("bb"), 1).await, Some(tags(&["c"])));
    assert_eq!(list(metadata, Some("d"), 2).await, Some(tags(&[])));
    assert_eq!(list(metadata, None, 0).await, Some(tags(&[])));
}

/// Which is not the same as no repository.
pub async fn a_repository_without_tags_has_none(metadata: &dyn Metadata, _clock: &TestClock) {
    assert_eq!(list(metadata, None, 10).await, None);
    push_blob(metadata, "a/b", b"blob").await;
    assert_eq!(list(metadata, None, 10).await, Some(tags(&[])));
    push(metadata, manifest("a/b", "{}")).await;
    assert_eq!(list(metadata, None, 10).await, Some(tags(&[])));
}

/// And the other tags.
pub async fn a_deleted_tag_leaves_its_manifest(metadata: &dyn Metadata, _clock: &TestClock) {
    let digest = push(metadata, tagged("a/b", "{}", &["gone", "kept"])).await;
    assert_eq!(resolve(metadata, "a/b", "gone").await, Some(digest));
    let outcome = metadata
        .delete_tag(&change(), Guard::open(), &name("a/b"), &tag("gone"))
        .await
        .unwrap();
    assert_eq!(outcome, TagDeletion::Deleted);
    assert_eq!(resolve(metadata, "a/b", "gone").await, None);
    assert_eq!(resolve(metadata, "a/b", "kept").await, Some(digest));
    assert!(matches!(
        read(metadata, "a/b", Reference::Digest(digest)).await,
        Lookup::Found(_)
    ));
    assert_eq!(list(metadata, None, 10).await, Some(tags(&["kept"])));
}

/// Before any guard is asked.
pub async fn deleting_an_absent_tag_is_told_apart(metadata: &dyn Metadata, _clock: &TestClock) {
    let (change, repository, absent) = (change(), name("a/b"), tag("absent"));
    let delete = || metadata.delete_tag(&change, refuse(), &repository, &absent);
    assert_eq!(delete().await.unwrap(), TagDeletion::NoRepository);
    push(metadata, tagged("a/b", "{}", &["present"])).await;
    assert_eq!(delete().await.unwrap(), TagDeletion::Absent);
}

/// The guard sees the tag and what it names.
pub async fn a_refused_tag_deletion_changes_nothing(metadata: &dyn Metadata, _clock: &TestClock) {
    let digest = push(metadata, tagged("a/b", "{}", &["v1"])).await;
    let seen = Arc::new(Mutex::new(None));
    let guard = {
        let seen = Arc::clone(&seen);
        Guard::new(move |existing: &ExistingManifest| {
            *seen.lock().unwrap() = Some(existing.clone());
            Err(refusal())
        })
    };
    let outcome = metadata
        .delete_tag(&change(), guard, &name("a/b"), &tag("v1"))
        .await
        .unwrap();
    assert_eq!(outcome, TagDeletion::Refused(refusal()));
    let existing = ExistingManifest {
        digest: Some(digest),
        tags: vec![(tag("v1"), Some(digest))],
    };
    assert_eq!(seen.lock().unwrap().take(), Some(existing));
    assert_eq!(resolve(metadata, "a/b", "v1").await, Some(digest_of(b"{}")));
}

/// It reports what would happen.
pub async fn a_dry_tag_deletion_changes_nothing(metadata: &dyn Metadata, _clock: &TestClock) {
    let digest = push(metadata, tagged("a/b", "{}", &["v1"])).await;
    let outcome = metadata
        .delete_tag(&dry_run(), Guard::open(), &name("a/b"), &tag("v1"))
        .await
        .unwrap();
    assert_eq!(outcome, TagDeletion::Deleted);
    assert_eq!(resolve(metadata, "a/b", "v1").await, Some(digest));
}
