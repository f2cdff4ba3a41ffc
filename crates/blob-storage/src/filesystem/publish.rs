//! From `uploads` to `blobs`, by rename.
//!
//! | step | a crash after it leaves |
//! |---|---|
//! | the bytes are durable under `uploads` | a session that can go on |
//! | `rename` | either name, and the whole bytes under it |
//! | `fsync` of the directory in `blobs` | the published name |
//!
//! The directory renamed *from* is not synced. At worst a file system without atomic
//! renames brings the old name back beside the new one: nothing reads it, and deletion
//! removes both. What a session published is complete and durable; the sync of
//! its directory is repeated when publishing is, since the first may not have ended.
//!
//! A small object is written under its published name at once: that saves a journal commit, a
//! rename, and the wait for the one directory that all uploads share. Until it is acknowledged
//! its name in `blobs` may lead to anything, and nobody takes it for published: the session has
//! recorded no bytes, and only a `put` that brings them again completes it, over whatever is there.

use bytes::Bytes;
use registry_core::ports::{BlobStoreError, StorageKey};
use rustix::io::Errno;

use super::fault::fault;
use super::tree::{Access, Tree, length};
use super::writer::{sync_data, write_at};
use crate::key;

/// Publishes the file of a session. Call it with the key's lock held.
pub(super) fn publish(tree: &Tree, key: StorageKey, size: u64) -> Result<(), BlobStoreError> {
    let Some(file) = tree.file(&key::upload(key), Access::Write)? else {
        return confirm(tree, key, size);
    };
    let there = length(&file)?;
    if there < size {
        return Err(BlobStoreError::Lost(key));
    }
    if there > size {
        // A writer that died left more than it was ever acknowledged for.
        file.set_len(size).map_err(fault)?;
        sync_data(&file)?;
    }
    // What a `put` that was interrupted left under the name may be anything; these bytes are
    // flushed and checked, so they replace it. What is no file of ours is refused all the same.
    tree.file(&key::blob(key), Access::Read)?;
    let directory = key::blob_directory(key);
    tree.rename(&key::name(key), [key::UPLOADS, &directory])?;
    tree.sync(&directory)
}

/// Stores and publishes a small object. Call it with the key's lock held.
pub(super) fn put(tree: &Tree, key: StorageKey, bytes: &[Bytes]) -> Result<(), BlobStoreError> {
    let file = tree.file(&key::blob(key), Access::Create)?;
    let file = file.ok_or_else(|| fault(Errno::NOENT))?;
    let there = length(&file)?;
    // Over what is there: under the same key there can only be the same bytes, and somebody may be
    // reading them.
    let size = write_at(&file, 0, bytes).map_err(|error| {
        if there == 0 {
            // What the disk was too full for must not fill it further. If this fails as well, the
            // file goes when the key is deleted.
            let _ = tree.unlink(&key::blob_directory(key), &key::name(key));
        }
        fault(error)
    })?;
    if there > size {
        file.set_len(size).map_err(fault)?;
    }
    sync_data(&file)?;
    tree.sync(&key::blob_directory(key))?;
    forget_upload(tree, key)
}

/// Removes what an append before left, none of which was acknowledged.
fn forget_upload(tree: &Tree, key: StorageKey) -> Result<(), BlobStoreError> {
    match tree.file(&key::upload(key), Access::Write)? {
        Some(_) => tree.unlink(key::UPLOADS, &key::name(key)),
        None => Ok(()),
    }
}

/// Agrees that a key is published if it is, with this size.
fn confirm(tree: &Tree, key: StorageKey, size: u64) -> Result<(), BlobStoreError> {
    match tree.file(&key::blob(key), Access::Read)? {
        Some(file) if length(&file)? == size => tree.sync(&key::blob_directory(key)),
        Some(_) | None => Err(BlobStoreError::Lost(key)),
    }
}
