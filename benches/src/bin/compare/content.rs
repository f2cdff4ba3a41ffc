//! Blob contents: random once, unique for each upload, and hashed for next to nothing.
//!
//! All blobs of a family share a random prefix and differ in their last bytes, so that the digest
//! of a new one is the prefix's hash state, carried on over 32 bytes. A server cannot tell the
//! blobs apart before it has read all of each. The generator must stay light: it runs on the
//! cores that it measures.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest as _, Sha256};

/// How many bytes at the end differ between blobs of one family.
const TAIL: usize = 32;

/// The head of the chunk that carries the tail.
const TAIL_CHUNK: &[u8] = b"20\r\n";

/// Random bytes that a long prefix repeats.
const BLOCK: usize = 4 * 1024 * 1024;

/// Chunk length of `Transfer-Encoding: chunked` as Go's clients send it, docker among them.
const CHUNK: usize = 32 * 1024;

/// The end of a blob's last chunk and of the chunked body.
const LAST_CHUNK: &[u8] = b"\r\n0\r\n\r\n";

/// Bytes that no statistical test needs to love: they must be cheap, and not compressible.
pub(crate) struct Xorshift(u64);

impl Xorshift {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        for word in bytes.chunks_mut(8) {
            word.copy_from_slice(&self.next().to_le_bytes()[..word.len()]);
        }
    }
}

/// Numbers that are handed out once in the life of this process.
pub(crate) fn next_serial() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Blobs of one size.
pub(crate) struct BlobFamily {
    length: usize,
    block: Vec<u8>,
    /// The same block, and the shorter one that ends the prefix, cut into chunks.
    framed_block: Vec<u8>,
    framed_rest: Vec<u8>,
    midstate: Sha256,
}

/// One blob of a family.
pub(crate) struct Blob {
    tail: [u8; TAIL],
    /// As `sha256:<hex>`.
    pub(crate) digest: String,
}

impl BlobFamily {
    /// `length` counts the whole blob and is longer than the part that differs.
    pub(crate) fn new(length: usize) -> Self {
        let prefix = length - TAIL;
        let mut block = vec![0; prefix.min(BLOCK)];
        Xorshift::new(next_serial()).fill(&mut block);
        let mut midstate = Sha256::new();
        for _ in 0..prefix / block.len() {
            midstate.update(&block);
        }
        let rest = &block[..prefix % block.len()];
        midstate.update(rest);
        Self {
            length,
            framed_block: in_chunks(&block),
            framed_rest: in_chunks(rest),
            block,
            midstate,
        }
    }

    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// A blob that nobody has uploaded yet.
    pub(crate) fn blob(&self) -> Blob {
        let mut tail = [0; TAIL];
        Xorshift::new(next_serial()).fill(&mut tail);
        let hash = self.midstate.clone().chain_update(tail).finalize();
        Blob {
            tail,
            digest: digest_text(&hash),
        }
    }

    /// The bytes of `blob`, in order.
    pub(crate) fn pieces<'a>(&'a self, blob: &'a Blob) -> impl Iterator<Item = &'a [u8]> {
        let (blocks, rest) = self.blocks_and_rest();
        std::iter::repeat_n(self.block.as_slice(), blocks)
            .chain([&self.block[..rest], blob.tail.as_slice()])
    }

    /// The bytes of `blob` as a whole chunked body, in order.
    pub(crate) fn chunked_pieces<'a>(&'a self, blob: &'a Blob) -> impl Iterator<Item = &'a [u8]> {
        let (blocks, _) = self.blocks_and_rest();
        std::iter::repeat_n(self.framed_block.as_slice(), blocks).chain([
            self.framed_rest.as_slice(),
            TAIL_CHUNK,
            blob.tail.as_slice(),
            LAST_CHUNK,
        ])
    }

    fn blocks_and_rest(&self) -> (usize, usize) {
        let prefix = self.length - TAIL;
        (prefix / self.block.len(), prefix % self.block.len())
    }
}

/// The digest of bytes that belong to no family.
pub(crate) fn digest_of(bytes: &[u8]) -> String {
    digest_text(&Sha256::digest(bytes))
}

/// `sha256:<hex>` of a finished hash.
pub(crate) fn digest_text(hash: &[u8]) -> String {
    let mut text = String::with_capacity(7 + 2 * hash.len());
    text.push_str("sha256:");
    for byte in hash {
        let written = write!(text, "{byte:02x}");
        debug_assert!(written.is_ok(), "a String takes whatever is written to it");
    }
    text
}

fn in_chunks(bytes: &[u8]) -> Vec<u8> {
    let mut framed = Vec::with_capacity(bytes.len() + 16 * (bytes.len() / CHUNK + 1));
    for chunk in bytes.chunks(CHUNK) {
        framed.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        framed.extend_from_slice(chunk);
        framed.extend_from_slice(b"\r\n");
    }
    framed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(family: &BlobFamily, blob: &Blob) -> Vec<u8> {
        family.pieces(blob).collect::<Vec<_>>().concat()
    }

    #[test]
    fn digest_is_that_of_the_pieces() {
        for length in [
            33,
            2048,
            10_240,
            BLOCK + TAIL,
            BLOCK + TAIL + 1,
            2 * BLOCK + 5,
        ] {
            let family = BlobFamily::new(length);
            let (first, second) = (family.blob(), family.blob());
            assert_eq!(whole(&family, &first).len(), length);
            assert_eq!(
                digest_of(&whole(&family, &first)),
                first.digest,
                "length {length}"
            );
            assert_ne!(first.digest, second.digest);
        }
    }

    #[test]
    fn chunks_carry_the_same_bytes() {
        for length in [2048, CHUNK + TAIL, 3 * CHUNK + 100, BLOCK + CHUNK + 7] {
            let family = BlobFamily::new(length);
            let blob = family.blob();
            let framed = family.chunked_pieces(&blob).collect::<Vec<_>>().concat();
            assert_eq!(unchunk(&framed), whole(&family, &blob), "length {length}");
        }
    }

    /// A plain reading of RFC 9112 section 7.1, without extensions and trailers.
    fn unchunk(mut framed: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        loop {
            let line = framed.windows(2).position(|pair| pair == b"\r\n").unwrap();
            let size = std::str::from_utf8(&framed[..line]).unwrap();
            let size = usize::from_str_radix(size, 16).unwrap();
            framed = &framed[line + 2..];
            bytes.extend_from_slice(&framed[..size]);
            assert_eq!(&framed[size..size + 2], b"\r\n");
            framed = &framed[size + 2..];
            if size == 0 {
                assert!(framed.is_empty(), "nothing follows the last chunk");
                return bytes;
            }
        }
    }
}
