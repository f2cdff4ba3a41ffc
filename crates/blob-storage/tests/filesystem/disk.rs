//! A full disk and a read-only one, for real: small file systems mounted in a mount namespace of
//! the test's own, which is gone when it ends.
//!
//! Each case is an ignored test, run by the test of the same name in another process that `unshare`
//! starts. It needs root, or a kernel that lets users have namespaces.

use std::path::Path;
use std::process::{Command, Output};

use blob_storage::StorageOpenError;
use bytes::Bytes;
use registry_core::ports::{BlobStore, BlobStoreError, Location};
use tempfile::TempDir;

use crate::store::{left, new_key, object, open, session};

fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).output().unwrap()
}

/// Runs an ignored test of this file in a mount namespace of its own.
fn in_own_mounts(case: &str) {
    let root: &[&str] = &["--mount"];
    let user: &[&str] = &["--mount", "--map-root-user"];
    let Some(options) = [root, user].into_iter().find(|options| {
        run("unshare", &[options, &["true"][..]].concat())
            .status
            .success()
    }) else {
        panic!("mounting a small file system needs root or user namespaces, and here is neither");
    };
    let this = std::env::current_exe().unwrap();
    let command = [this.to_str().unwrap(), "--ignored", "--exact", case];
    let output = run("unshare", &[options, &command].concat());
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
}

fn mount(options: &str, at: &Path) {
    let mounted = run(
        "mount",
        &["-t", "tmpfs", "-o", options, "none", at.to_str().unwrap()],
    );
    assert!(
        mounted.status.success(),
        "{}",
        String::from_utf8_lossy(&mounted.stderr)
    );
}

async fn read(blobs: &dyn BlobStore, key: registry_core::ports::StorageKey) -> Vec<u8> {
    let Location::File(mut part) = blobs.open(key, 6, 0..6).await.unwrap() else {
        panic!("a file");
    };
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut part.file, &mut bytes).unwrap();
    bytes
}

#[test]
fn full_disk() {
    in_own_mounts("disk::a_full_disk_loses_nothing_acknowledged");
}

#[tokio::test]
#[ignore = "mounts: started by full_disk"]
async fn a_full_disk_loses_nothing_acknowledged() {
    let directory = TempDir::new().unwrap();
    mount("size=1m", directory.path());
    let blobs = open(directory.path()).await.unwrap();
    let before = new_key();
    blobs
        .put(
            &object(before, 0),
            vec![Bytes::from_static(b"before")],
            None,
        )
        .await
        .unwrap();

    // A session that outgrows the disk in the middle of a batch.
    let key = session(&*blobs, b"begun.").await;
    let mut writer = blobs.append(&object(key, 6), None).await.unwrap();
    let huge = Bytes::from(vec![7; 2 << 20]);
    let full = writer.write(vec![huge.clone()]).await;
    assert!(matches!(full, Err(BlobStoreError::Full(_))), "{full:?}");
    let after = writer.write(vec![Bytes::from_static(b"?")]).await;
    assert!(
        matches!(after, Err(BlobStoreError::Failed(_))),
        "it does not know where: {after:?}"
    );
    drop(writer);

    let refused = blobs
        .put(&object(new_key(), 0), vec![Bytes::from_static(b"x")], None)
        .await;
    assert!(
        matches!(refused, Err(BlobStoreError::Full(_))),
        "{refused:?}"
    );
    let probe = blobs.probe().await;
    assert!(matches!(probe, Err(BlobStoreError::Full(_))), "{probe:?}");
    assert_eq!(read(&*blobs, before).await, b"before");
    let uploads = std::fs::read_dir(directory.path().join("uploads")).unwrap();
    assert_eq!(uploads.count(), 1, "what could not be put is gone");

    // What was acknowledged is there, and publishing it makes the room free again.
    blobs.publish(&object(key, 6), Vec::new()).await.unwrap();
    assert_eq!(read(&*blobs, key).await, b"begun.");
    blobs.probe().await.unwrap();
    let refused = blobs.put(&object(new_key(), 0), vec![huge], None).await;
    assert!(
        matches!(refused, Err(BlobStoreError::Full(_))),
        "{refused:?}"
    );
    blobs
        .put(&object(new_key(), 0), vec![Bytes::from_static(b"x")], None)
        .await
        .unwrap();
}

#[test]
fn read_only_disk() {
    in_own_mounts("disk::a_read_only_disk_is_denied_and_still_read");
}

#[tokio::test]
#[ignore = "mounts: started by read_only_disk"]
async fn a_read_only_disk_is_denied_and_still_read() {
    let directory = TempDir::new().unwrap();
    mount("size=4m", directory.path());
    let storage = directory.path().join("storage");
    let blobs = open(&storage).await.unwrap();
    let (kept, begun) = (new_key(), session(&*blobs, b"begun.").await);
    blobs
        .put(&object(kept, 0), vec![Bytes::from_static(b"before")], None)
        .await
        .unwrap();
    drop(blobs);

    let elsewhere = TempDir::new().unwrap();
    let [from, to] = [&storage, elsewhere.path()].map(|path| path.to_str().unwrap());
    assert!(run("mount", &["--bind", from, to]).status.success());
    let blobs = open(elsewhere.path()).await.unwrap();
    assert!(
        run("mount", &["-o", "remount,bind,ro", to])
            .status
            .success()
    );

    let denied = [
        blobs.append(&object(new_key(), 0), None).await.map(drop),
        blobs.append(&object(begun, 6), None).await.map(drop),
        blobs
            .put(&object(new_key(), 0), vec![Bytes::from_static(b"x")], None)
            .await
            .map(drop),
        blobs.publish(&object(begun, 6), Vec::new()).await.map(drop),
        blobs.delete(&[left(kept)]).await.map(drop),
        blobs.probe().await,
    ];
    for result in denied {
        assert!(
            matches!(result, Err(BlobStoreError::Denied(_))),
            "{result:?}"
        );
    }
    assert_eq!(read(&*blobs, kept).await, b"before");
    drop(blobs);

    let refused = open(elsewhere.path()).await;
    assert!(
        matches!(refused, Err(StorageOpenError::ReadOnly(_))),
        "{refused:?}"
    );
    let refused = open(&elsewhere.path().join("below")).await;
    assert!(
        matches!(refused, Err(StorageOpenError::ReadOnly(_))),
        "{refused:?}"
    );
}
