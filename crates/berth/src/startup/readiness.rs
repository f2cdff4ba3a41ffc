//! Whether the stores answer. The probes are up before the stores are open, so that a long migration is seen as
//! "still starting" and not as a dead process; hence the stores come in later.

use std::error::Error;
use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use http_server::{Health, ReadinessCheck};
use registry_core::ports::{BlobStore, Metadata};

/// The checks, and the way to tell them what to check.
#[derive(Debug, Default)]
pub(crate) struct Readiness {
    metadata: Arc<OnceLock<Arc<dyn Metadata>>>,
    blobs: Arc<OnceLock<BlobsToAsk>>,
}

/// A blob store, and whether clients are sent to it.
#[derive(Debug)]
struct BlobsToAsk {
    store: Arc<dyn BlobStore>,
    redirected: bool,
}

impl Readiness {
    /// The health of a process whose stores are not open yet.
    pub(crate) fn health(&self) -> Arc<Health> {
        let (metadata, blobs) = (Arc::clone(&self.metadata), Arc::clone(&self.blobs));
        Arc::new(Health::new(vec![
            Arc::new(MetadataCheck(metadata)),
            Arc::new(BlobCheck(blobs)),
        ]))
    }

    /// From now on these are asked. Where clients get blobs from the store itself (`redirected`),
    /// a process that cannot reach it serves pulls all the same, and stays ready.
    pub(crate) fn stores_are_open(
        &self,
        metadata: Arc<dyn Metadata>,
        store: Arc<dyn BlobStore>,
        redirected: bool,
    ) {
        // Setting them twice would be a mistake of the caller that leaves the first ones in place.
        let _ = self.metadata.set(metadata);
        let _ = self.blobs.set(BlobsToAsk { store, redirected });
    }
}

const NOT_OPEN: &str = "not open yet";

struct MetadataCheck(Arc<OnceLock<Arc<dyn Metadata>>>);

#[async_trait]
impl ReadinessCheck for MetadataCheck {
    fn name(&self) -> &'static str {
        "metadata"
    }

    async fn check(&self) -> Result<(), String> {
        let metadata = self.0.get().ok_or(NOT_OPEN)?;
        metadata.probe().await.map_err(|error| with_causes(&error))
    }
}

struct BlobCheck(Arc<OnceLock<BlobsToAsk>>);

#[async_trait]
impl ReadinessCheck for BlobCheck {
    fn name(&self) -> &'static str {
        "storage"
    }

    fn is_essential(&self) -> bool {
        !self.0.get().is_some_and(|blobs| blobs.redirected)
    }

    async fn check(&self) -> Result<(), String> {
        let blobs = self.0.get().ok_or(NOT_OPEN)?;
        let answer = blobs.store.probe().await;
        answer.map_err(|error| with_causes(&error))
    }
}

fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}
