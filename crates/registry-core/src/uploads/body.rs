//! The body of an upload request: what is known of it, and how it is cut into
//! batches that are hashed and written.

use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use oci_types::ContentRange;

use crate::error::{BodyError, RegistryError};

/// Bytes as they come from a client.
pub type BodyStream = Pin<Box<dyn Stream<Item = Result<Bytes, BodyError>> + Send>>;

/// Bodies up to this length are taken into memory whole and stored in one step.
pub(super) const SMALL: u64 = 256 * 1024;
/// How much is hashed and written at a time: so little that it stays in a core's own cache from the
/// socket to the file, and enough that a call of the kernel costs little a byte.
const BATCH: usize = 256 * 1024;
/// What an upload keeps in memory, in bytes: a batch, and as much again, because its slices can
/// pin buffers that they fill by half, and for what the connection reads meanwhile.
pub(super) const BODY_BUFFERS: u64 = 2 * BATCH as u64;
/// Slices of a body shorter than this are gathered, so that a client who sends single bytes
/// cannot pin a receive buffer with each.
const SHORT: usize = 4 * 1024;

/// What a request to write to an upload session brings.
pub struct UploadBody {
    /// The bytes.
    pub stream: BodyStream,
    /// `Content-Length`, if there is one.
    pub length: Option<u64>,
}

impl std::fmt::Debug for UploadBody {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("UploadBody")
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

impl UploadBody {
    /// A body that is at hand already.
    pub(super) fn whole(bytes: Vec<Bytes>) -> Self {
        let length = bytes.iter().map(|bytes| bytes.len() as u64).sum();
        let stream = futures_util::stream::iter(bytes.into_iter().map(Ok));
        Self {
            stream: Box::pin(stream),
            length: Some(length),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.length == Some(0)
    }

    pub(super) fn is_small(&self) -> bool {
        self.length.is_some_and(|length| length <= SMALL)
    }

    /// Takes a small body into memory.
    pub(super) async fn collect(mut self) -> Result<Vec<Bytes>, BodyError> {
        let mut batch = Batch::default();
        while let Some(bytes) = self.stream.next().await {
            batch.push(bytes?);
        }
        Ok(batch.finish())
    }

    pub(super) fn into_batches(self) -> Batches {
        Batches {
            stream: Some(self.stream),
            error: None,
        }
    }
}

/// A chunk: a body and the place in the blob the client believes it has.
#[derive(Debug)]
pub struct Chunk {
    /// The bytes.
    pub body: UploadBody,
    /// `Content-Range`, if there is one.
    pub range: Option<ContentRange>,
}

impl Chunk {
    /// Where the chunk begins, if the client says so.
    pub(super) fn start(&self) -> Option<u64> {
        self.range.map(ContentRange::start)
    }

    /// The length the range promises.
    pub(super) fn promised(&self) -> Option<u64> {
        self.range.map(ContentRange::length)
    }

    /// Refuses a chunk whose two lengths differ before a byte of it is read.
    pub(super) fn check_length(&self) -> Result<(), RegistryError> {
        match (self.promised(), self.body.length) {
            (Some(promised), Some(length)) if promised != length => {
                Err(RegistryError::ChunkLengthMismatch)
            }
            _ => Ok(()),
        }
    }
}

/// The body, cut into batches.
pub(super) struct Batches {
    stream: Option<BodyStream>,
    error: Option<BodyError>,
}

impl Batches {
    /// The next batch; empty at the end of the body. What came before a body broke off is a batch,
    /// too; the error comes after it.
    pub(super) async fn next(&mut self) -> Result<Vec<Bytes>, BodyError> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        let mut batch = Batch::default();
        while batch.length < BATCH
            && let Some(stream) = &mut self.stream
        {
            match stream.next().await {
                Some(Ok(bytes)) => batch.push(bytes),
                None => self.stream = None,
                Some(Err(error)) => {
                    self.stream = None;
                    if batch.length == 0 {
                        return Err(error);
                    }
                    self.error = Some(error);
                }
            }
        }
        Ok(batch.finish())
    }
}

#[derive(Default)]
struct Batch {
    parts: Vec<Bytes>,
    short: BytesMut,
    length: usize,
}

impl Batch {
    fn push(&mut self, bytes: Bytes) {
        self.length += bytes.len();
        if bytes.len() < SHORT {
            self.short.extend_from_slice(&bytes);
        } else {
            self.settle();
            self.parts.push(bytes);
        }
    }

    fn settle(&mut self) {
        if !self.short.is_empty() {
            self.parts.push(self.short.split().freeze());
        }
    }

    fn finish(mut self) -> Vec<Bytes> {
        self.settle();
        self.parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn batches_hold_every_byte_in_order_and_are_bounded() {
        let bytes: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251) as u8).collect();
        let slices = [1, 5_000, 3, 300_000, 2].iter().cycle();
        let mut rest = Bytes::from(bytes.clone());
        let mut parts = Vec::new();
        for &length in slices {
            if rest.is_empty() {
                break;
            }
            parts.push(rest.split_to(length.min(rest.len())));
        }
        let mut batches = UploadBody::whole(parts).into_batches();
        let mut got = Vec::new();
        loop {
            let batch = batches.next().await.unwrap();
            if batch.is_empty() {
                break;
            }
            assert!(batch.iter().map(Bytes::len).sum::<usize>() < BATCH + 300_000);
            got.extend(batch.concat());
        }
        assert!(got == bytes);
    }
}
