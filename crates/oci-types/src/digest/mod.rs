//! Digests of content, as of the image specification's "Digests": an algorithm and a hash.
//!
//! Only holds and writes them; computing one is not this crate's work.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::Tag;
use crate::text;

/// Bytes of a SHA-256 hash.
const SHA256_LENGTH: usize = 32;
/// Bytes of a SHA-512 hash.
const SHA512_LENGTH: usize = 64;
/// The longest text of a digest: `sha512:` and its hash in hex.
const MAXIMUM_TEXT: usize = "sha512:".len() + 2 * SHA512_LENGTH;
/// An algorithm's name longer than this is nonsense rather than something we lack.
const MAXIMUM_ALGORITHM: usize = 32;
/// The tag schema cuts the hash to so many characters.
const FALLBACK_TAG_HEX: usize = 64;

/// A hash algorithm the image specification registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// SHA-256, which everybody uses.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl Algorithm {
    /// Its registered name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    /// Length of its hashes in bytes.
    pub const fn hash_len(self) -> usize {
        match self {
            Self::Sha256 => SHA256_LENGTH,
            Self::Sha512 => SHA512_LENGTH,
        }
    }

    /// The byte that stands for it in [`Digest::to_bytes`].
    const fn storage_byte(self) -> u8 {
        match self {
            Self::Sha256 => 1,
            Self::Sha512 => 2,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl FromStr for Algorithm {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        match text {
            "sha256" => Ok(Self::Sha256),
            "sha512" => Ok(Self::Sha512),
            other if is_algorithm(other) => Err(DigestError::Unsupported(other.to_owned())),
            _ => Err(DigestError::Malformed),
        }
    }
}

/// Whether `text` follows the grammar `component ([+._-] component)*`, component `[a-z0-9]+`.
fn is_algorithm(text: &str) -> bool {
    text.len() <= MAXIMUM_ALGORITHM
        && text.split(['+', '.', '_', '-']).all(|component| {
            !component.is_empty()
                && component
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        })
}

/// Names content by its hash, `sha256:…` in lower-case hex.
///
/// Ordered as its text is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(Hash);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Hash {
    Sha256([u8; SHA256_LENGTH]),
    Sha512([u8; SHA512_LENGTH]),
}

/// Why a text or a byte string is no digest.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DigestError {
    /// Well formed, but of an algorithm other than SHA-256 and SHA-512.
    #[error("digest algorithm `{0}` is not supported: use sha256 or sha512")]
    Unsupported(String),
    /// Not `algorithm:hex`, in upper case, or of the wrong length.
    #[error(
        "a digest is `sha256:` and 64 lower-case hexadecimal digits, or `sha512:` and 128 of them"
    )]
    Malformed,
}

impl Digest {
    /// The digest with this hash.
    pub fn new(algorithm: Algorithm, hash: &[u8]) -> Result<Self, DigestError> {
        let hash = match algorithm {
            Algorithm::Sha256 => hash.try_into().map(Hash::Sha256),
            Algorithm::Sha512 => hash.try_into().map(Hash::Sha512),
        };
        hash.map(Self).map_err(|_| DigestError::Malformed)
    }

    /// What it was hashed with.
    pub const fn algorithm(&self) -> Algorithm {
        match self.0 {
            Hash::Sha256(_) => Algorithm::Sha256,
            Hash::Sha512(_) => Algorithm::Sha512,
        }
    }

    /// The hash itself.
    pub const fn hash(&self) -> &[u8] {
        match &self.0 {
            Hash::Sha256(hash) => hash,
            Hash::Sha512(hash) => hash,
        }
    }

    /// The storage form: one byte for the algorithm (1 SHA-256, 2 SHA-512), then the hash.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(1 + self.hash().len());
        bytes.push(self.algorithm().storage_byte());
        bytes.extend_from_slice(self.hash());
        bytes
    }

    /// Reads the storage form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DigestError> {
        match bytes.split_first() {
            Some((1, hash)) => Self::new(Algorithm::Sha256, hash),
            Some((2, hash)) => Self::new(Algorithm::Sha512, hash),
            Some(_) | None => Err(DigestError::Malformed),
        }
    }

    /// The digest whose referrers a tag lists, by the distribution specification's "Referrers Tag
    /// Schema". Only `sha256-…`: the schema cuts a longer hash off, so it cannot be read back.
    pub fn from_fallback_tag(tag: &Tag) -> Option<Self> {
        let hex = tag.as_str().strip_prefix("sha256-")?;
        decode_hex(hex).map(|hash| Self(Hash::Sha256(hash)))
    }

    /// The tag under which clients without the referrers API list its referrers.
    pub fn to_fallback_tag(&self) -> Tag {
        let text = self.to_string();
        let (algorithm, hex) = text.split_at(self.algorithm().as_str().len());
        Tag::from_grammar(&format!("{algorithm}-{}", &hex[1..=FALLBACK_TAG_HEX]))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut buffer = [0; MAXIMUM_TEXT];
        let algorithm = self.algorithm().as_str().as_bytes();
        let (prefix, hex) = buffer.split_at_mut(algorithm.len() + 1);
        prefix[..algorithm.len()].copy_from_slice(algorithm);
        prefix[algorithm.len()] = b':';
        for (pair, byte) in hex.as_chunks_mut().0.iter_mut().zip(self.hash()) {
            *pair = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
        }
        let length = algorithm.len() + 1 + 2 * self.hash().len();
        let text = std::str::from_utf8(&buffer[..length]).map_err(|_| fmt::Error)?;
        formatter.pad(text)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let (algorithm, hex) = text.split_once(':').ok_or(DigestError::Malformed)?;
        let hash = match algorithm.parse()? {
            Algorithm::Sha256 => decode_hex(hex).map(Hash::Sha256),
            Algorithm::Sha512 => decode_hex(hex).map(Hash::Sha512),
        };
        hash.map(Self).ok_or(DigestError::Malformed)
    }
}

impl TryFrom<String> for Digest {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Self, DigestError> {
        text.parse()
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::deserialize(deserializer)
    }
}

/// Exactly `N` bytes of lower-case hex.
fn decode_hex<const N: usize>(hex: &str) -> Option<[u8; N]> {
    let (pairs, []) = hex.as_bytes().as_chunks::<2>() else {
        return None;
    };
    if pairs.len() != N {
        return None;
    }
    let mut hash = [0; N];
    let mut seen = 0;
    for (byte, pair) in hash.iter_mut().zip(pairs) {
        let (high, low) = (NIBBLES[usize::from(pair[0])], NIBBLES[usize::from(pair[1])]);
        seen |= high | low;
        *byte = high << 4 | low & 15;
    }
    (seen < 16).then_some(hash)
}

/// The value of each hexadecimal digit; anything else has a bit above the lower four.
const NIBBLES: [u8; 256] = {
    let mut table = [0xf0; 256];
    let mut value = 0;
    while value < 16 {
        table[b"0123456789abcdef"[value as usize] as usize] = value;
        value += 1;
    }
    table
};

#[cfg(test)]
mod tests;
