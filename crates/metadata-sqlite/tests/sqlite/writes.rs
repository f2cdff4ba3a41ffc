//! What becomes of writes when callers go away, guards panic, and the disk is full.

use std::time::Duration;

use futures_util::FutureExt as _;
use registry_core::change::{Guard, Refusal};
use registry_core::ports::{ExistingManifest, ManifestStore as _, MetadataError};
use registry_core::testing::metadata::{change, push, refusal, resolve, tagged};

use super::Database;

#[tokio::test]
async fn a_write_is_done_though_its_caller_went_away() {
    let database = Database::new();
    let metadata = database.open().await.unwrap();
    let change = change();
    let push_one = metadata.commit_manifest(&change, Guard::open(), tagged("a/b", "{}", &["v1"]));
    // Polled once, it is in the queue; then nobody waits any more.
    assert!(push_one.now_or_never().is_none());
    // Whatever is queued behind it sees it done.
    push(&metadata, tagged("a/b", "other", &["v2"])).await;
    assert!(resolve(&metadata, "a/b", "v1").await.is_some());
}

#[tokio::test]
async fn a_guard_that_panics_fails_its_own_write_only() {
    let database = Database::new();
    let metadata = database.open().await.unwrap();
    let change = change();
    let panics =
        Guard::new(|_: &ExistingManifest| -> Result<(), Refusal> { panic!("a broken guard") });
    let (broken, refused, sound) = tokio::join!(
        metadata.commit_manifest(&change, panics, tagged("a/b", "broken", &["broken"])),
        metadata.commit_manifest(
            &change,
            Guard::new(|_| Err(refusal())),
            tagged("a/b", "refused", &["refused"])
        ),
        metadata.commit_manifest(&change, Guard::open(), tagged("a/b", "sound", &["sound"])),
    );
    assert!(
        matches!(broken, Err(MetadataError::Failed(_))),
        "{broken:?}"
    );
    refused.unwrap();
    sound.unwrap();
    assert_eq!(resolve(&metadata, "a/b", "broken").await, None);
    assert_eq!(resolve(&metadata, "a/b", "refused").await, None);
    assert!(resolve(&metadata, "a/b", "sound").await.is_some());
}

/// Half-written transactions of another connection make the writer wait, and fail in the end; it
/// goes on afterwards.
#[tokio::test]
async fn a_busy_database_is_unavailable_not_broken() {
    let database = Database::new();
    let metadata = database.open().await.unwrap();
    push(&metadata, tagged("a/b", "{}", &["v1"])).await;
    let mut other = database.connect().await;
    sqlx::raw_sql("BEGIN IMMEDIATE")
        .execute(&mut other)
        .await
        .unwrap();
    let change = change();
    let write = metadata.commit_manifest(&change, Guard::open(), tagged("a/b", "late", &["v1"]));
    let outcome = tokio::time::timeout(Duration::from_mins(1), write)
        .await
        .unwrap();
    assert!(
        matches!(outcome, Err(MetadataError::Unavailable(_))),
        "{outcome:?}"
    );
    // Reads never wait.
    assert!(resolve(&metadata, "a/b", "v1").await.is_some());
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    push(&metadata, tagged("a/b", "late", &["v1"])).await;
}
