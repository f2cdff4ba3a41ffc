//! A stretch of a file as a response body: bytes that the page cache holds are copied out on the
//! spot, others are read on the blocking pool one slice ahead of the connection.
//! Whatever the file does, it never yields fewer bytes than promised without an error.

use std::{
    fs::File,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use tokio::task::JoinHandle;

/// Large enough that system calls do not count, small enough to stay in the processor's cache
/// between the read and the write.
const SLICE: usize = 256 * 1024;

/// A stretch of a file that is being read.
#[derive(Debug)]
pub(super) struct FileBody {
    file: Arc<File>,
    offset: u64,
    remaining: u64,
    /// The last slice handed out. Once the connection has let go of it, its memory is used again.
    handed_out: Bytes,
    /// The slice at `offset` on its way from the disk.
    reading: Option<JoinHandle<io::Result<Bytes>>>,
    cache: PageCache,
}

/// Whether a file can be asked for what the page cache holds of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PageCache {
    Readable,
    Opaque,
}

impl FileBody {
    pub(super) fn new(file: File, offset: u64, length: u64) -> Self {
        Self {
            file: Arc::new(file),
            offset,
            remaining: length,
            handed_out: Bytes::new(),
            reading: None,
            cache: PageCache::Readable,
        }
    }

    pub(super) fn remaining(&self) -> u64 {
        self.remaining
    }

    /// The next slice; must not be called when nothing remains.
    pub(super) fn poll_slice(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        if self.reading.is_none() {
            if let Some(slice) = self.read_cached()? {
                return Poll::Ready(Ok(slice));
            }
            self.reading = self.start_reading();
        }
        let Some(reading) = self.reading.as_mut() else {
            return Poll::Ready(Err(truncated()));
        };
        let slice = ready!(Pin::new(reading).poll(context)).map_err(io::Error::other)??;
        self.advance(slice.len());
        // What was not in the cache is rarely followed by what is: keep one slice ahead.
        self.reading = self.start_reading();
        Poll::Ready(Ok(slice))
    }

    fn next_length(&self) -> usize {
        usize::try_from(self.remaining).map_or(SLICE, |remaining| remaining.min(SLICE))
    }

    fn advance(&mut self, bytes: usize) {
        self.offset += bytes as u64;
        self.remaining -= bytes as u64;
    }

    /// Reads what the page cache holds at `offset`; `None` if that is nothing.
    fn read_cached(&mut self) -> io::Result<Option<Bytes>> {
        if self.cache == PageCache::Opaque {
            return Ok(None);
        }
        let length = self.next_length();
        let mut buffer = reuse(std::mem::take(&mut self.handed_out), length);
        let outcome = read_without_waiting(&self.file, &mut buffer[..length], self.offset);
        self.handed_out = buffer.freeze();
        match outcome {
            Cached::Bytes(0) => Err(truncated()),
            Cached::Bytes(read) => {
                self.advance(read);
                Ok(Some(self.handed_out.slice(..read)))
            }
            Cached::Nothing => Ok(None),
            Cached::Unknown => {
                self.cache = PageCache::Opaque;
                self.handed_out = Bytes::new();
                Ok(None)
            }
            Cached::Failed(error) => Err(error),
        }
    }

    fn start_reading(&self) -> Option<JoinHandle<io::Result<Bytes>>> {
        let length = self.next_length();
        if length == 0 {
            return None;
        }
        let file = Arc::clone(&self.file);
        let offset = self.offset;
        Some(tokio::task::spawn_blocking(move || {
            let mut buffer = BytesMut::zeroed(length);
            std::os::unix::fs::FileExt::read_exact_at(&*file, &mut buffer, offset)?;
            Ok(buffer.freeze())
        }))
    }
}

/// A buffer of at least `length` bytes: the memory of `old` if nobody else reads it any more.
fn reuse(old: Bytes, length: usize) -> BytesMut {
    if old.len() >= length
        && let Ok(buffer) = old.try_into_mut()
    {
        return buffer;
    }
    BytesMut::zeroed(length)
}

fn truncated() -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "file is shorter than the response promised",
    )
}

/// What a read that must not wait came to.
enum Cached {
    Bytes(usize),
    Nothing,
    /// The file system cannot tell.
    Unknown,
    Failed(io::Error),
}

#[cfg(target_os = "linux")]
fn read_without_waiting(file: &File, buffer: &mut [u8], offset: u64) -> Cached {
    use rustix::io::{Errno, ReadWriteFlags, preadv2};

    let mut slices = [io::IoSliceMut::new(buffer)];
    match preadv2(file, &mut slices, offset, ReadWriteFlags::NOWAIT) {
        Ok(read) => Cached::Bytes(read),
        Err(Errno::AGAIN | Errno::INTR) => Cached::Nothing,
        Err(Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS) => Cached::Unknown,
        Err(error) => Cached::Failed(error.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn read_without_waiting(_file: &File, _buffer: &mut [u8], _offset: u64) -> Cached {
    Cached::Unknown
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, io::Write};

    use super::*;

    /// Bytes in which every position near a slice's end can be told from every other.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "only the low byte is wanted"
    )]
    fn pattern(length: usize) -> Vec<u8> {
        (0..length)
            .map(|at| (at % 251 + at / SLICE) as u8)
            .collect()
    }

    fn file_of(content: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file
    }

    async fn read_all(mut body: FileBody) -> io::Result<Vec<u8>> {
        let mut read = Vec::new();
        while body.remaining() > 0 {
            read.extend_from_slice(&poll_fn(|context| body.poll_slice(context)).await?);
        }
        Ok(read)
    }

    #[tokio::test]
    async fn every_stretch_is_exact_from_the_cache_and_from_the_disk() {
        let content = pattern(3 * SLICE + 17);
        for (offset, length) in [
            (0, content.len()),
            (0, 1),
            (1, SLICE),
            (SLICE - 1, SLICE + 2),
            (content.len() - 1, 1),
        ] {
            for cache in [PageCache::Readable, PageCache::Opaque] {
                let mut body = FileBody::new(file_of(&content), offset as u64, length as u64);
                body.cache = cache;
                let read = read_all(body).await.unwrap();
                assert!(
                    read == content[offset..offset + length],
                    "{offset}+{length} {cache:?}"
                );
            }
        }
    }

    #[tokio::test]
    async fn a_file_that_is_too_short_is_an_error() {
        for cache in [PageCache::Readable, PageCache::Opaque] {
            let mut body = FileBody::new(file_of(&pattern(SLICE + 5)), 0, SLICE as u64 + 6);
            body.cache = cache;
            let error = read_all(body).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{cache:?}");
        }
    }

    #[test]
    fn memory_is_used_again_only_when_nobody_reads_it() {
        let first = BytesMut::zeroed(SLICE).freeze();
        let address = first.as_ptr();
        let reader = first.slice(..10);
        let second = reuse(first, SLICE);
        assert_ne!(second.as_ptr(), address, "still being read");
        drop(reader);
        let second = second.freeze();
        let address = second.as_ptr();
        drop(second.slice(..10));
        assert_eq!(reuse(second, SLICE).as_ptr(), address, "free again");
    }
}
