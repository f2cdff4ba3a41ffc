//! A store on a server of this test process, in a place of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use berth_test_servers::{SeaweedFs, VersityGw};
use blob_storage::{S3BlobStore, S3Credentials, S3OpenError, S3Options, S3Url};
use prometheus::Registry;
use prometheus::proto::Metric;
use registry_core::testing::TestClock;
use tokio::sync::OnceCell;

/// A server that speaks S3.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Server {
    SeaweedFs,
    VersityGw,
}

/// What a client has to know.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    pub(crate) endpoint: String,
    pub(crate) key_id: &'static str,
    pub(crate) secret: &'static str,
    pub(crate) region: &'static str,
    pub(crate) bucket: String,
}

impl Server {
    /// The server, and a bucket that all tests share.
    pub(crate) async fn access(self) -> Access {
        static SEAWEEDFS: OnceCell<Access> = OnceCell::const_new();
        static VERSITYGW: OnceCell<Access> = OnceCell::const_new();
        match self {
            Self::SeaweedFs => SEAWEEDFS.get_or_init(seaweedfs).await.clone(),
            Self::VersityGw => VERSITYGW.get_or_init(versitygw).await.clone(),
        }
    }
}

async fn seaweedfs() -> Access {
    let server = SeaweedFs::shared().await;
    Access {
        endpoint: server.endpoint(),
        key_id: server.access_key(),
        secret: server.secret_key(),
        region: server.region(),
        bucket: server.create_bucket().await,
    }
}

async fn versitygw() -> Access {
    let server = VersityGw::shared().await;
    Access {
        endpoint: server.endpoint(),
        key_id: server.access_key(),
        secret: server.secret_key(),
        region: server.region(),
        bucket: server.create_bucket().await,
    }
}

/// A store under a prefix of its own.
#[derive(Debug)]
pub(crate) struct TestStore {
    pub(crate) blobs: Arc<S3BlobStore>,
    pub(crate) url: S3Url,
    pub(crate) options: S3Options,
    pub(crate) metrics: Registry,
}

impl TestStore {
    pub(crate) async fn on(server: Server) -> Self {
        Self::with(server, "").await
    }

    /// `parameters` go into the URL.
    pub(crate) async fn with(server: Server, parameters: &str) -> Self {
        let url = url(&server.access().await, parameters);
        Self::open(url, options(&server.access().await))
            .await
            .unwrap()
    }

    pub(crate) async fn open(url: S3Url, options: S3Options) -> Result<Self, S3OpenError> {
        let metrics = Registry::new();
        let blobs = S3BlobStore::open(&url, &options, &metrics).await?;
        Ok(Self {
            blobs: Arc::new(blobs),
            url,
            options,
            metrics,
        })
    }

    /// The same place, as another process sees it.
    pub(crate) async fn again(&self) -> Self {
        Self::open(self.url.clone(), self.options.clone())
            .await
            .unwrap()
    }

    /// How many requests of each kind there were.
    pub(crate) fn requests(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for metric in self.metrics("registry_s3_requests_total") {
            let labels = metric.get_label();
            let operation = labels.iter().find(|label| label.name() == "operation");
            let operation = operation.unwrap().value().to_owned();
            let count = whole(metric.get_counter().get_value());
            *counts.entry(operation).or_default() += count;
        }
        counts
    }

    pub(crate) fn gauge(&self, name: &str) -> u64 {
        let metrics = self.metrics(name);
        whole(metrics[0].get_gauge().get_value())
    }

    fn metrics(&self, name: &str) -> Vec<Metric> {
        let mut families = self.metrics.gather().into_iter();
        let family = families.find(|family| family.name() == name);
        family.map_or_else(Vec::new, |mut family| family.take_metric())
    }
}

#[expect(
    clippy::cast_sign_loss,
    clippy::cast_possible_truncation,
    reason = "a whole number"
)]
fn whole(value: f64) -> u64 {
    value as u64
}

/// A URL with a prefix of its own.
pub(crate) fn url(access: &Access, parameters: &str) -> S3Url {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let Access {
        endpoint,
        region,
        bucket,
        ..
    } = access;
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("s3://{bucket}/test-{number}?endpoint={endpoint}&region={region}{parameters}")
        .parse()
        .unwrap()
}

pub(crate) fn options(access: &Access) -> S3Options {
    S3Options {
        credentials: S3Credentials::Fixed {
            access_key_id: access.key_id.to_owned(),
            secret_access_key: access.secret.to_owned(),
        },
        ..S3Options::new(Arc::new(TestClock::default()))
    }
}
