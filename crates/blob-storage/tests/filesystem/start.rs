//! Opening a directory: what is made, what is found again, what is refused and in which words.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use blob_storage::StorageOpenError;
use bytes::Bytes;
use registry_core::ports::Location;

use crate::store::{TestStore, new_key, object, open, session};

/// Opens what must be refused; the sentence names the place.
async fn refusal(directory: &Path) -> StorageOpenError {
    let error = open(directory).await.unwrap_err();
    let place = directory.to_str().unwrap();
    assert!(error.to_string().contains(place), "{error}");
    error
}

#[tokio::test]
async fn everything_missing_is_made() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("deep/down/storage");
    open(&path).await.unwrap();
    assert_eq!(
        fs::read_to_string(path.join("berth-storage")).unwrap(),
        "1\n"
    );
    assert_eq!(fs::read_dir(path.join("blobs")).unwrap().count(), 256);
    assert_eq!(fs::read_dir(path.join("uploads")).unwrap().count(), 0);
    for private in [&path, &path.join("uploads"), &path.join("blobs/ff")] {
        assert_eq!(
            fs::metadata(private).unwrap().permissions().mode() & 0o777,
            0o700
        );
    }
}

#[tokio::test]
async fn an_empty_directory_that_is_there_is_taken() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("lost+found")).unwrap();
    open(directory.path()).await.unwrap();
}

#[tokio::test]
async fn a_first_start_that_broke_off_is_begun_again() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("lock"), "").unwrap();
    fs::write(
        directory.path().join("berth-storage.new"),
        "half of something long",
    )
    .unwrap();
    drop(open(directory.path()).await.unwrap());
    assert_eq!(
        fs::read_to_string(directory.path().join("berth-storage")).unwrap(),
        "1\n"
    );
    fs::remove_dir(directory.path().join("blobs/7f")).unwrap();
    drop(open(directory.path()).await.unwrap());
    assert!(directory.path().join("blobs/7f").is_dir());
}

#[tokio::test]
async fn blobs_and_sessions_are_found_again() {
    let TestStore {
        blobs, directory, ..
    } = TestStore::new().await;
    let path = directory.path().join("storage");
    let published = new_key();
    blobs
        .put(
            &object(published, 0),
            vec![Bytes::from_static(b"published")],
            None,
        )
        .await
        .unwrap();
    let begun = session(&*blobs, b"begun").await;
    let mut unflushed = blobs.append(&object(begun, 5), None).await.unwrap();
    unflushed
        .write(vec![Bytes::from_static(b" but not acknowledged")])
        .await
        .unwrap();
    drop((unflushed, blobs));

    let blobs = open(&path).await.unwrap();
    assert!(matches!(
        blobs.open(published, 9, 0..9).await.unwrap(),
        Location::File(_)
    ));
    let mut writer = blobs.append(&object(begun, 5), None).await.unwrap();
    writer
        .write(vec![Bytes::from_static(b" and done")])
        .await
        .unwrap();
    writer.flush().await.unwrap();
    drop(writer);
    blobs.publish(&object(begun, 14), Vec::new()).await.unwrap();
    let Location::File(part) = blobs.open(begun, 14, 0..14).await.unwrap() else {
        panic!("a file");
    };
    assert_eq!(
        std::io::read_to_string(part.file).unwrap(),
        "begun and done"
    );
}

#[tokio::test]
async fn a_directory_in_use_is_refused_until_it_is_free() {
    let store = TestStore::new().await;
    let (path, lock) = (store.path(), store.path().join("lock"));
    assert!(matches!(refusal(&path).await, StorageOpenError::InUse(_)));
    let other_process = || {
        Command::new("flock")
            .arg("--nonblock")
            .arg(&lock)
            .arg("true")
            .status()
            .unwrap()
    };
    assert!(!other_process().success(), "another process got the lock");

    let TestStore {
        blobs,
        directory: _directory,
        ..
    } = store;
    let writer = blobs.append(&object(new_key(), 0), None).await.unwrap();
    drop(blobs);
    assert!(
        matches!(refusal(&path).await, StorageOpenError::InUse(_)),
        "a writer is left"
    );
    drop(writer);
    assert!(other_process().success());
    open(&path).await.unwrap();
}

