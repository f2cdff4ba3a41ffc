//! Measures a blob store: how long each action takes, and how often it fails.
//!
//! A decorator over the port, so that every store is measured alike. It must not change
//! what the store does.

mod free_space;

use std::future::Future;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts};
use registry_core::ports::{
    BlobStore, BlobStoreError, BlobWriter, Flush, Leftovers, Location, Part, Published, StorageKey,
    Stored, Timestamp, Unfinished, UploadObject,
};
use registry_core::waits;

pub(crate) use free_space::register_free_space;

/// From a file in the page cache to a multipart upload that nearly timed out, in seconds.
const BUCKETS: [f64; 13] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];

/// A blob store that is measured.
#[derive(Debug)]
pub(crate) struct MeasuredBlobStore<S> {
    store: S,
    actions: Arc<Actions>,
}

impl<S: BlobStore> MeasuredBlobStore<S> {
    /// Measures `store` under the label `driver`.
    pub(crate) fn new(
        store: S,
        driver: &str,
        registry: &prometheus::Registry,
    ) -> prometheus::Result<Self> {
        Ok(Self {
            store,
            actions: Arc::new(Actions::new(driver, registry)?),
        })
    }
}

/// One measure an action, looked up once.
#[derive(Debug)]
struct Actions {
    append: Action,
    write: Action,
    flush: Action,
    close: Action,
    publish: Action,
    put: Action,
    open: Action,
    redirect: Action,
    delete: Action,
    unfinished: Action,
    take_back: Action,
    probe: Action,
}

#[derive(Debug)]
struct Action {
    seconds: Histogram,
    errors: IntCounter,
}

impl Actions {
    fn new(driver: &str, registry: &prometheus::Registry) -> prometheus::Result<Self> {
        const LABELS: [&str; 2] = ["driver", "action"];
        let seconds = HistogramVec::new(
            HistogramOpts::new(
                "registry_storage_action_seconds",
                "Time blob store actions took.",
            )
            .buckets(BUCKETS.to_vec()),
            &LABELS,
        )?;
        let errors = IntCounterVec::new(
            Opts::new(
                "registry_storage_errors_total",
                "Blob store actions that failed.",
            ),
            &LABELS,
        )?;
        registry.register(Box::new(seconds.clone()))?;
        registry.register(Box::new(errors.clone()))?;
        let action = |name: &str| {
            let seconds = seconds.get_metric_with_label_values(&[driver, name])?;
            let errors = errors.get_metric_with_label_values(&[driver, name])?;
            Ok::<_, prometheus::Error>(Action { seconds, errors })
        };
        Ok(Self {
            append: action("append")?,
            write: action("write")?,
            flush: action("flush")?,
            close: action("close")?,
            publish: action("publish")?,
            put: action("put")?,
            open: action("open")?,
            redirect: action("redirect")?,
            delete: action("delete")?,
            unfinished: action("unfinished")?,
            take_back: action("take_back")?,
            probe: action("probe")?,
        })
    }
}

impl Action {
    /// Measures work that comes to its end; what is given up half-way is not counted.
    async fn measure<T>(
        &self,
        work: impl Future<Output = Result<T, BlobStoreError>> + Send,
    ) -> Result<T, BlobStoreError> {
        let begun = Instant::now();
        let result = waits::for_storage(work).await;
        self.seconds.observe(begun.elapsed().as_secs_f64());
        if result.is_err() {
            self.errors.inc();
        }
        result
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: BlobStore> BlobStore for MeasuredBlobStore<S> {
    async fn append(
        &self,
        object: &UploadObject,
        length: Option<u64>,
    ) -> Result<Box<dyn BlobWriter>, BlobStoreError> {
        let appended = self.store.append(object, length);
        let writer = self.actions.append.measure(appended).await?;
        Ok(Box::new(MeasuredBlobWriter {
            writer,
            actions: Arc::clone(&self.actions),
        }))
    }

    async fn publish(
        &self,
        object: &UploadObject,
        parts: Vec<Part>,
    ) -> Result<Published, BlobStoreError> {
        let published = self.store.publish(object, parts);
        self.actions.publish.measure(published).await
    }

    async fn put(
        &self,
        object: &UploadObject,
        bytes: Vec<Bytes>,
        sha256: Option<[u8; 32]>,
    ) -> Result<Published, BlobStoreError> {
        let put = self.store.put(object, bytes, sha256);
        self.actions.put.measure(put).await
    }

    async fn open(
        &self,
        key: StorageKey,
        size: u64,
        range: Range<u64>,
    ) -> Result<Location, BlobStoreError> {
        let opened = self.store.open(key, size, range);
        self.actions.open.measure(opened).await
    }

    fn redirect_host(&self) -> Option<&str> {
        self.store.redirect_host()
    }

    async fn redirect(&self, key: StorageKey) -> Result<Option<String>, BlobStoreError> {
        let signed = self.store.redirect(key);
        self.actions.redirect.measure(signed).await
    }

    async fn delete(&self, leftovers: &[Leftovers]) -> Result<Vec<Leftovers>, BlobStoreError> {
        let deleted = self.store.delete(leftovers);
        self.actions.delete.measure(deleted).await
    }

    async fn unfinished(&self, before: Timestamp) -> Result<Vec<Unfinished>, BlobStoreError> {
        let found = self.store.unfinished(before);
        self.actions.unfinished.measure(found).await
    }

    async fn take_back(&self, unfinished: &[Unfinished]) -> Result<(), BlobStoreError> {
        let taken = self.store.take_back(unfinished);
        self.actions.take_back.measure(taken).await
    }

    async fn probe(&self) -> Result<(), BlobStoreError> {
        self.actions.probe.measure(self.store.probe()).await
    }
}

#[derive(Debug)]
struct MeasuredBlobWriter {
    writer: Box<dyn BlobWriter>,
    actions: Arc<Actions>,
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl BlobWriter for MeasuredBlobWriter {
    fn flush_at(&self) -> u64 {
        self.writer.flush_at()
    }

    async fn write(&mut self, batch: Vec<Bytes>) -> Result<(), BlobStoreError> {
        self.actions.write.measure(self.writer.write(batch)).await
    }

    fn flush(&mut self) -> Flush {
        let (flush, actions) = (self.writer.flush(), Arc::clone(&self.actions));
        Box::pin(async move { actions.flush.measure(flush).await })
    }

    async fn close(&mut self, more: bool) -> Result<Stored, BlobStoreError> {
        self.actions.close.measure(self.writer.close(more)).await
    }

    async fn abandon(&mut self) {
        waits::for_storage(self.writer.abandon()).await;
    }
}
