//! The contract of the port, on a directory, metrics and all.

use std::sync::Arc;

use blob_storage::StorageUrl;
use registry_core::ports::BlobStore;
use tempfile::TempDir;

async fn fresh() -> (Arc<dyn BlobStore>, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let url = StorageUrl::File(directory.path().join("storage"));
    (
        blob_storage::open(&url, &prometheus::Registry::new())
            .await
            .unwrap(),
        directory,
    )
}

registry_core::blob_store_contract!(fresh);
