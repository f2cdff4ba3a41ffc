//! The hasher: cuts a stream of bytes into blocks, and pads the last one.

use std::fmt;

use oci_types::{Algorithm, Digest};

use crate::engine::{BLOCK_512, Engine, engine};
use crate::state::{HashState, HashStateError, Parts};
use crate::words::Words;

/// A hash under way. Cloning it forks it.
#[derive(Clone)]
pub struct Hasher {
    engine: Engine,
    words: Words,
    length: u64,
    /// The bytes since the last whole block; as many as `length` leaves over.
    tail: [u8; BLOCK_512],
}

impl fmt::Debug for Hasher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Hasher")
            .field("algorithm", &self.algorithm())
            .field("engine", &self.engine)
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

/// The digest of bytes that are all at hand.
pub fn digest(algorithm: Algorithm, bytes: &[u8]) -> Digest {
    let mut hasher = Hasher::new(algorithm);
    hasher.update(bytes);
    hasher.finish()
}

impl Hasher {
    /// Begins a hash.
    pub fn new(algorithm: Algorithm) -> Self {
        Self::on(engine(algorithm), algorithm)
    }

    fn on(engine: Engine, algorithm: Algorithm) -> Self {
        Self {
            engine,
            words: Words::initial(algorithm),
            length: 0,
            tail: [0; BLOCK_512],
        }
    }

    /// Goes on with a stored hash.
    pub fn resume(state: &HashState) -> Result<Self, HashStateError> {
        let Parts {
            words,
            length,
            tail: rest,
        } = state.read()?;
        let mut tail = [0; BLOCK_512];
        tail[..rest.len()].copy_from_slice(rest);
        Ok(Self {
            engine: engine(words.algorithm()),
            words,
            length,
            tail,
        })
    }

    /// What it hashes with.
    pub fn algorithm(&self) -> Algorithm {
        self.words.algorithm()
    }

    /// How many bytes it has taken in, before and after it was resumed.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// How to go on from here later.
    pub fn state(&self) -> HashState {
        let tail = &self.tail[..self.tail_length()];
        HashState::write(&Parts {
            words: self.words,
            length: self.length,
            tail,
        })
    }

    /// Takes in the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        let filled = self.tail_length();
        let block_size = self.words.block_size();
        self.length += bytes.len() as u64;
        let bytes = if filled == 0 {
            bytes
        } else {
            let (head, rest) = bytes.split_at(bytes.len().min(block_size - filled));
            self.tail[filled..filled + head.len()].copy_from_slice(head);
            if filled + head.len() < block_size {
                return;
            }
            self.words.compress(self.engine, &self.tail[..block_size]);
            rest
        };
        let (blocks, rest) = bytes.split_at(bytes.len() - bytes.len() % block_size);
        self.words.compress(self.engine, blocks);
        self.tail[..rest.len()].copy_from_slice(rest);
    }

    /// Ends the hash.
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "the lengths agree by construction"
    )]
    pub fn finish(mut self) -> Digest {
        let mut padded = [0; 2 * BLOCK_512];
        let size = self.pad(&mut padded);
        self.words.compress(self.engine, &padded[..size]);
        // INVARIANT: the words of an algorithm are exactly as long as its hash.
        Digest::new(self.algorithm(), &self.words.to_hash())
            .expect("a hash of its algorithm's length")
    }

    /// FIPS 180-4, section 5.1: a one bit, zeros, and the length in bits, up to the end of a block.
    /// Returns how long that is.
    fn pad(&self, padded: &mut [u8; 2 * BLOCK_512]) -> usize {
        let filled = self.tail_length();
        padded[..filled].copy_from_slice(&self.tail[..filled]);
        padded[filled] = 0x80;
        let length_size = self.words.length_size();
        let size = (filled + 1 + length_size).next_multiple_of(self.words.block_size());
        let bits = (u128::from(self.length) * 8).to_be_bytes();
        padded[size - length_size..size].copy_from_slice(&bits[bits.len() - length_size..]);
        size
    }

    fn tail_length(&self) -> usize {
        // A power of two: the low bits of a truncated length are the same.
        #[expect(clippy::cast_possible_truncation, reason = "only the low bits matter")]
        let length = self.length as usize;
        length % self.words.block_size()
    }
}

#[cfg(test)]
mod tests;
