//! The blob store port: bytes under random keys, durable when acknowledged.
//!
//! An object is made for one upload session and published at most once; its key is never reused, so
//! that deletion cannot race a new upload. The store knows neither digests nor repositories.
//!
//! What a store has to remember of a session besides its bytes (parts, an upload id, a tail) it does
//! not keep itself: it hands it out as [`Stored`], the session's row records it in the statement
//! that records the offset, and whoever goes on, in whatever process, brings it back as an
//! [`UploadObject`].

use std::fmt;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream::try_unfold;
use thiserror::Error;
use uuid::Uuid;

use super::Timestamp;
use crate::blocking::blocking;

/// Names an object in the blob store. Made of a random id and a number only, so that it tells
/// nothing of what is stored under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StorageKey {
    /// The upload session it is made for.
    pub session: Uuid,
    /// The fence of the holder who began it, on a store where a late holder could otherwise
    /// replace what a later one wrote; 0 on a store that keeps late holders out.
    pub fence: u64,
}

/// Why bytes are no [`StorageKey`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a storage key has 16 or 24 bytes, and not {0}")]
pub struct StorageKeyError(usize);

impl StorageKey {
    /// The key of a session's only object.
    pub const fn of(session: Uuid) -> Self {
        Self { session, fence: 0 }
    }

    /// As it stands in the metadata: the session, then the fence unless it is 0.
    pub fn to_bytes(self) -> Vec<u8> {
        let mut bytes = self.session.as_bytes().to_vec();
        if self.fence != 0 {
            bytes.extend(self.fence.to_be_bytes());
        }
        bytes
    }

    /// Reads what [`Self::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StorageKeyError> {
        let error = StorageKeyError(bytes.len());
        let (session, fence) = bytes.split_first_chunk::<16>().ok_or(error)?;
        let fence = match fence {
            [] => 0,
            fence => u64::from_be_bytes(fence.try_into().map_err(|_| error)?),
        };
        let session = Uuid::from_bytes(*session);
        Ok(Self { session, fence })
    }
}

/// The unpublished object of an upload session, as the session's row has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadObject {
    /// The session, and the fence of whoever holds it now.
    pub key: StorageKey,
    /// How many bytes of it are acknowledged.
    pub committed: u64,
    /// What the store said last; empty before it said anything.
    pub state: Bytes,
}

impl UploadObject {
    /// A session without a byte.
    pub fn new(key: StorageKey) -> Self {
        Self {
            key,
            committed: 0,
            state: Bytes::new(),
        }
    }
}

/// A part of an object that is put together when it is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its place, from 1 on.
    pub number: u32,
    /// Its length in bytes.
    pub size: u64,
    /// How the store knows these very bytes again.
    pub tag: String,
}

/// What is to be remembered of an unpublished object whose bytes became durable.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stored {
    /// Replaces what was remembered before; for the store alone to read, and small.
    pub state: Bytes,
    /// Parts to be remembered besides those before.
    pub parts: Vec<Part>,
    /// Those before are void: the object was started anew.
    pub anew: bool,
    /// The object lies where it stays: publishing it takes no step.
    pub in_place: bool,
}

/// A published object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// Where it lies.
    pub key: StorageKey,
    /// Whether the session may have left other objects, which are to be deleted some time.
    pub leftovers: bool,
}

/// What a session that ended has left in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftovers {
    /// The session, and its last fence: each holder up to it may have left an object.
    pub key: StorageKey,
    /// The fence of the one object that stays, because it was published.
    pub keep: Option<u64>,
    /// What the store said last.
    pub state: Bytes,
}

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

impl BlobFile {
    /// The same bytes as a stream, for those who do not send files.
    pub fn into_stream(self) -> ByteStream {
        const SLICE: u64 = 256 * 1024;
        let (file, end) = (Arc::new(self.file), self.offset + self.length);
        Box::pin(try_unfold(self.offset, move |offset| {
            let file = Arc::clone(&file);
            async move {
                let next = end.min(offset + SLICE);
                if offset == next {
                    return Ok(None);
                }
                let slice = blocking(move || read_slice(&file, offset..next)).await;
                Ok(Some((slice.map_err(io::Error::other)??, next)))
            }
        }))
    }
}

fn read_slice(file: &File, range: Range<u64>) -> io::Result<Bytes> {
    let length = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
    let mut slice = vec![0; length];
    file.read_exact_at(&mut slice, range.start)?;
    Ok(slice.into())
}

/// How the bytes of a blob can be had.
pub enum Location {
    /// From a local file.
    File(BlobFile),
    /// As a stream through the registry.
    Stream(ByteStream),
}

