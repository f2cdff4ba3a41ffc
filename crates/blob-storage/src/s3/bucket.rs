//! What all that happens in a bucket shares.

use registry_core::ports::{BlobStoreError, StorageKey};
use tokio::runtime::Handle;

use super::budget::Budget;
use super::client::S3Client;
use super::key::Keys;
use super::sizes::Sizes;

/// A bucket, the names in it and the rules of its server.
#[derive(Debug)]
pub(super) struct Bucket {
    /// Sends requests.
    pub(super) client: S3Client,
    /// Makes names.
    pub(super) keys: Keys,
    /// How large parts are.
    pub(super) sizes: Sizes,
    /// How many of them are in memory.
    pub(super) budget: Budget,
    /// Where parts are sent from, whatever thread their bytes came in on.
    pub(super) runtime: Handle,
}

impl Bucket {
    /// Whether the object with this key is there and has this size: then it is what was meant to be
    /// there, because no key is for two contents. Lost if not.
    pub(super) async fn holds(&self, key: StorageKey, size: u64) -> Result<(), BlobStoreError> {
        match self.client.size(&self.keys.object(key)).await {
            Ok(there) if there == size => Ok(()),
            Ok(_) => Err(BlobStoreError::Lost(key)),
            // HEAD does not tell whether it is the object that is not there, or the bucket.
            Err(error) if error.is_no_object() => {
                self.client.keys(&self.keys.object(key), None).await?;
                Err(BlobStoreError::Lost(key))
            }
            Err(error) => Err(error.or_lost(key)),
        }
    }
}
