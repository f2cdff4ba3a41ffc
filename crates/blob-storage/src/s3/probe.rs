//! Whether the bucket can be used: a small object is written when it is opened, and read by each
//! readiness check.

use std::time::Duration;

use bytes::Bytes;
use registry_core::ports::BlobStoreError;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::bucket::Bucket;
use super::error::S3Error;

const CONTENT: &[u8] = b"Berth reads this object to see whether its bucket can be used.\n";
/// How long an answer counts for those who ask again.
const RECENT: Duration = Duration::from_secs(2);

/// One check at a time, and when the last one went well.
#[derive(Debug, Default)]
pub(super) struct Probe(Mutex<Option<Instant>>);

impl Probe {
    /// Sees whether the bucket can be read; without the object, whether it can be written.
    pub(super) async fn run(&self, bucket: &Bucket) -> Result<(), BlobStoreError> {
        let mut well = self.0.lock().await;
        if well.is_some_and(|then| then.elapsed() < RECENT) {
            return Ok(());
        }
        *well = None;
        match bucket.client.read(&bucket.keys.probe(), None).await {
            Ok(_) => {}
            Err(error) if error.is_no_object() => write(bucket).await?,
            Err(error) => return Err(error.into()),
        }
        *well = Some(Instant::now());
        Ok(())
    }
}

/// Writes the object that checks read.
pub(super) async fn write(bucket: &Bucket) -> Result<(), S3Error> {
    let content = vec![Bytes::from_static(CONTENT)];
    bucket.client.put(&bucket.keys.probe(), content, None).await
}
