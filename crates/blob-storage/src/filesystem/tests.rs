//! The contract where the kernel does not resolve paths for us.

use std::sync::Arc;

use registry_core::ports::BlobStore;
use tempfile::TempDir;

use super::FilesystemBlobStore;
use super::tree::Resolution;

async fn step_by_step() -> (Arc<dyn BlobStore>, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("storage");
    let store = FilesystemBlobStore::open_with(path, |_| Resolution::Steps)
        .await
        .unwrap();
    (Arc::new(store), directory)
}

registry_core::blob_store_contract!(step_by_step);
