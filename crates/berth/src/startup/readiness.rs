//! Whether the stores answer. The probes are up before the stores are open, so that a long migration is seen as
//! "still starting" and not as a dead process; hence the stores come in later.

use std::error::Error;
use std::fmt::Write as _;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use http_server::{Health, ReadinessCheck};
use registry_core::ports::{BlobStore, Metadata};

/// The checks, and the way to tell them what to check.
#[derive(Debug, Default)]
pub(crate) struct Readiness(Arc<ArcSwapOption<StoresToAsk>>);

/// What is served from.
#[derive(Debug)]
struct StoresToAsk {
    metadata: Arc<dyn Metadata>,
    blobs: Arc<dyn BlobStore>,
    /// Clients are sent to the blob store.
    redirected: bool,
}

impl Readiness {
    /// The health of a process whose stores are not open yet.
    pub(crate) fn health(&self) -> Arc<Health> {
        Arc::new(Health::new(vec![
            Arc::new(MetadataCheck(Arc::clone(&self.0))),
            Arc::new(BlobCheck(Arc::clone(&self.0))),
        ]))
    }

    /// From now on these are asked. Where clients get blobs from the store itself (`redirected`),
    /// a process that cannot reach it serves pulls all the same, and stays ready.
    pub(crate) fn stores_are_open(
        &self,
        metadata: Arc<dyn Metadata>,
        blobs: Arc<dyn BlobStore>,
        redirected: bool,
    ) {
        self.0.store(Some(Arc::new(StoresToAsk {
            metadata,
            blobs,
            redirected,
        })));
    }
}

const NOT_OPEN: &str = "not open yet";

struct MetadataCheck(Arc<ArcSwapOption<StoresToAsk>>);

#[async_trait]
impl ReadinessCheck for MetadataCheck {
    fn name(&self) -> &'static str {
        "metadata"
    }

    async fn check(&self) -> Result<(), String> {
        let stores = self.0.load_full().ok_or(NOT_OPEN)?;
        let answer = stores.metadata.probe().await;
        answer.map_err(|error| with_causes(&error))
    }
}

struct BlobCheck(Arc<ArcSwapOption<StoresToAsk>>);

#[async_trait]
impl ReadinessCheck for BlobCheck {
    fn name(&self) -> &'static str {
        "storage"
    }

    fn is_essential(&self) -> bool {
        !self
            .0
            .load()
            .as_ref()
            .is_some_and(|stores| stores.redirected)
    }

    async fn check(&self) -> Result<(), String> {
        let stores = self.0.load_full().ok_or(NOT_OPEN)?;
        let answer = stores.blobs.probe().await;
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
