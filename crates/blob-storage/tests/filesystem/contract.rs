//! The contract of the port, on a directory, metrics and all.

use std::sync::Arc;

use registry_core::ports::BlobStore;
use tempfile::TempDir;

async fn fresh() -> (Arc<dyn BlobStore>, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("storage");
    let store = blob_storage::open_directory(&path, &prometheus::Registry::new()).await;
    (store.unwrap(), directory)
}

registry_core::blob_store_contract!(fresh);
