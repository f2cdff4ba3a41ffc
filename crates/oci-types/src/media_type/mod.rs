//! Media types, by RFC 6838 section 4.2, and the names of those that matter to a registry.
//!
//! Parameters are dropped on parsing: `Content-Type: …+json; charset=utf-8` names the same type.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::text;

/// The longest name on either side of the slash, which makes 255 characters in all.
const MAXIMUM_NAME: usize = 127;

/// A media type `type/subtype` without parameters. Cheap to clone.
///
/// Keeps the case it was written in, because it is served as it was pushed; `==` and the order
/// are those of the text. Where a type decides something, [`MediaType::matches`] compares it as
/// RFC 6838 demands, without regard to case.
#[derive(Clone)]
pub struct MediaType(Text);

#[derive(Clone)]
enum Text {
    Static(&'static str),
    Shared(Arc<str>),
}

/// Why a text is no media type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MediaTypeError {
    /// A name longer than 127 characters.
    #[error("a media type has at most {MAXIMUM_NAME} characters on either side of its slash")]
    TooLong,
    /// Not two names joined by a slash.
    #[error(
        "a media type is `type/subtype`, of letters, digits and `!#$&-^_.+` (RFC 6838 section 4.2)"
    )]
    Malformed,
}

macro_rules! known_media_types {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        impl MediaType {
            $($(#[$doc])* pub const $name: Self = Self(Text::Static($text));)*
        }

        /// Every constant's text, so that parsing one of them allocates nothing.
        const KNOWN: &[&str] = &[$($text),*];
    };
}

// A macro, so that no constant can be missing from KNOWN.
known_media_types! {
    /// OCI image manifest.
    OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
    /// OCI image index.
    OCI_INDEX = "application/vnd.oci.image.index.v1+json";
    /// OCI image configuration.
    OCI_CONFIG = "application/vnd.oci.image.config.v1+json";
    /// The empty object `{}`, as config of an artifact.
    OCI_EMPTY = "application/vnd.oci.empty.v1+json";
    /// The artifact manifest of the 1.1 release candidates; withdrawn, still pushed by some.
    OCI_ARTIFACT_MANIFEST = "application/vnd.oci.artifact.manifest.v1+json";
    /// OCI layer.
    OCI_LAYER_TAR = "application/vnd.oci.image.layer.v1.tar";
    /// OCI layer, gzip.
    OCI_LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip";
    /// OCI layer, zstd.
    OCI_LAYER_ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd";
    /// OCI layer that must not be distributed.
    OCI_LAYER_NON_DISTRIBUTABLE_TAR = "application/vnd.oci.image.layer.nondistributable.v1.tar";
    /// OCI layer that must not be distributed, gzip.
    OCI_LAYER_NON_DISTRIBUTABLE_GZIP =
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
    /// OCI layer that must not be distributed, zstd.
    OCI_LAYER_NON_DISTRIBUTABLE_ZSTD =
        "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd";
    /// Docker image manifest, schema 2.
    DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
    /// Docker manifest list.
    DOCKER_MANIFEST_LIST = "application/vnd.docker.distribution.manifest.list.v2+json";
    /// Docker image configuration.
    DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json";
    /// Docker layer.
    DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    /// Docker layer that must not be distributed.
    DOCKER_FOREIGN_LAYER = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    /// Docker image manifest, schema 1.
    DOCKER_SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+json";
    /// Docker image manifest, schema 1, signed.
    DOCKER_SCHEMA1_SIGNED = "application/vnd.docker.distribution.manifest.v1+prettyjws";
}

impl MediaType {
    /// The media type as text.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Text::Static(text) => text,
            Text::Shared(text) => text,
        }
    }

    /// Whether both name the same type: without regard to ASCII case.
    pub fn matches(&self, other: &Self) -> bool {
        self.as_str().eq_ignore_ascii_case(other.as_str())
    }

    /// Whether a layer of this type stays where its `urls` point: clients may leave it out.
    pub fn is_non_distributable(&self) -> bool {
        [
            "application/vnd.oci.image.layer.nondistributable.",
            "application/vnd.docker.image.rootfs.foreign.",
        ]
        .iter()
        .any(|prefix| {
            let start = self.as_str().get(..prefix.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        })
    }
}

impl FromStr for MediaType {
    type Err = MediaTypeError;

    fn from_str(text: &str) -> Result<Self, MediaTypeError> {
        let essence = text.split_once(';').map_or(text, |(essence, _)| essence);
        let essence = essence.trim_matches([' ', '\t']);
        if let Some(known) = KNOWN.iter().find(|known| **known == essence) {
            return Ok(Self(Text::Static(known)));
        }
        let (kind, subtype) = essence.split_once('/').ok_or(MediaTypeError::Malformed)?;
        check_name(kind)?;
        check_name(subtype)?;
        Ok(Self(Text::Shared(essence.into())))
    }
}

/// `restricted-name` of RFC 6838 section 4.2.
fn check_name(name: &str) -> Result<(), MediaTypeError> {
    let begins_well = name.starts_with(|first: char| first.is_ascii_alphanumeric());
    let is_restricted = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
    if !begins_well || !name.bytes().all(is_restricted) {
        return Err(MediaTypeError::Malformed);
    }
    if name.len() > MAXIMUM_NAME {
        return Err(MediaTypeError::TooLong);
    }
    Ok(())
}

impl TryFrom<String> for MediaType {
    type Error = MediaTypeError;

    fn try_from(text: String) -> Result<Self, MediaTypeError> {
        text.parse()
    }
}

impl PartialEq for MediaType {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for MediaType {}

impl PartialOrd for MediaType {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for MediaType {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for MediaType {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl AsRef<str> for MediaType {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl fmt::Debug for MediaType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), formatter)
    }
}

impl Serialize for MediaType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for MediaType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::deserialize(deserializer)
    }
}

#[cfg(test)]
mod tests;