impl fmt::Debug for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
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
    /// It takes no object of that size.
    #[error("the blob is larger than the storage of this registry takes")]
    TooLarge,
    /// It is not there to be asked, or asks for a pause; the same may succeed later.
    #[error("blob store unavailable")]
    Unavailable(#[source] io::Error),
    /// Anything else.
    #[error("blob store failed")]
    Failed(#[source] io::Error),
}

/// Makes everything written before it was asked for durable; runs beside later writes. Tells what is
/// to be remembered with the offset.
pub type Flush = Pin<Box<dyn Future<Output = Result<Stored, BlobStoreError>> + Send>>;

/// Appends to the object of one upload session, for one request; dropping it closes it.
#[async_trait]
pub trait BlobWriter: Send + fmt::Debug {
    /// Up to which offset batches are to be written before the next [`Self::flush`]: the store can
    /// make anything up to exactly there durable without cost for what follows.
    fn flush_at(&self) -> u64;

    /// Appends. Not durable before a flush that was asked for afterwards has ended.
    async fn write(&mut self, batch: Vec<Bytes>) -> Result<(), BlobStoreError>;

    /// Starts to make everything written so far durable, without holding up later writes. To be
    /// asked for where [`Self::flush_at`] said, and nowhere else.
    fn flush(&mut self) -> Flush;

    /// Makes everything durable. `more` tells whether another request is expected to append to the
    /// object: a guess, which costs time where it turns out wrong. What an earlier flush told is
    /// not told again. No other call follows.
    async fn close(&mut self, more: bool) -> Result<Stored, BlobStoreError>;

    /// Takes back what was written and not told of, as far as that is possible now. No other call
    /// follows.
    async fn abandon(&mut self);
}

/// Something a session began, and which no row may know of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// The session and the holder.
    pub key: StorageKey,
    /// How the store knows it.
    pub id: String,
}

/// Where blobs lie.
#[async_trait]
pub trait BlobStore: Send + Sync + fmt::Debug {
    /// Opens an unpublished object for appending behind its committed bytes. Whatever lies beyond
    /// them, left by a writer that died, does not become part of it, nor does what another writer
    /// of the session with an older fence still writes. [`BlobStoreError::Lost`] if it can tell
    /// that fewer bytes are there. `length` is the length of the request's body, if it is known.
    async fn append(
        &self,
        object: &UploadObject,
        length: Option<u64>,
    ) -> Result<Box<dyn BlobWriter>, BlobStoreError>;

    /// Publishes the committed bytes of an object, durably, without copying a byte; `parts` are all that
    /// were handed out for it. Doing it again is no error. [`BlobStoreError::Lost`] if they are not there.
    async fn publish(
        &self,
        object: &UploadObject,
        parts: Vec<Part>,
    ) -> Result<Published, BlobStoreError>;

    /// Stores and publishes a whole object in one durable step; the same bytes again are no error.
    /// What a session has left unpublished is replaced. `sha256` is the hash of the bytes where it
    /// is known, for stores that check it.
    async fn put(
        &self,
        object: &UploadObject,
        bytes: Vec<Bytes>,
        sha256: Option<[u8; 32]>,
    ) -> Result<Published, BlobStoreError>;

    /// How to get `range` of a published object of `size` bytes. [`BlobStoreError::Lost`] when it is
    /// not there or shorter.
    async fn open(
        &self,
        key: StorageKey,
        size: u64,
        range: Range<u64>,
    ) -> Result<Location, BlobStoreError>;

    /// The host, without a port, that [`Self::redirect`] leads clients to; `None` for a store that they
    /// cannot reach.
    fn redirect_host(&self) -> Option<&str>;

    /// A URL from which whoever has it gets a published object without the registry, for a limited
    /// time; `None` where there is no host for it. Made here, without asking the store. It is a
    /// capability: it must not reach a log.
    async fn redirect(&self, key: StorageKey) -> Result<Option<String>, BlobStoreError>;

    /// Deletes what sessions left, published or not; what is not there is no error. Returns those of
    /// which nothing is left now; the others are to be tried again.
    async fn delete(&self, leftovers: &[Leftovers]) -> Result<Vec<Leftovers>, BlobStoreError>;

    /// What was begun before `before` and is neither finished nor taken back. Empty for a store that
    /// leaves nothing that a session's row does not lead to.
    async fn unfinished(&self, before: Timestamp) -> Result<Vec<Unfinished>, BlobStoreError>;

    /// Takes it back; nothing that was published is touched.
    async fn take_back(&self, unfinished: &[Unfinished]) -> Result<(), BlobStoreError>;

    /// A cheap check that the store is there and can be read, for readiness; a store that is written where it
    /// is cheap may try that, too. Whether it can be written is seen when it is opened.
    async fn probe(&self) -> Result<(), BlobStoreError>;
}
