//! The contract of the port, on each server and with each option that changes what is sent.

use std::sync::Arc;

use registry_core::ports::BlobStore;

use crate::store::{Server, TestStore};

async fn fresh(server: Server, parameters: &str) -> (Arc<dyn BlobStore>, TestStore) {
    let store = TestStore::with(server, parameters).await;
    (Arc::clone(&store.blobs) as Arc<dyn BlobStore>, store)
}

mod seaweedfs {
    use super::*;

    async fn open() -> (Arc<dyn BlobStore>, TestStore) {
        fresh(Server::SeaweedFs, "").await
    }

    registry_core::blob_store_contract!(open);
}

mod versitygw {
    use super::*;

    async fn open() -> (Arc<dyn BlobStore>, TestStore) {
        fresh(Server::VersityGw, "").await
    }

    registry_core::blob_store_contract!(open);
}

mod uniform_parts {
    use super::*;

    async fn open() -> (Arc<dyn BlobStore>, TestStore) {
        fresh(Server::SeaweedFs, "&uniform_parts=true").await
    }

    registry_core::blob_store_contract!(open);
}

mod checksums {
    use super::*;

    async fn open() -> (Arc<dyn BlobStore>, TestStore) {
        fresh(Server::VersityGw, "&checksum=supported").await
    }

    registry_core::blob_store_contract!(open);
}
