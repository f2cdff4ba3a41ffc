//! The chaining words of one algorithm: what compression turns into the next state.

use oci_types::Algorithm;

use crate::engine::{BLOCK_256, BLOCK_512, Engine};

/// FIPS 180-4, section 5.3.3.
const INITIAL_256: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// FIPS 180-4, section 5.3.5.
const INITIAL_512: [u64; 8] = [
    0x6a09_e667_f3bc_c908,
    0xbb67_ae85_84ca_a73b,
    0x3c6e_f372_fe94_f82b,
    0xa54f_f53a_5f1d_36f1,
    0x510e_527f_ade6_82d1,
    0x9b05_688c_2b3e_6c1f,
    0x1f83_d9ab_fb41_bd6b,
    0x5be0_cd19_137e_2179,
];

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Words {
    Sha256([u32; 8]),
    Sha512([u64; 8]),
}

impl Words {
    pub(crate) fn initial(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha256 => Self::Sha256(INITIAL_256),
            Algorithm::Sha512 => Self::Sha512(INITIAL_512),
        }
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        match self {
            Self::Sha256(_) => Algorithm::Sha256,
            Self::Sha512(_) => Algorithm::Sha512,
        }
    }

    pub(crate) fn block_size(&self) -> usize {
        match self {
            Self::Sha256(_) => BLOCK_256,
            Self::Sha512(_) => BLOCK_512,
        }
    }

    /// How many bytes the padding gives to the length of the message.
    pub(crate) fn length_size(&self) -> usize {
        match self {
            Self::Sha256(_) => 8,
            Self::Sha512(_) => 16,
        }
    }

    /// Takes in whole blocks; a part of a block at the end would be left out.
    pub(crate) fn compress(&mut self, engine: Engine, blocks: &[u8]) {
        debug_assert_eq!(blocks.len() % self.block_size(), 0, "whole blocks only");
        match self {
            Self::Sha256(words) => engine.compress_256(words, blocks.as_chunks().0),
            Self::Sha512(words) => engine.compress_512(words, blocks.as_chunks().0),
        }
    }

    /// The hash, once the padding is compressed.
    pub(crate) fn to_hash(self) -> Vec<u8> {
        match self {
            Self::Sha256(words) => words.iter().flat_map(|word| word.to_be_bytes()).collect(),
            Self::Sha512(words) => words.iter().flat_map(|word| word.to_be_bytes()).collect(),
        }
    }

    /// The form in a stored state.
    pub(crate) fn to_le_bytes(self) -> Vec<u8> {
        match self {
            Self::Sha256(words) => words.iter().flat_map(|word| word.to_le_bytes()).collect(),
            Self::Sha512(words) => words.iter().flat_map(|word| word.to_le_bytes()).collect(),
        }
    }

    /// Reads the words off the front of `bytes`; gives back the rest too. `None` if there are too few.
    pub(crate) fn split_off(algorithm: Algorithm, bytes: &[u8]) -> Option<(Self, &[u8])> {
        match algorithm {
            Algorithm::Sha256 => {
                let (words, rest) = bytes.split_first_chunk::<32>()?;
                let (words, _) = words.as_chunks::<4>();
                Some((
                    Self::Sha256(std::array::from_fn(|at| u32::from_le_bytes(words[at]))),
                    rest,
                ))
            }
            Algorithm::Sha512 => {
                let (words, rest) = bytes.split_first_chunk::<64>()?;
                let (words, _) = words.as_chunks::<8>();
                Some((
                    Self::Sha512(std::array::from_fn(|at| u64::from_le_bytes(words[at]))),
                    rest,
                ))
            }
        }
    }
}
