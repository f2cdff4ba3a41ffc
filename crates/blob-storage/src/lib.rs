//! The blob store port: on a directory of this machine, or in a bucket that speaks the S3 protocol.
//!
//! Knows keys and bytes; digests, repositories, SQL and HTTP are none of its business.
//! `key` draws the tree on the disk, `filesystem` keeps it, `s3` the bucket, `metrics` measures either.
//!
//! A directory needs Linux: every path is resolved beneath a directory handle without following
//! symlinks (`openat2`, or step by step where a sandbox forbids that), and one process at a time
//! holds the directory's lock. File systems whose renames are not those of a local disk, NFS and
//! some FUSE ones, are refused: they are known by not being able to rename without replacing.

#[cfg(not(target_os = "linux"))]
compile_error!(
    "the filesystem blob store resolves paths with openat2 and renameat2, which only Linux has"
);

mod error;
mod filesystem;
mod key;
mod metrics;
mod s3;
mod url;

use std::path::Path;
use std::sync::Arc;

use registry_core::ports::BlobStore;

pub use error::StorageOpenError;
pub use s3::{
    Checksums, Encryption, S3Action, S3BlobStore, S3Credentials, S3Examination, S3OpenError,
    S3Options, S3Step, S3StepError, S3Url, S3UrlError, Size, examine as examine_bucket,
};
pub use url::{StorageUrl, StorageUrlError};

use filesystem::FilesystemBlobStore;
use metrics::MeasuredBlobStore;

/// Opens the blob store at `url` and registers its metrics; `s3` is for a bucket.
pub async fn open(
    url: &StorageUrl,
    s3: &S3Options,
    metrics: &prometheus::Registry,
) -> Result<Arc<dyn BlobStore>, StorageOpenError> {
    match url {
        StorageUrl::File(directory) => open_directory(directory, metrics).await,
        StorageUrl::S3(url) => {
            let store = S3BlobStore::open(url, s3, metrics).await?;
            Ok(Arc::new(MeasuredBlobStore::new(store, "s3", metrics)?))
        }
    }
}

/// Opens the blob store in a directory, creating what is missing, and registers its metrics.
pub async fn open_directory(
    directory: &Path,
    metrics: &prometheus::Registry,
) -> Result<Arc<dyn BlobStore>, StorageOpenError> {
    let store = FilesystemBlobStore::open(directory.to_owned()).await?;
    let space = store.free_space();
    let space = space.map_err(|error| StorageOpenError::explain(directory, error))?;
    metrics::register_free_space(metrics, space)?;
    let store = MeasuredBlobStore::new(store, "filesystem", metrics)?;
    Ok(Arc::new(store))
}
