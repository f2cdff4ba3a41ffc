//! Handing bytes out: a file to send for published objects, a stream for unpublished ones.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::try_unfold;
use registry_core::ports::{BlobFile, BlobStoreError, ByteStream, Location, StorageKey};
use tokio::task::spawn_blocking;

use super::fault::{blocking, fault};
use super::tree::{Access, Tree, length};
use crate::key;

/// How much of an unpublished object is read at a time.
const SLICE: u64 = 256 * 1024;

/// Opens a published object. Where the path is in memory this costs no change of threads.
pub(super) async fn open(
    tree: &Arc<Tree>,
    key: StorageKey,
    size: u64,
    range: Range<u64>,
) -> Result<Location, BlobStoreError> {
    if range.start > range.end || range.end > size {
        let message = format!("range {range:?} of an object of {size} bytes");
        return Err(fault(io::Error::new(io::ErrorKind::InvalidInput, message)));
    }
    let path = key::blob(key);
    let file = if let Some(opened) = tree.cached_file(&path) {
        opened
    } else {
        let tree = Arc::clone(tree);
        blocking(move || tree.file(&path, Access::Read)).await
    };
    let file = long_enough(file?, key, size)?;
    Ok(Location::File(BlobFile {
        file,
        offset: range.start,
        length: range.end - range.start,
    }))
}

/// Streams the first bytes of an unpublished object.
pub(super) async fn read_unpublished(
    tree: Arc<Tree>,
    key: StorageKey,
    size: u64,
) -> Result<ByteStream, BlobStoreError> {
    let file = blocking(move || {
        long_enough(tree.file(&key::upload(key), Access::Read)?, key, size).map(Arc::new)
    });
    let file = file.await?;
    Ok(Box::pin(try_unfold(0, move |offset| {
        let file = Arc::clone(&file);
        async move {
            if offset == size {
                return Ok(None);
            }
            let end = size.min(offset + SLICE);
            let slice = spawn_blocking(move || read_slice(&file, offset..end)).await;
            Ok(Some((slice.map_err(io::Error::other)??, end)))
        }
    })))
}

fn read_slice(file: &File, range: Range<u64>) -> io::Result<Bytes> {
    let length = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
    let mut slice = vec![0; length];
    file.read_exact_at(&mut slice, range.start)?;
    Ok(slice.into())
}

fn long_enough(file: Option<File>, key: StorageKey, size: u64) -> Result<File, BlobStoreError> {
    match file {
        Some(file) if length(&file)? >= size => Ok(file),
        Some(_) | None => Err(BlobStoreError::Lost(key)),
    }
}
