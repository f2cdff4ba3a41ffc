//! What the row of an upload session remembers for this store, and how it is written.
//!
//! The bytes of a session are, in this order: the parts of an upload in parts, pieces that lie as
//! objects of their own, and a few bytes that are remembered here. Any of them may be missing. One
//! piece under the name of an object, and nothing else, is the whole object: there is nothing to do to
//! publish it.
//!
//! ```text
//! 1 byte   version: 1
//! 4 bytes  length of what follows, big-endian
//! JSON     everything but the bytes
//! rest     the bytes
//! ```

use bytes::Bytes;
use registry_core::ports::{BlobStoreError, Part, StorageKey, UploadObject};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;
use uuid::Uuid;

use super::client::{Target, etag};
use super::error::failed;
use super::key::Keys;

const VERSION: u8 = 1;
/// Up to how many bytes are remembered here and not stored in the bucket.
pub(super) const INLINE: u64 = 64 * 1024;

/// What is remembered of a session.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    /// The fence of the last holder that recorded anything; 0 before the first.
    pub(super) fence: u64,
    /// Whether holders may have left objects that are no part of this: some did not come to record
    /// theirs, or what they recorded was replaced. Recorded by whoever is not done yet, too: it may
    /// die before it records what it stores next.
    pub(super) superseded: bool,
    /// The upload in parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) upload: Option<Upload>,
    /// What follows its parts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) pieces: Vec<Piece>,
    /// What follows the pieces.
    #[serde(skip)]
    pub(super) inline: Bytes,
}

/// An upload in parts, which later holders go on with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Upload {
    /// The fence of the holder that began it; with the session it makes the key.
    pub(super) fence: u64,
    /// How S3 knows it.
    pub(super) id: String,
    /// The size of its parts, where all have one.
    pub(super) part_size: u64,
    /// Whether a checksum is sent with each part.
    pub(super) checksums: bool,
    /// Its parts so far.
    pub(super) parts: Parts,
    /// Whether the last of them is so small that none may follow.
    pub(super) closed: bool,
}

/// All parts of an upload, in short.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parts {
    /// How many.
    pub(super) count: u32,
    /// How many bytes.
    pub(super) size: u64,
    /// A hash over all of them, one after the other: it tells whether a list of parts is this one.
    #[serde(with = "hex_bytes")]
    pub(super) chain: [u8; 32],
}

/// An object that holds some of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Piece {
    /// Under which of its names its holder stored it.
    pub(super) name: PieceName,
    /// The fence of the holder.
    pub(super) fence: u64,
    /// Its length.
    pub(super) size: u64,
}

/// See `key`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PieceName {
    /// That of an object, stored when nothing more was expected: everything, unless more came.
    Object,
    /// That of an object, too, stored when more was expected. If nothing came it is everything.
    Parked,
    /// That of a tail.
    Tail,
}

impl Upload {
    /// For requests about it.
    pub(super) fn target(&self, keys: &Keys, session: Uuid) -> Target {
        let fence = self.fence;
        Target {
            key: keys.object(StorageKey { session, fence }),
            id: self.id.clone(),
            checksums: self.checksums,
        }
    }
}

impl Parts {
    /// These, and one more.
    pub(super) fn push(&mut self, part: &Part) {
        let hash = Sha256::new()
            .chain_update(self.chain)
            .chain_update(part.number.to_be_bytes())
            .chain_update(part.size.to_be_bytes())
            .chain_update(etag(&part.tag).as_bytes());
        self.chain = hash.finalize().into();
        self.count += 1;
        self.size += part.size;
    }

    /// Whether these are all of them, in order.
    pub(super) fn are<'a>(&self, parts: impl IntoIterator<Item = &'a Part>) -> bool {
        let mut found = Self::default();
        for part in parts {
            if part.number != found.count + 1 {
                return false;
            }
            found.push(part);
        }
        found == *self
    }
}

impl State {
    /// What is remembered of an object. Lost, if that is another number of bytes than was
    /// acknowledged.
    pub(super) fn of(object: &UploadObject) -> Result<Self, BlobStoreError> {
        let state = Self::read(object)?;
        if state.size() == object.committed {
            Ok(state)
        } else {
            Err(BlobStoreError::Lost(object.key))
        }
    }

    /// What is remembered of an object, whatever was acknowledged.
    pub(super) fn read(object: &UploadObject) -> Result<Self, BlobStoreError> {
        if object.state.is_empty() {
            return Ok(Self::default());
        }
        Self::decode(&object.state).map_err(failed)
    }

    /// The same, as the holder with this fence finds it.
    pub(super) fn taken_over(mut self, fence: u64) -> Self {
        self.superseded |= self.skips(fence);
        self.fence = fence;
        self
    }

    /// Whether there were holders before this one who recorded nothing.
    pub(super) fn skips(&self, fence: u64) -> bool {
        fence > self.fence.saturating_add(1)
    }

    /// How many bytes it accounts for.
    pub(super) fn size(&self) -> u64 {
        let parts = self.upload.as_ref().map_or(0, |upload| upload.parts.size);
        parts + self.loose()
    }

    /// How many bytes are in no part.
    pub(super) fn loose(&self) -> u64 {
        let pieces: u64 = self.pieces.iter().map(|piece| piece.size).sum();
        pieces + self.inline.len() as u64
    }

    /// The piece that is the whole object, if one is.
    pub(super) fn whole(&self) -> Option<Piece> {
        match *self.pieces.as_slice() {
            [piece] if piece.name != PieceName::Tail => {
                (self.upload.is_none() && self.inline.is_empty()).then_some(piece)
            }
            _ => None,
        }
    }

    /// For the row.
    pub(super) fn encode(&self) -> Result<Bytes, BlobStoreError> {
        let json = serde_json::to_vec(self).map_err(failed)?;
        let length = u32::try_from(json.len()).map_err(failed)?;
        let mut bytes = Vec::with_capacity(5 + json.len() + self.inline.len());
        bytes.push(VERSION);
        bytes.extend(length.to_be_bytes());
        bytes.extend(json);
        bytes.extend_from_slice(&self.inline);
        Ok(bytes.into())
    }

    pub(super) fn decode(bytes: &Bytes) -> Result<Self, StateError> {
        let (&version, rest) = bytes.split_first().ok_or(StateError::Short)?;
        if version != VERSION {
            return Err(StateError::Version(version));
        }
        let (length, rest) = rest.split_first_chunk::<4>().ok_or(StateError::Short)?;
        let length = u32::from_be_bytes(*length) as usize;
        let (json, inline) = rest.split_at_checked(length).ok_or(StateError::Short)?;
        let mut state: Self = serde_json::from_slice(json)?;
        state.inline = bytes.slice_ref(inline);
        Ok(state)
    }
}

/// Why bytes are no [`State`].
#[derive(Debug, Error)]
pub(super) enum StateError {
    #[error("the state of an upload session is cut short")]
    Short,
    #[error(
        "the state of an upload session has version {0}, and this release knows version {VERSION}: \
         use the release that wrote it"
    )]
    Version(u8),
    #[error("the state of an upload session cannot be read")]
    Json(#[from] serde_json::Error),
}

/// A hash as text.
mod hex_bytes {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(hash: &[u8; 32], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&super::super::hex::encode(hash))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<[u8; 32], D::Error> {
        let text = String::deserialize(from)?;
        super::super::hex::decode(&text).ok_or_else(|| D::Error::custom("no hash"))
    }
}

#[cfg(test)]
mod tests;
