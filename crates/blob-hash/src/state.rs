//! The stored form of a hash under way.
//!
//! ```text
//! version 1 | algorithm | bytes so far | chaining words           | tail
//! 1 byte    | 1 byte    | u64 LE       | 8 x u32 LE or 8 x u64 LE | bytes so far mod block size
//! ```
//!
//! It is no secret and no proof: whoever can write it can make an upload fail, or
//! pass for what it is not. It belongs in the metadata store, never with a client.

use oci_types::Algorithm;
use thiserror::Error;

use crate::words::Words;

const VERSION: u8 = 1;
const SHA256: u8 = 1;
const SHA512: u8 = 2;

/// The longest message whose length in bits SHA-256's padding can tell.
const MAX_LENGTH: u64 = u64::MAX / 8;

/// A hash under way, ready to be stored and resumed, on this CPU or another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashState(Vec<u8>);

/// Why bytes are not a [`HashState`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum HashStateError {
    /// Written by a newer release, or no hash state at all.
    #[error("unknown version {0} of a hash state")]
    UnknownVersion(u8),
    /// An algorithm this release does not know.
    #[error("unknown algorithm {0} in a hash state")]
    UnknownAlgorithm(u8),
    /// More bytes hashed than the algorithm can count.
    #[error("impossible length {0} in a hash state")]
    ImpossibleLength(u64),
    /// Not as long as its own fields say.
    #[error("hash state of {0} bytes is cut off or too long")]
    WrongSize(usize),
}

/// What a state says, taken apart.
pub(crate) struct Parts<'a> {
    pub(crate) words: Words,
    pub(crate) length: u64,
    pub(crate) tail: &'a [u8],
}

impl HashState {
    /// The bytes to store.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Takes bytes from the store, if they are whole.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, HashStateError> {
        parse(&bytes)?;
        Ok(Self(bytes))
    }

    pub(crate) fn write(parts: &Parts<'_>) -> Self {
        let algorithm = match parts.words.algorithm() {
            Algorithm::Sha256 => SHA256,
            Algorithm::Sha512 => SHA512,
        };
        let mut bytes = vec![VERSION, algorithm];
        bytes.extend_from_slice(&parts.length.to_le_bytes());
        bytes.extend_from_slice(&parts.words.to_le_bytes());
        bytes.extend_from_slice(parts.tail);
        Self(bytes)
    }

    pub(crate) fn read(&self) -> Result<Parts<'_>, HashStateError> {
        parse(&self.0)
    }
}

impl TryFrom<Vec<u8>> for HashState {
    type Error = HashStateError;

    fn try_from(bytes: Vec<u8>) -> Result<Self, Self::Error> {
        Self::from_bytes(bytes)
    }
}

impl From<HashState> for Vec<u8> {
    fn from(state: HashState) -> Self {
        state.0
    }
}

fn parse(bytes: &[u8]) -> Result<Parts<'_>, HashStateError> {
    let wrong_size = HashStateError::WrongSize(bytes.len());
    let (&[version], rest) = bytes.split_first_chunk::<1>().ok_or(wrong_size)?;
    if version != VERSION {
        return Err(HashStateError::UnknownVersion(version));
    }
    let (&[algorithm], rest) = rest.split_first_chunk::<1>().ok_or(wrong_size)?;
    let algorithm = match algorithm {
        SHA256 => Algorithm::Sha256,
        SHA512 => Algorithm::Sha512,
        other => return Err(HashStateError::UnknownAlgorithm(other)),
    };
    let (length, rest) = rest.split_first_chunk::<8>().ok_or(wrong_size)?;
    let length = u64::from_le_bytes(*length);
    if length > MAX_LENGTH {
        return Err(HashStateError::ImpossibleLength(length));
    }
    let (words, tail) = Words::split_off(algorithm, rest).ok_or(wrong_size)?;
    if tail.len() as u64 != length % words.block_size() as u64 {
        return Err(wrong_size);
    }
    Ok(Parts {
        words,
        length,
        tail,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Hasher;

    fn state(algorithm: Algorithm) -> Vec<u8> {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(&[7; 1_000]);
        hasher.state().into()
    }

    #[test]
    fn layout_is_fixed() {
        let mut hasher = Hasher::new(Algorithm::Sha256);
        hasher.update(b"tail");
        let mut expected = vec![1, 1, 4, 0, 0, 0, 0, 0, 0, 0];
        expected.extend_from_slice(&[0x67, 0xe6, 0x09, 0x6a, 0x85, 0xae, 0x67, 0xbb]);
        assert_eq!(hasher.state().as_bytes()[..18], expected);
        assert_eq!(hasher.state().as_bytes()[42..], *b"tail");
    }

    #[test]
    fn every_cut_and_every_excess_is_refused() {
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            let whole = state(algorithm);
            for length in 0..whole.len() {
                let cut = HashState::from_bytes(whole[..length].to_vec());
                assert_eq!(cut, Err(HashStateError::WrongSize(length)));
            }
            let mut excess = whole.clone();
            excess.push(0);
            assert_eq!(
                HashState::from_bytes(excess),
                Err(HashStateError::WrongSize(whole.len() + 1))
            );
            HashState::try_from(whole).unwrap();
        }
    }

    #[test]
    fn what_this_release_does_not_know_is_refused() {
        let mut newer = state(Algorithm::Sha256);
        newer[0] = 2;
        assert_eq!(
            HashState::from_bytes(newer),
            Err(HashStateError::UnknownVersion(2))
        );
        let mut other = state(Algorithm::Sha256);
        other[1] = 3;
        assert_eq!(
            HashState::from_bytes(other),
            Err(HashStateError::UnknownAlgorithm(3))
        );
    }

    #[test]
    fn an_algorithm_or_a_count_that_does_not_fit_is_refused() {
        let mut swapped = state(Algorithm::Sha256);
        swapped[1] = SHA512;
        assert!(matches!(
            HashState::from_bytes(swapped),
            Err(HashStateError::WrongSize(_))
        ));
        let mut counted = state(Algorithm::Sha512);
        counted[2] ^= 1;
        assert!(matches!(
            HashState::from_bytes(counted),
            Err(HashStateError::WrongSize(_))
        ));
        let mut endless = state(Algorithm::Sha256);
        endless[9] = 0xff;
        assert!(matches!(
            HashState::from_bytes(endless),
            Err(HashStateError::ImpossibleLength(_))
        ));
    }
}
