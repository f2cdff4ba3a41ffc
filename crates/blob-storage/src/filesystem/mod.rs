//! The blob store on a directory: one file an object, named by its key.
//!
//! An upload session appends to `uploads/<key>`. Publishing renames that file to
//! `blobs/<xx>/<key>`; from then on it is never written. A small object is written there at once. `key` draws the tree,
//! `publish` lists what a crash leaves. Nothing here waits for the disk on a thread
//! of the runtime.

mod fault;
mod layout;
mod locks;
mod probe;
mod publish;
mod read;
mod removal;
mod tree;
mod writer;

use std::io;
use std::ops::Range;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use registry_core::ports::{
    BlobStore, BlobStoreError, BlobWriter, Leftovers, Location, Part, Published, StorageKey,
    Timestamp, Unfinished, UploadObject,
};
use tokio::sync::Mutex;

use crate::error::StorageOpenError;
use fault::blocking;
use locks::KeyLocks;
use tree::{Resolution, Tree};
use writer::FileWriter;

/// A directory of blobs.
#[derive(Debug)]
pub(crate) struct FilesystemBlobStore {
    tree: Arc<Tree>,
    locks: KeyLocks,
    /// One readiness check at a time, so that a disk that hangs holds up one thread only.
    probing: Arc<Mutex<()>>,
}

impl FilesystemBlobStore {
    /// Opens the store in `directory`, making what is missing.
    pub(crate) async fn open(directory: PathBuf) -> Result<Self, StorageOpenError> {
        Self::open_with(directory, Resolution::detect).await
    }

    async fn open_with(
        directory: PathBuf,
        resolution: fn(BorrowedFd<'_>) -> Resolution,
    ) -> Result<Self, StorageOpenError> {
        let path = directory.clone();
        let opened = tokio::task::spawn_blocking(move || layout::open(&path, resolution)).await;
        let tree = opened.map_err(|error| StorageOpenError::Failed {
            directory,
            source: io::Error::other(error),
        })??;
        Ok(Self {
            tree: Arc::new(tree),
            locks: KeyLocks::default(),
            probing: Arc::default(),
        })
    }

    /// A handle to ask the file system how much room there is.
    pub(crate) fn free_space(&self) -> io::Result<FreeSpace> {
        Ok(FreeSpace(self.tree.root().try_clone_to_owned()?))
    }
}

/// Knows how much room is left. It does not keep the store open, nor other processes out.
#[derive(Debug)]
pub(crate) struct FreeSpace(OwnedFd);

impl FreeSpace {
    /// Bytes that may still be written.
    pub(crate) fn bytes(&self) -> io::Result<u64> {
        let space = rustix::fs::fstatvfs(&self.0)?;
        Ok(space.f_bavail.saturating_mul(space.f_frsize))
    }
}

/// A session has one object here.
fn only(key: StorageKey) -> StorageKey {
    StorageKey::of(key.session)
}

fn published(key: StorageKey) -> Published {
    Published {
        key,
        leftovers: false,
    }
}

#[async_trait]
impl BlobStore for FilesystemBlobStore {
    /// Waits while another writer of this process holds the object.
    async fn append(
        &self,
        object: &UploadObject,
        _length: Option<u64>,
    ) -> Result<Box<dyn BlobWriter>, BlobStoreError> {
        let (key, committed) = (only(object.key), object.committed);
        let lock = self.locks.lock(key).await;
        let tree = Arc::clone(&self.tree);
        let writer = blocking(move || FileWriter::open(tree, lock, key, committed)).await?;
        Ok(Box::new(writer))
    }

    async fn publish(
        &self,
        object: &UploadObject,
        _parts: Vec<Part>,
    ) -> Result<Published, BlobStoreError> {
        let (key, size) = (only(object.key), object.committed);
        let lock = self.locks.lock(key).await;
        let tree = Arc::clone(&self.tree);
        blocking(move || {
            let _lock = lock;
            publish::publish(&tree, key, size).map(|()| published(key))
        })
        .await
    }

    async fn put(
        &self,
        object: &UploadObject,
        bytes: Vec<Bytes>,
        _sha256: Option<[u8; 32]>,
    ) -> Result<Published, BlobStoreError> {
        let key = only(object.key);
        let lock = self.locks.lock(key).await;
        let tree = Arc::clone(&self.tree);
        blocking(move || {
            let _lock = lock;
            publish::put(&tree, key, &bytes).map(|()| published(key))
        })
        .await
    }

    async fn open(
        &self,
        key: StorageKey,
        size: u64,
        range: Range<u64>,
    ) -> Result<Location, BlobStoreError> {
        read::open(&self.tree, key, size, range).await
    }

    fn redirect_host(&self) -> Option<&str> {
        None
    }

    async fn redirect(&self, _key: StorageKey) -> Result<Option<String>, BlobStoreError> {
        Ok(None)
    }

    async fn delete(&self, leftovers: &[Leftovers]) -> Result<Vec<Leftovers>, BlobStoreError> {
        let (tree, leftovers) = (Arc::clone(&self.tree), leftovers.to_vec());
        blocking(move || removal::delete(&tree, leftovers)).await
    }

    /// Nothing: every file of a session has the session's name.
    async fn unfinished(&self, _before: Timestamp) -> Result<Vec<Unfinished>, BlobStoreError> {
        Ok(Vec::new())
    }

    async fn take_back(&self, _unfinished: &[Unfinished]) -> Result<(), BlobStoreError> {
        Ok(())
    }

    async fn probe(&self) -> Result<(), BlobStoreError> {
        let turn = Arc::clone(&self.probing).lock_owned().await;
        let tree = Arc::clone(&self.tree);
        blocking(move || {
            let _turn = turn;
            probe::probe(&tree)
        })
        .await
    }
}

#[cfg(test)]
mod tests;
