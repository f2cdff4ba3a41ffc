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
    blobs: Arc<OnceLock<Arc<dyn BlobStore>>>,
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

    /// From now on these are asked.
    pub(crate) fn stores_are_open(&self, metadata: Arc<dyn Metadata>, blobs: Arc<dyn BlobStore>) {
        // Setting them twice would be a mistake of the caller that leaves the first ones in place.
        let _ = self.metadata.set(metadata);
        let _ = self.blobs.set(blobs);
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

struct BlobCheck(Arc<OnceLock<Arc<dyn BlobStore>>>);

#[async_trait]
impl ReadinessCheck for BlobCheck {
    fn name(&self) -> &'static str {
        "storage"
    }

    async fn check(&self) -> Result<(), String> {
        let blobs = self.0.get().ok_or(NOT_OPEN)?;
        blobs.probe().await.map_err(|error| with_causes(&error))
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
