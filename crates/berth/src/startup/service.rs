//! What answers requests on a pair of stores: the use cases, the API over them, and the jobs beside them.

use std::sync::Arc;
use std::time::Duration;

use http_api::{Api, Welcome};
use registry_core::{Redirects, Registry, Settings, jobs};

use super::Stores;
use crate::background::Background;
use crate::banner::Banner;
use crate::clock::SystemClock;
use crate::config::{self, Configuration, Effective, Redirect};
use crate::version::VERSION;

/// How long writes may take that outlived their clients. Longer than any transaction.
const LAST_WRITES: Duration = Duration::from_secs(30);

/// A registry and its API.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) registry: Registry,
    pub(crate) api: Arc<Api>,
    interval: Duration,
}

impl Service {
    /// Puts it together; nothing runs yet.
    pub(crate) fn new(effective: &Effective, stores: &Stores, banner: &Banner) -> Self {
        let configuration = effective.configuration();
        let registry = Registry::new(
            stores.metadata.clone(),
            Arc::clone(&stores.blobs),
            settings(effective),
        )
        .with_buffers(configuration.limits.buffers.bytes());
        let registry = match redirects(configuration) {
            Some(redirects) => registry.with_redirects(redirects),
            None => registry,
        };
        let welcome = Welcome::new(banner.url(), banner.host(), VERSION);
        let proxied = configuration.storage.proxied_agents.clone();
        let api = Api::new(registry.clone(), welcome);
        Self {
            registry,
            api: Arc::new(api.with_proxied_agents(proxied.unwrap_or_default().0)),
            interval: configuration.jobs.interval.duration(),
        }
    }

    /// Starts the jobs.
    pub(crate) fn start_jobs(&self) -> Background {
        let (registry, interval) = (self.registry.clone(), self.interval);
        let clock = Arc::new(SystemClock);
        Background::start(move |shutdown| jobs::run(registry, clock, interval, shutdown))
    }

    /// Waits for writes that outlived their clients. To be called once no request comes any more.
    pub(crate) async fn close(&self) {
        if tokio::time::timeout(LAST_WRITES, self.registry.close())
            .await
            .is_err()
        {
            tracing::error!("writes are still running; they are given up");
        }
    }
}

/// Which clients are sent to the blob store, if any.
pub(crate) fn redirects(configuration: &Configuration) -> Option<Redirects> {
    let storage = &configuration.storage;
    let except = storage.proxied_repositories.clone().unwrap_or_default().0;
    match storage.redirect {
        Redirect::On => Some(Redirects {
            inline_bytes: storage.inline_size.bytes(),
            except,
        }),
        Redirect::Off => None,
    }
}

fn settings(effective: &Effective) -> Settings {
    let configuration = effective.configuration();
    Settings {
        anonymous: effective.anonymous().into(),
        missing_references: configuration.missing_references.into(),
        max_manifest_bytes: configuration.limits.manifest_size.bytes(),
        max_blob_bytes: configuration.limits.blob_size.map(config::ByteSize::bytes),
    }
}
