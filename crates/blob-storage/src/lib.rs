//! The blob store port on a directory of this machine.
//!
//! Knows keys and bytes; digests, repositories, SQL and HTTP are none of its business.
//! `key` draws the tree on the disk, `filesystem` keeps it, `metrics` measures it.
//!
//! It needs Linux: every path is resolved beneath a directory handle without following
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
mod url;

use std::sync::Arc;

use registry_core::ports::BlobStore;

pub use error::StorageOpenError;
pub use url::{StorageUrl, StorageUrlError};

use filesystem::FilesystemBlobStore;
use metrics::MeasuredBlobStore;

/// Opens the blob store at `url`, creating what is missing, and registers its metrics.
pub async fn open(
    url: &StorageUrl,
    metrics: &prometheus::Registry,
) -> Result<Arc<dyn BlobStore>, StorageOpenError> {
    match url {
        StorageUrl::File(directory) => {
            let store = FilesystemBlobStore::open(directory.clone()).await?;
            let space = store.free_space();
            let space = space.map_err(|error| StorageOpenError::explain(directory, error))?;
            metrics::register_free_space(metrics, space)?;
            Ok(Arc::new(MeasuredBlobStore::new(
                store,
                "filesystem",
                metrics,
            )?))
        }
    }
}
