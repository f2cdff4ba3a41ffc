//! Handing bytes out: a file to send.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use registry_core::ports::{BlobFile, BlobStoreError, Location, StorageKey};

use super::fault::{blocking, fault};
use super::tree::{Access, Tree, length};
use crate::key;

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

fn long_enough(file: Option<File>, key: StorageKey, size: u64) -> Result<File, BlobStoreError> {
    match file {
        Some(file) if length(&file)? >= size => Ok(file),
        Some(_) | None => Err(BlobStoreError::Lost(key)),
    }
}
