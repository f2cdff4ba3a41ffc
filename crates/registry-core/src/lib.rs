#![doc = include_str!("../../../docs/architecture.md")]

pub mod access;
mod attended;
mod blobs;
mod blocking;
mod buffers;
mod catalog;
pub mod change;
mod error;
pub mod jobs;
mod manifests;
mod moving;
pub mod ports;
mod precondition;
mod redirects;
mod referrers;
mod registry;
mod tags;
#[cfg(feature = "testing")]
pub mod testing;
mod uploads;
pub mod waits;

pub use blobs::BlobDelivery;
pub use blocking::blocking;
pub use buffers::{DEFAULT_BUFFERS, Room};
pub use error::{BodyError, RegistryError};
pub use manifests::{ManifestPut, ManifestReceipt};
pub use moving::{Counts, Damage, MoveError, Mover};
pub use precondition::{EntityTags, Precondition};
pub use redirects::{Redirects, RepositoryPattern, RepositoryPatternError};
pub use registry::{Registry, Settings};
pub use uploads::{BodyStream, Chunk, OpenUpload, UploadBody, UploadOpened};
