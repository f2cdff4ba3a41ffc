//! Counts the uploads whose bytes are coming in at this moment: each of them holds a writer of the blob store. Idle
//! sessions are rows of the database and not counted. Nothing else about the store is changed here.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use prometheus::{IntGauge, Registry};
use registry_core::ports::{
    BlobStore, BlobStoreError, BlobWriter, Flush, Leftovers, Location, Part, Published, StorageKey,
    Stored, Timestamp, Unfinished, UploadObject,
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
    fn flush_at(&self) -> u64 {
        self.writer.flush_at()
    }

    async fn write(&mut self, batch: Vec<Bytes>) -> Result<(), BlobStoreError> {
        self.writer.write(batch).await
    }

    fn flush(&mut self) -> Flush {
        self.writer.flush()
    }

    async fn close(&mut self, more: bool) -> Result<Stored, BlobStoreError> {
        self.writer.close(more).await
    }

    async fn abandon(&mut self) {
        self.writer.abandon().await;
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl BlobStore for ActiveUploads {
    async fn append(
        &self,
        object: &UploadObject,
        length: Option<u64>,
    ) -> Result<Box<dyn BlobWriter>, BlobStoreError> {
        let writer = self.store.append(object, length).await?;
        let _counted = Counted::one(&self.active);
        Ok(Box::new(CountedWriter { writer, _counted }))
    }

    async fn publish(
        &self,
        object: &UploadObject,
        parts: Vec<Part>,
    ) -> Result<Published, BlobStoreError> {
        self.store.publish(object, parts).await
    }

    async fn put(
        &self,
        object: &UploadObject,
        bytes: Vec<Bytes>,
        sha256: Option<[u8; 32]>,
    ) -> Result<Published, BlobStoreError> {
        let _counted = Counted::one(&self.active);
        self.store.put(object, bytes, sha256).await
    }

    async fn open(
        &self,
        key: StorageKey,
        size: u64,
        range: Range<u64>,
    ) -> Result<Location, BlobStoreError> {
        self.store.open(key, size, range).await
    }

    fn redirect_host(&self) -> Option<&str> {
        self.store.redirect_host()
    }

    async fn redirect(&self, key: StorageKey) -> Result<Option<String>, BlobStoreError> {
        self.store.redirect(key).await
    }

    async fn delete(&self, leftovers: &[Leftovers]) -> Result<Vec<Leftovers>, BlobStoreError> {
        self.store.delete(leftovers).await
    }

    async fn unfinished(&self, before: Timestamp) -> Result<Vec<Unfinished>, BlobStoreError> {
        self.store.unfinished(before).await
    }

    async fn take_back(&self, unfinished: &[Unfinished]) -> Result<(), BlobStoreError> {
        self.store.take_back(unfinished).await
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
        let path = directory.path().join("storage");
        let store = blob_storage::open_directory(&path, &metrics).await.unwrap();
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
        let object = |number, committed| UploadObject {
            committed,
            ..UploadObject::new(StorageKey::of(uuid::Uuid::from_u128(number)))
        };
        let mut first = store.append(&object(1, 0), None).await.unwrap();
        let second = store.append(&object(2, 0), None).await.unwrap();
        assert!(is(2.0));
        drop(second);
        assert!(is(1.0));
        // What is written through it arrives.
        first.write(vec![Bytes::from_static(b"abc")]).await.unwrap();
        first.close(false).await.unwrap();
        drop(first);
        store.publish(&object(1, 3), Vec::new()).await.unwrap();
        let bytes = vec![Bytes::from_static(b"x")];
        store.put(&object(3, 0), bytes, None).await.unwrap();
        assert!(is(0.0));
        // A writer that was never had is not counted.
        assert!(store.append(&object(9, 7), None).await.is_err());
        assert!(is(0.0));
    }
}
