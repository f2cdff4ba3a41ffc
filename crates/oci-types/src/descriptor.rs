//! Content descriptors of the image specification, as a manifest carries them.
//!
//! They are read by [`Manifest::parse`](crate::Manifest::parse) only, with its strictness.

use std::collections::BTreeMap;

use crate::{Digest, MediaType};

/// Names content by type, digest and size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    /// Type of the content.
    pub media_type: MediaType,
    /// Its digest.
    pub digest: Digest,
    /// Its length in bytes; at most `i64::MAX`, which is what other registries and clients hold.
    pub size: u64,
    /// Where else it may be fetched by clients; never by us.
    pub urls: Vec<String>,
    /// Whatever the author had to say.
    pub annotations: BTreeMap<String, String>,
    /// The content itself, decoded; of `size` bytes. Whether it hashes to `digest` is for those
    /// who can hash.
    pub data: Option<Vec<u8>>,
    /// Type of the artifact, if the content is one.
    pub artifact_type: Option<MediaType>,
}
