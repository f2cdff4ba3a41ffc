//! The readiness check: one small file comes, is read and goes.
//!
//! A file that is new each time finds out about a full disk, a remount read-only and a
//! directory that was taken away. It is not synced: readiness is asked for every few
//! seconds, and a disk that fails to sync shows in the uploads.

use std::io;
use std::os::unix::fs::FileExt;

use registry_core::ports::BlobStoreError;
use rustix::io::Errno;

use super::fault::fault;
use super::tree::{Access, Tree};
use crate::key;

const CONTENT: [u8; 5] = *b"probe";

/// Writes, reads and removes a file. Call it by one caller at a time.
pub(super) fn probe(tree: &Tree) -> Result<(), BlobStoreError> {
    let file = tree
        .file(key::PROBE, Access::Create)?
        .ok_or_else(|| fault(Errno::NOENT))?;
    let mut read = [0; CONTENT.len()];
    file.write_all_at(&CONTENT, 0).map_err(fault)?;
    file.read_exact_at(&mut read, 0).map_err(fault)?;
    if read != CONTENT {
        return Err(fault(io::Error::from(io::ErrorKind::InvalidData)));
    }
    tree.unlink(".", key::PROBE)
}
