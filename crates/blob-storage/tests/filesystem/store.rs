//! A store on a temporary directory, and the places of its files as an intruder would find them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use blob_storage::StorageOpenError;
use bytes::Bytes;
use registry_core::ports::{BlobStore, Leftovers, StorageKey, UploadObject};
use tempfile::TempDir;
use uuid::Uuid;

/// A store and where it lies.
pub(crate) struct TestStore {
    pub(crate) blobs: Arc<dyn BlobStore>,
    pub(crate) metrics: prometheus::Registry,
    pub(crate) directory: TempDir,
}

pub(crate) async fn open(directory: &Path) -> Result<Arc<dyn BlobStore>, StorageOpenError> {
    blob_storage::open_directory(directory, &prometheus::Registry::new()).await
}

impl TestStore {
    pub(crate) async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let metrics = prometheus::Registry::new();
        let path = directory.path().join("storage");
        let blobs = blob_storage::open_directory(&path, &metrics).await.unwrap();
        Self {
            blobs,
            metrics,
            directory,
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("storage")
    }

    /// Something outside the store.
    pub(crate) fn outside(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn upload(&self, key: StorageKey) -> PathBuf {
        self.path().join("uploads").join(key.session.to_string())
    }

    pub(crate) fn blob_directory(&self, key: StorageKey) -> PathBuf {
        self.path()
            .join("blobs")
            .join(&key.session.to_string()[34..])
    }

    pub(crate) fn blob(&self, key: StorageKey) -> PathBuf {
        self.blob_directory(key).join(key.session.to_string())
    }
}

pub(crate) fn new_key() -> StorageKey {
    StorageKey::of(Uuid::now_v7())
}

/// A session of which so much is recorded.
pub(crate) fn object(key: StorageKey, committed: u64) -> UploadObject {
    UploadObject {
        committed,
        ..UploadObject::new(key)
    }
}

/// Everything a session left.
pub(crate) fn left(key: StorageKey) -> Leftovers {
    Leftovers {
        key,
        keep: None,
        state: Bytes::new(),
    }
}

/// A session with these bytes in it, flushed.
pub(crate) async fn session(blobs: &dyn BlobStore, bytes: &'static [u8]) -> StorageKey {
    let key = new_key();
    let mut writer = blobs.append(&object(key, 0), None).await.unwrap();
    writer.write(vec![Bytes::from_static(bytes)]).await.unwrap();
    writer.close(true).await.unwrap();
    key
}
