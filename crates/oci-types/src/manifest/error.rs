//! Why a manifest is refused: one variant a reason, each a sentence for whoever pushed it.
//!
//! The reasons of nested parsers are part of the sentence, so they are not sources besides.

use thiserror::Error;

use super::{MAXIMUM_DEPTH, MAXIMUM_DESCRIPTORS, UrlError};
use crate::{DigestError, MediaType, MediaTypeError};

/// Why a manifest is refused. `at` is the place, such as `layers[3].size`.
#[derive(Debug, Error)]
pub enum ManifestError {
    /// Docker's first manifest format.
    #[error(
        "docker image manifests of schema 1 are not supported: push the image with docker 1.10 or \
         later, or convert it, for example by `skopeo copy --format v2s2`"
    )]
    SchemaOne,
    /// It begins with a byte order mark.
    #[error("the manifest begins with a byte order mark: write it as plain UTF-8")]
    ByteOrderMark,
    /// Its bytes are not UTF-8.
    #[error("the manifest is not UTF-8: {0}")]
    NotUtf8(std::str::Utf8Error),
    /// Arrays and objects are nested too deep.
    #[error("the manifest nests arrays and objects more than {MAXIMUM_DEPTH} deep")]
    TooDeep,
    /// It is not one JSON value, with nothing but white space behind it.
    #[error("the manifest is not valid JSON: {0}")]
    NotJson(serde_json::Error),
    /// A value is of another JSON type than the specification says.
    #[error("{at} must be {expected}, not {found}")]
    WrongType {
        /// Where.
        at: String,
        /// What was expected, with its article.
        expected: &'static str,
        /// What was found, with its article.
        found: &'static str,
    },
    /// A key stands twice in one object.
    #[error("{at} has the key `{key}` twice: parsers differ in which one they take")]
    DuplicateKey {
        /// In which object.
        at: String,
        /// The key; its beginning, if it is long.
        key: String,
    },
    /// A key is a known one in other case.
    #[error("{at} has the key `{found}`, which some parsers read as `{key}`: write it that way")]
    KeyCase {
        /// In which object.
        at: String,
        /// The key as it stands.
        found: String,
        /// The key as it is specified.
        key: &'static str,
    },
    /// An image and an index at once.
    #[error(
        "the manifest has `manifests` next to `{0}`: it must be an index or an image, not both"
    )]
    ImageAndIndex(&'static str),
    /// The body names another type than the `Content-Type`.
    #[error("the manifest's mediaType is `{body}`, but it was pushed with Content-Type `{header}`")]
    MediaTypeMismatch {
        /// What the body says.
        body: MediaType,
        /// What the header says.
        header: MediaType,
    },
    /// Not `"schemaVersion": 2`, which manifests of OCI and Docker have.
    #[error("a manifest of type `{0}` must have `\"schemaVersion\": 2`")]
    SchemaVersion(MediaType),
    /// An image without `config`.
    #[error("an image manifest must have `config`; an artifact without one uses the empty config")]
    MissingConfig,
    /// An image without `layers`.
    #[error("an image manifest must have `layers`, if only an empty list")]
    MissingLayers,
    /// An index without `manifests`.
    #[error("an index must have `manifests`, if only an empty list")]
    MissingManifests,
    /// A descriptor lacks what each must have.
    #[error("{at} must have `{field}`")]
    IncompleteDescriptor {
        /// Which descriptor.
        at: String,
        /// What it lacks.
        field: &'static str,
    },
    /// One list is longer than anybody needs.
    #[error("{at} has more than {MAXIMUM_DESCRIPTORS} entries")]
    TooManyEntries {
        /// Which list.
        at: String,
    },
    /// Its lists together are longer than anybody needs.
    #[error("the manifest has more than {MAXIMUM_DESCRIPTORS} descriptors")]
    TooManyDescriptors,
    /// A size is negative, fractional, in exponent form, or beyond 63 bits.
    #[error("{at} must be a whole number of bytes from 0 to 9223372036854775807")]
    Size {
        /// Where.
        at: String,
    },
    /// A digest is malformed or of an unknown algorithm.
    #[error("{at}: {reason}")]
    Digest {
        /// Where.
        at: String,
        /// What is wrong with it.
        reason: DigestError,
    },
    /// A media type is malformed.
    #[error("{at}: {reason}")]
    MediaType {
        /// Where.
        at: String,
        /// What is wrong with it.
        reason: MediaTypeError,
    },
    /// A URL points at something clients should not be sent to.
    #[error("{at}: {reason}")]
    Url {
        /// Where.
        at: String,
        /// What is wrong with it.
        reason: UrlError,
    },
    /// Embedded data is not base64.
    #[error("{at} must be base64 with padding (RFC 4648 section 4)")]
    DataEncoding {
        /// Where.
        at: String,
    },
    /// Embedded data is not as long as its descriptor says.
    #[error("{at} holds {found} bytes, but the descriptor's size is {size}")]
    DataSize {
        /// Where.
        at: String,
        /// Length of the data in bytes.
        found: u64,
        /// The descriptor's size in bytes.
        size: u64,
    },
}
