//! The blob store port: bytes under random keys, durable when acknowledged.
//!
//! A key names one object for ever: it is made for one upload session, published
//! at most once and never reused, so deletion cannot race a new upload. The store
//! knows neither digests nor repositories.

use std::fmt;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::pin::Pin;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::Stream;
use thiserror::Error;
use uuid::Uuid;

/// Names an object in the blob store. Made of a random id only, so that it tells nothing of what
/// is stored under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StorageKey(pub Uuid);

/// Bytes out of the store.
pub type ByteStream = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// A part of a local file, ready to be sent.
#[derive(Debug)]
pub struct BlobFile {
    /// The file, open for reading.
    pub file: File,
    /// First byte to send.
    pub offset: u64,
    /// How many bytes to send.
    pub length: u64,
}

/// How the bytes of a blob can be had.
pub enum Location {
    /// From this URL, without the registry.
    Redirect(String),
    /// From a local file.
    File(BlobFile),
    /// As a stream through the registry.
    Stream(ByteStream),
}

impl fmt::Debug for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL of a redirect is a bearer capability: it must not reach a log.
        formatter.write_str(match self {
            Self::Redirect(_) => "Redirect",
            Self::File(_) => "File",
            Self::Stream(_) => "Stream",
        })
    }
}

/// A fault of the blob store; the cause is for the log, never for a reply.
#[derive(Debug, Error)]
pub enum BlobStoreError {
    /// No space left, or a quota reached.
    #[error("blob store out of space")]
    Full(#[source] io::Error),
    /// It may not be written or read (permissions, a read-only file system).
    #[error("blob store refuses access")]
    Denied(#[source] io::Error),
    /// Something in the store is not what the store put there: a symlink, a FIFO, a directory.
    #[error("blob store holds something foreign at {0}")]
    Foreign(String),
    /// An object the metadata promises is gone or shorter than recorded.
    #[error("blob store lost object {0:?}")]
    Lost(StorageKey),
    /// Anything else.
    #[error("blob store failed")]
    Failed(#[source] io::Error),
}

/// Makes everything written before it was asked for durable; runs beside later writes.
pub type Flush = Pin<Box<dyn Future<Output = Result<(), BlobStoreError>> + Send>>;

/// Appends to the object of one upload session. At most one writer a session exists at a time in
/// a process; dropping it closes it.
#[async_trait]
pub trait BlobWriter: Send + fmt::Debug {
    /// Appends. Not durable before a flush that was asked for afterwards has ended.
    async fn write(&mut self, batch: Vec<Bytes>) -> Result<(), BlobStoreError>;

    /// Starts to make everything written so far durable, without holding up later writes.
    fn flush(&self) -> Flush;
}

/// Where blobs lie.
#[async_trait]
pub trait BlobStore: Send + Sync + fmt::Debug {
    /// Opens the unpublished object of `key` for appending at `committed`, creating it when
    /// that is 0. Bytes beyond `committed`, left by a writer that died, are cut off. Waits while
    /// another writer of this process holds the object. [`BlobStoreError::Lost`] if fewer bytes are there.
    async fn append(
        &self,
        key: StorageKey,
        committed: u64,
    ) -> Result<Box<dyn BlobWriter>, BlobStoreError>;

    /// The first `length` bytes of an unpublished object.
    async fn read_unpublished(
        &self,
        key: StorageKey,
        length: u64,
    ) -> Result<ByteStream, BlobStoreError>;

    /// Publishes the first `size` bytes of a flushed object under its key, durably, without copying
    /// a byte. Bytes beyond, left by a writer that died, are cut off. Waits while a writer of this
    /// process holds the object. Publishing a published object of that size again is no error;
    /// [`BlobStoreError::Lost`] if fewer bytes are there.
    async fn publish(&self, key: StorageKey, size: u64) -> Result<(), BlobStoreError>;

    /// Stores and publishes a whole small object in one durable step; the same bytes again is no
    /// error. What a session has left unpublished under the key is replaced; waits while a writer
    /// of this process holds it.
    async fn put(&self, key: StorageKey, bytes: Vec<Bytes>) -> Result<(), BlobStoreError>;

    /// How to get `range` of a published object of `size` bytes. [`BlobStoreError::Lost`] when it is
    /// not there or shorter.
    async fn open(
        &self,
        key: StorageKey,
        size: u64,
        range: Range<u64>,
    ) -> Result<Location, BlobStoreError>;

    /// Deletes objects, published or not; those that are not there are no error. Returns the keys that
    /// are gone now; the others are to be tried again.
    async fn delete(&self, keys: &[StorageKey]) -> Result<Vec<StorageKey>, BlobStoreError>;

    /// A cheap check that the store can be written and read, for readiness.
    async fn probe(&self) -> Result<(), BlobStoreError>;
}
