//! The vocabulary of the OCI specifications, parsed once at the edge and passed as values inside.
//!
//! Pure: no I/O, no clock, no runtime, no hashing. Whatever a client can write comes through a
//! parser of this crate; none of them panics, and each one's [`Display`](std::fmt::Display)
//! round-trips through its [`FromStr`](std::str::FromStr).

mod descriptor;
mod digest;
mod error_code;
mod manifest;
mod media_type;
mod name;
mod range;
mod reference;
mod text;

pub use descriptor::Descriptor;
pub use digest::{Algorithm, Digest, DigestError};
pub use error_code::ErrorCode;
pub use manifest::{
    MAXIMUM_DEPTH, MAXIMUM_DESCRIPTORS, Manifest, ManifestError, ManifestKind, UrlError,
};
pub use media_type::{MediaType, MediaTypeError};
pub use name::{NameError, RepositoryName};
pub use range::{ByteRange, ContentRange, ContentRangeError, ResolvedRange};
pub use reference::{Reference, ReferenceError, Tag, TagError};