#[tokio::test]
async fn a_directory_another_process_uses_is_refused() {
    let TestStore {
        blobs, directory, ..
    } = TestStore::new().await;
    drop(blobs);
    let path = directory.path().join("storage");
    // `cat` ends, and the lock with it, when its input is closed.
    let mut other = Command::new("flock")
        .arg(path.join("lock"))
        .args(["sh", "-c", "echo locked; exec cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = [0; 7];
    std::io::Read::read_exact(other.stdout.as_mut().unwrap(), &mut line).unwrap();
    assert!(matches!(refusal(&path).await, StorageOpenError::InUse(_)));
    drop(other.stdin.take());
    other.wait().unwrap();
    open(&path).await.unwrap();
}

#[tokio::test]
async fn a_file_is_no_directory() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "kept").unwrap();
    for path in [file.clone(), file.join("below")] {
        assert!(matches!(
            refusal(&path).await,
            StorageOpenError::NotADirectory(_)
        ));
    }
    assert_eq!(fs::read(&file).unwrap(), b"kept");
}

#[tokio::test]
async fn another_layout_is_refused_and_left_alone() {
    for (marker, shown) in [("2\n", "2"), ("", ""), ("1", "1"), ("berth 1\n", "berth 1")] {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("berth-storage"), marker).unwrap();
        match refusal(directory.path()).await {
            StorageOpenError::UnknownLayout { found, .. } => assert_eq!(found, shown),
            other => panic!("{other:?}"),
        }
        assert_eq!(
            fs::read_to_string(directory.path().join("berth-storage")).unwrap(),
            marker
        );
        assert!(!directory.path().join("blobs").exists());
    }
}

#[tokio::test]
async fn blobs_of_something_else_are_refused() {
    for taken in ["blobs", "uploads"] {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join(taken)).unwrap();
        assert!(matches!(
            refusal(directory.path()).await,
            StorageOpenError::NotOurs(_)
        ));
        assert!(!directory.path().join("berth-storage").exists());
    }
}

#[tokio::test]
async fn symlinks_inside_are_refused_but_one_to_the_directory_is_fine() {
    for planted in [
        "lock",
        "berth-storage",
        "uploads",
        "blobs",
        "blobs/00",
        "berth-storage.new",
    ] {
        let directory = tempfile::tempdir().unwrap();
        let (storage, outside) = (
            directory.path().join("storage"),
            directory.path().join("out"),
        );
        if planted == "berth-storage.new" {
            fs::create_dir(&storage).unwrap();
        } else {
            drop(open(&storage).await.unwrap());
            fs::rename(storage.join(planted), &outside).unwrap();
        }
        symlink(&outside, storage.join(planted)).unwrap();
        match open(&storage).await {
            Err(StorageOpenError::Foreign(path)) => assert_eq!(path, storage.join(planted)),
            other => panic!("{planted}: {other:?}"),
        }
    }
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("disk")).unwrap();
    symlink(
        directory.path().join("disk"),
        directory.path().join("storage"),
    )
    .unwrap();
    open(&directory.path().join("storage")).await.unwrap();
}

#[tokio::test]
async fn what_happens_is_measured() {
    let store = TestStore::new().await;
    let key = session(&*store.blobs, b"measured").await;
    store
        .blobs
        .publish(&object(key, 8), Vec::new())
        .await
        .unwrap();
    store.blobs.open(key, 8, 0..8).await.unwrap();
    store.blobs.open(key, 9, 0..9).await.unwrap_err();
    let text = prometheus::TextEncoder::new()
        .encode_to_string(&store.metrics.gather())
        .unwrap();
    for (action, count, errors) in [
        ("append", 1, 0),
        ("write", 1, 0),
        ("close", 1, 0),
        ("publish", 1, 0),
        ("open", 2, 1),
    ] {
        let labels = format!("{{action=\"{action}\",driver=\"filesystem\"}}");
        for line in [
            format!("registry_storage_action_seconds_count{labels} {count}\n"),
            format!("registry_storage_errors_total{labels} {errors}\n"),
        ] {
            assert!(text.contains(&line), "{line} is not in\n{text}");
        }
    }
    let free = text
        .lines()
        .find_map(|line| line.strip_prefix("registry_storage_free_bytes "));
    assert!(free.unwrap().parse::<u64>().unwrap() > 0);
}
