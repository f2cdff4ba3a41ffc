//! Publishes how much there is in the registry as a whole. Counting may read whole tables, so it is done now and then
//! in the background and not for each scrape.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use prometheus::{IntGauge, Registry};
use registry_core::ports::{MetadataError, RegistryTotals};

use crate::background::Background;

/// How long the figures stay before they are measured anew.
const INTERVAL: Duration = Duration::from_mins(5);

/// Measures at once and then each interval. Until the first time is over the gauges say 0.
pub(crate) fn publish_totals(
    metadata: Arc<dyn RegistryTotals>,
    metrics: &Registry,
) -> prometheus::Result<Background> {
    let gauges = Gauges::register(metrics)?;
    Ok(Background::start(|shutdown| async move {
        // None of it has to be finished.
        let measuring = repeat(&*metadata, &gauges);
        shutdown.run_until_cancelled(measuring).await;
    }))
}

async fn repeat(metadata: &dyn RegistryTotals, gauges: &Gauges) {
    loop {
        if let Err(error) = gauges.measure(metadata).await {
            tracing::error!(error = &error as &dyn Error, "measure the registry");
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

struct Gauges {
    repositories: IntGauge,
    blobs: IntGauge,
    blob_bytes: IntGauge,
    open_uploads: IntGauge,
}

impl Gauges {
    fn register(metrics: &Registry) -> prometheus::Result<Self> {
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            metrics.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        Ok(Self {
            repositories: gauge(
                "registry_storage_repositories",
                "Repositories that hold a manifest.",
            )?,
            blobs: gauge(
                "registry_storage_blobs",
                "Blobs whose bytes are kept; one that repositories share counts once.",
            )?,
            blob_bytes: gauge(
                "registry_storage_bytes",
                "Bytes of the blobs that are kept.",
            )?,
            open_uploads: gauge(
                "registry_uploads_open",
                "Upload sessions that may take more bytes.",
            )?,
        })
    }

    /// Sets every figure, or none.
    async fn measure(&self, metadata: &dyn RegistryTotals) -> Result<(), MetadataError> {
        let totals = metadata.measure_totals().await?;
        let figure = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        self.repositories.set(figure(totals.repositories));
        self.blobs.set(figure(totals.blobs));
        self.blob_bytes.set(figure(totals.blob_bytes));
        self.open_uploads.set(figure(totals.open_uploads));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use metadata_sqlite::{OpenOptions, SqliteMetadata};
    use oci_types::{Algorithm, Digest};
    use registry_core::change::{Actor, Change, Guard};
    use registry_core::ports::{
        Finalization, FinishedUpload, Lease, NewUpload, Published, StorageKey, UploadId,
        UploadStart, UploadStore as _,
    };
    use uuid::Uuid;

    use super::*;
    use crate::clock::SystemClock;

    fn change() -> Change {
        Change {
            actor: Actor::Anonymous,
            request_id: "test".into(),
            origin: None,
            dry_run: false,
        }
    }

    async fn create(metadata: &SqliteMetadata, number: u128, start: UploadStart) -> UploadId {
        let id = UploadId(Uuid::from_u128(number));
        let upload = NewUpload {
            id,
            repository: "a/b".parse().unwrap(),
            algorithm: Algorithm::Sha256,
            object: Uuid::from_u128(number),
            start,
        };
        metadata.create_upload(&change(), upload).await.unwrap();
        id
    }

    async fn push_blob(metadata: &SqliteMetadata, content: &[u8]) {
        let digest: Digest = blob_hash::digest(Algorithm::Sha256, content);
        let size = content.len() as u64;
        let id = create(metadata, 1, UploadStart::Finalizing { digest, size }).await;
        let lease = Lease { id, fence: 1 };
        let upload = FinishedUpload {
            lease,
            digest,
            size,
            published: Published {
                key: StorageKey::of(Uuid::from_u128(1)),
                leftovers: false,
            },
        };
        let outcome = metadata
            .finalize_upload(&change(), Guard::open(), upload)
            .await;
        assert_eq!(outcome.unwrap(), Finalization::Published);
    }

    #[tokio::test]
    async fn each_figure_has_its_gauge_and_outlives_a_failure() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("metadata.db");
        let options = OpenOptions::new(path, Arc::new(SystemClock), Registry::new());
        let metadata = SqliteMetadata::open(options).await.unwrap();
        push_blob(&metadata, b"four").await;
        for number in [2, 3] {
            create(&metadata, number, UploadStart::Open).await;
        }
        let metrics = Registry::new();
        let gauges = Gauges::register(&metrics).unwrap();
        let figures = || {
            let families = metrics.gather();
            let figure = |family: &prometheus::proto::MetricFamily| {
                let value = family.get_metric()[0].get_gauge().get_value();
                format!("{} {value}", family.name())
            };
            families.iter().map(figure).collect::<Vec<_>>()
        };
        let expected = [
            "registry_storage_blobs 1",
            "registry_storage_bytes 4",
            "registry_storage_repositories 0",
            "registry_uploads_open 2",
        ];

        gauges.measure(&metadata).await.unwrap();
        assert_eq!(figures(), expected);
        metadata.close().await;
        gauges.measure(&metadata).await.unwrap_err();
        assert_eq!(figures(), expected);
    }

    #[tokio::test]
    async fn nothing_is_measured_once_it_is_stopped() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("metadata.db");
        let options = OpenOptions::new(path, Arc::new(SystemClock), Registry::new());
        let metadata = Arc::new(SqliteMetadata::open(options).await.unwrap());
        let measuring = publish_totals(metadata.clone(), &Registry::new()).unwrap();
        assert_eq!(Arc::strong_count(&metadata), 2);
        measuring.stop().await;
        // The task has let go of what it measured.
        assert_eq!(Arc::strong_count(&metadata), 1);
    }
}
