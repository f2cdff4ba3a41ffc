//! Counts the uploads whose bytes are coming in at this moment: each of them holds a writer of the blob store. Idle
//! sessions are rows of the database and not counted. Nothing else about the store is changed here.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use prometheus::{IntGauge, Registry};
use registry_core::ports::{
    BlobStore, BlobStoreError, BlobWriter, ByteStream, Flush, Location, StorageKey,
};

/// A blob store that counts its writers.
#[derive(Debug)]
pub(super) struct ActiveUploads {
    store: Arc<dyn BlobStore>,
    active: IntGauge,
}

impl ActiveUploads {
    /// Counts the writers of `store` in `registry_uploads_active`.
    pub(super) fn count(
        store: Arc<dyn BlobStore>,
        metrics: &Registry,
    ) -> prometheus::Result<Arc<dyn BlobStore>> {
        let help = "Uploads whose bytes are coming in now.";
        let active = IntGauge::new("registry_uploads_active", help)?;
        metrics.register(Box::new(active.clone()))?;
        Ok(Arc::new(Self { store, active }))
    }
}

/// One that is counted as long as this lives, however it ends.
#[derive(Debug)]
struct Counted(IntGauge);

impl Counted {
    fn one(active: &IntGauge) -> Self {
        active.inc();
        Self(active.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[derive(Debug)]
struct CountedWriter {
    writer: Box<dyn BlobWriter>,
    _counted: Counted,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl BlobWriter for CountedWriter {
    async fn write(&mut self, batch: Vec<Bytes>) -> Result<(), BlobStoreError> {
        self.writer.write(batch).await
    }

    fn flush(&self) -> Flush {
        self.writer.flush()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl BlobStore for ActiveUploads {
    async fn append(
        &self,
        key: StorageKey,
        committed: u64,
    ) -> Result<Box<dyn BlobWriter>, BlobStoreError> {
        let writer = self.store.append(key, committed).await?;
        let _counted = Counted::one(&self.active);
        Ok(Box::new(CountedWriter { writer, _counted }))
    }

    async fn read_unpublished(
        &self,
        key: StorageKey,
        length: u64,
    ) -> Result<ByteStream, BlobStoreError> {
        self.store.read_unpublished(key, length).await
    }

    async fn publish(&self, key: StorageKey, size: u64) -> Result<(), BlobStoreError> {
        self.store.publish(key, size).await
    }

    async fn put(&self, key: StorageKey, bytes: Vec<Bytes>) -> Result<(), BlobStoreError> {
        let _counted = Counted::one(&self.active);
        self.store.put(key, bytes).await
    }

    async fn open(
        &self,
        key: StorageKey,
        size: u64,
        range: Range<u64>,
    ) -> Result<Location, BlobStoreError> {
        self.store.open(key, size, range).await
    }

    async fn delete(&self, keys: &[StorageKey]) -> Result<Vec<StorageKey>, BlobStoreError> {
        self.store.delete(keys).await
    }

    async fn probe(&self) -> Result<(), BlobStoreError> {
        self.store.probe().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_writer_counts_until_it_is_dropped() {
        let directory = tempfile::tempdir().unwrap();
        let metrics = Registry::new();
        let url = blob_storage::StorageUrl::File(directory.path().join("storage"));
        let store = blob_storage::open(&url, &metrics).await.unwrap();
        let store = ActiveUploads::count(store, &metrics).unwrap();
        let active = || {
            let families = metrics.gather();
            let family = families
                .iter()
                .find(|family| family.name() == "registry_uploads_active");
            family.unwrap().get_metric()[0].get_gauge().get_value()
        };
        let is = |expected: f64| (active() - expected).abs() < f64::EPSILON;

        assert!(is(0.0));
        let key = |n| StorageKey(uuid::Uuid::from_u128(n));
        let mut first = store.append(key(1), 0).await.unwrap();
        let second = store.append(key(2), 0).await.unwrap();
        assert!(is(2.0));
        drop(second);
        assert!(is(1.0));
        // What is written through it arrives.
        first.write(vec![Bytes::from_static(b"abc")]).await.unwrap();
        first.flush().await.unwrap();
        drop(first);
        store.publish(key(1), 3).await.unwrap();
        store
            .put(key(3), vec![Bytes::from_static(b"x")])
            .await
            .unwrap();
        assert!(is(0.0));
        // A writer that was never had is not counted.
        assert!(store.append(key(9), 7).await.is_err());
        assert!(is(0.0));
    }
}
