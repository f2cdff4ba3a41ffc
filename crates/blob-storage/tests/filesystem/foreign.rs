//! Things planted in the store by somebody else are refused, never followed, never waited for.

use std::fmt::Debug;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use registry_core::ports::{BlobStoreError, StorageKey};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use tokio::time::timeout;

use crate::store::{TestStore, left, new_key, object, session};

/// Waiting on a FIFO takes for ever; nothing here takes a minute.
const FOR_EVER: Duration = Duration::from_mins(1);

async fn assert_refused<T: Debug>(
    what: &str,
    call: impl Future<Output = Result<T, BlobStoreError>>,
) {
    let result = timeout(FOR_EVER, call).await.unwrap();
    assert!(
        matches!(result, Err(BlobStoreError::Foreign(_))),
        "{what}: {result:?}"
    );
}

/// All that can be done to a session whose file is not what it was.
async fn assert_session_refused(store: &TestStore, key: StorageKey) {
    let bytes = || vec![Bytes::from_static(b"intruder")];
    assert_refused("append", store.blobs.append(&object(key, 1), None)).await;
    assert_refused("append from 0", store.blobs.append(&object(key, 0), None)).await;
    assert_refused("publish", store.blobs.publish(&object(key, 6), Vec::new())).await;
    assert_refused("put", store.blobs.put(&object(key, 0), bytes(), None)).await;
}

fn make_fifo(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
}

#[tokio::test]
async fn a_symlink_for_a_session_leads_nowhere() {
    let store = TestStore::new().await;
    let victim = store.outside("victim");
    fs::write(&victim, "victim").unwrap();
    for target in [&victim, &store.outside("absent")] {
        let key = new_key();
        symlink(target, store.upload(key)).unwrap();
        assert_session_refused(&store, key).await;
    }
    assert_eq!(fs::read(&victim).unwrap(), b"victim");
    assert!(!store.outside("absent").exists());
}

#[tokio::test]
async fn a_symlink_for_a_blob_leads_nowhere() {
    let store = TestStore::new().await;
    let victim = store.outside("victim");
    fs::write(&victim, "victim").unwrap();
    let key = session(&*store.blobs, b"honest").await;
    symlink(&victim, store.blob(key)).unwrap();
    assert_refused("open", store.blobs.open(key, 6, 0..6)).await;
    assert_refused("publish", store.blobs.publish(&object(key, 6), Vec::new())).await;
    assert_refused(
        "put",
        store
            .blobs
            .put(&object(key, 0), vec![Bytes::from_static(b"honest")], None),
    )
    .await;
    assert_eq!(fs::read(&victim).unwrap(), b"victim");
}

#[tokio::test]
async fn a_symlink_for_a_directory_leads_nowhere() {
    let store = TestStore::new().await;
    let outside = store.outside("outside");
    fs::create_dir(&outside).unwrap();
    let key = session(&*store.blobs, b"honest").await;
    fs::write(outside.join(key.session.to_string()), "victim").unwrap();
    fs::remove_dir(store.blob_directory(key)).unwrap();
    symlink(&outside, store.blob_directory(key)).unwrap();
    assert_refused("open", store.blobs.open(key, 6, 0..6)).await;
    assert_refused("publish", store.blobs.publish(&object(key, 6), Vec::new())).await;
    assert_refused(
        "put",
        store
            .blobs
            .put(&object(key, 0), vec![Bytes::from_static(b"honest")], None),
    )
    .await;
    assert_refused("delete", store.blobs.delete(&[left(key)])).await;
    assert_eq!(
        fs::read(outside.join(key.session.to_string())).unwrap(),
        b"victim"
    );
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
}

#[tokio::test]
async fn a_fifo_does_not_hang() {
    let store = TestStore::new().await;
    let key = new_key();
    make_fifo(&store.upload(key));
    assert_session_refused(&store, key).await;
    let key = session(&*store.blobs, b"honest").await;
    make_fifo(&store.blob(key));
    assert_refused("open", store.blobs.open(key, 6, 0..6)).await;
    assert_refused("publish", store.blobs.publish(&object(key, 6), Vec::new())).await;
}

#[tokio::test]
async fn a_directory_for_an_object_is_refused_and_left_alone() {
    let store = TestStore::new().await;
    let key = new_key();
    fs::create_dir(store.upload(key)).unwrap();
    assert_session_refused(&store, key).await;
    assert_refused("delete", store.blobs.delete(&[left(key)])).await;

    let key = session(&*store.blobs, b"honest").await;
    fs::create_dir(store.blob(key)).unwrap();
    assert_refused("open", store.blobs.open(key, 6, 0..6)).await;
    assert_refused("publish", store.blobs.publish(&object(key, 6), Vec::new())).await;
    assert_refused(
        "put",
        store
            .blobs
            .put(&object(key, 0), vec![Bytes::from_static(b"honest")], None),
    )
    .await;
    // One that cannot be deleted does not keep the others.
    let other = session(&*store.blobs, b"other").await;
    assert_eq!(
        store.blobs.delete(&[left(key), left(other)]).await.unwrap(),
        [left(other)]
    );
}

#[tokio::test]
async fn a_hard_link_is_not_written_through() {
    let store = TestStore::new().await;
    let victim = store.outside("victim");
    fs::write(&victim, "victim").unwrap();
    let key = new_key();
    fs::hard_link(&victim, store.upload(key)).unwrap();
    assert_session_refused(&store, key).await;
    assert_eq!(fs::read(&victim).unwrap(), b"victim");
}

#[tokio::test]
async fn deleting_a_symlink_removes_the_symlink() {
    let store = TestStore::new().await;
    let victim = store.outside("victim");
    fs::write(&victim, "victim").unwrap();
    let key = new_key();
    symlink(&victim, store.upload(key)).unwrap();
    symlink(&victim, store.blob(key)).unwrap();
    assert_eq!(store.blobs.delete(&[left(key)]).await.unwrap(), [left(key)]);
    assert!(fs::symlink_metadata(store.upload(key)).is_err());
    assert!(fs::symlink_metadata(store.blob(key)).is_err());
    assert_eq!(fs::read(&victim).unwrap(), b"victim");
}

#[tokio::test]
async fn a_planted_probe_shows_in_readiness() {
    let store = TestStore::new().await;
    let victim = store.outside("victim");
    fs::write(&victim, "victim").unwrap();
    symlink(&victim, store.path().join("probe")).unwrap();
    assert_refused("probe", store.blobs.probe()).await;
    assert_eq!(fs::read(&victim).unwrap(), b"victim");
}
