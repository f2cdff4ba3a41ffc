//! Appending to the file of an upload session.
//!
//! Everything that touches the disk runs on the blocking pool and holds the key's lock
//! until it ended, even if the request it works for is gone. After a failure a writer
//! does nothing more: how much of a batch got through is not known, and a second
//! `fdatasync` after a failed one would report success for bytes that are lost.

use std::fs::File;
use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use registry_core::ports::{BlobStoreError, BlobWriter, Flush, StorageKey, Stored};
use rustix::io::Errno;

use super::fault::{blocking, fault};
use super::locks::KeyLock;
use super::tree::{Access, Tree, length};
use crate::key;

/// How many bytes are written before a flush is begun.
const FLUSH: u64 = 32 * 1024 * 1024;

/// Appends to one file.
#[derive(Debug)]
pub(super) struct FileWriter {
    session: Arc<Session>,
    durability: Arc<Mutex<Durability>>,
    /// Where the next batch goes, and whether the last one came to a good end.
    offset: u64,
    sound: bool,
}

#[derive(Debug)]
struct Session {
    file: Arc<File>,
    tree: Arc<Tree>,
    _lock: KeyLock,
}

/// What the next flush has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Durability {
    /// The bytes, and the name of the file, which is new.
    NamePending,
    /// The bytes.
    NameDurable,
    /// Nothing helps any more.
    Failed,
}

impl FileWriter {
    /// Opens the session's file and cuts off what was never acknowledged.
    pub(super) fn open(
        tree: Arc<Tree>,
        lock: KeyLock,
        key: StorageKey,
        committed: u64,
    ) -> Result<Self, BlobStoreError> {
        let access = if committed == 0 {
            Access::Create
        } else {
            Access::Write
        };
        let file = match tree.file(&key::upload(key), access)? {
            Some(file) => file,
            None if committed == 0 => return Err(fault(Errno::NOENT)),
            None => return Err(BlobStoreError::Lost(key)),
        };
        let there = length(&file)?;
        if there < committed {
            return Err(BlobStoreError::Lost(key));
        }
        if there > committed {
            file.set_len(committed).map_err(fault)?;
        }
        // A flush that was acknowledged made the name durable too.
        let durability = if committed == 0 {
            Durability::NamePending
        } else {
            Durability::NameDurable
        };
        Ok(Self {
            session: Arc::new(Session {
                file: Arc::new(file),
                tree,
                _lock: lock,
            }),
            durability: Arc::new(Mutex::new(durability)),
            offset: committed,
            sound: true,
        })
    }
}

#[async_trait]
impl BlobWriter for FileWriter {
    fn flush_at(&self) -> u64 {
        (self.offset / FLUSH + 1) * FLUSH
    }

    async fn write(&mut self, batch: Vec<Bytes>) -> Result<(), BlobStoreError> {
        if !std::mem::take(&mut self.sound) {
            return Err(failed_before());
        }
        let (session, offset) = (Arc::clone(&self.session), self.offset);
        let written = blocking(move || {
            let written = write_at(&session.file, offset, &batch);
            // The lock is to be free when the file is at rest, not when these bytes are freed.
            drop(session);
            written.map_err(fault)
        });
        self.offset += written.await?;
        self.sound = true;
        Ok(())
    }

    fn flush(&mut self) -> Flush {
        let (file, tree) = (
            Arc::clone(&self.session.file),
            Arc::clone(&self.session.tree),
        );
        let durability = Arc::clone(&self.durability);
        Box::pin(async move {
            blocking(move || flush(&file, &tree, &durability)).await?;
            Ok(Stored::default())
        })
    }

    async fn close(&mut self, _more: bool) -> Result<Stored, BlobStoreError> {
        self.flush().await
    }

    /// The next writer cuts off whatever lies beyond the recorded offset.
    async fn abandon(&mut self) {}
}

fn flush(file: &File, tree: &Tree, durability: &Mutex<Durability>) -> Result<(), BlobStoreError> {
    let pending = *state(durability);
    let flushed = match pending {
        Durability::NamePending => sync_data(file).and_then(|()| tree.sync(key::UPLOADS)),
        Durability::NameDurable => sync_data(file),
        Durability::Failed => Err(failed_before()),
    };
    let mut state = state(durability);
    match flushed {
        Ok(()) if *state == Durability::NamePending => *state = Durability::NameDurable,
        Ok(()) => {}
        Err(_) => *state = Durability::Failed,
    }
    flushed
}

fn state(durability: &Mutex<Durability>) -> MutexGuard<'_, Durability> {
    durability.lock().unwrap_or_else(PoisonError::into_inner)
}

fn failed_before() -> BlobStoreError {
    BlobStoreError::Failed(io::Error::other(
        "an earlier write or flush of this writer failed",
    ))
}

/// Makes the bytes of a file durable.
pub(super) fn sync_data(file: &File) -> Result<(), BlobStoreError> {
    rustix::fs::fdatasync(file).map_err(fault)
}

/// Writes a batch without copying it; returns how long it is.
pub(super) fn write_at(file: &File, offset: u64, batch: &[Bytes]) -> io::Result<u64> {
    let mut slices: Vec<IoSlice<'_>> = batch.iter().map(|bytes| IoSlice::new(bytes)).collect();
    let mut slices = &mut slices[..];
    let mut written = 0;
    // Skips empty slices at the front, so that a write of nothing can only mean a fault.
    IoSlice::advance_slices(&mut slices, 0);
    while !slices.is_empty() {
        match rustix::io::pwritev(file, slices, offset + written) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                IoSlice::advance_slices(&mut slices, count);
                written += count as u64;
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(written)
}
