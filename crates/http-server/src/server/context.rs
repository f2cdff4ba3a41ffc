//! What all connections of a server share.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::lifecycle::Lifecycle;
use crate::{
    application::Application, config::ServerConfig, metrics::HttpMetrics, request::RequestIdSource,
};

/// Whether a server's requests leave lines in the access log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AccessLog {
    Written,
    /// For listeners whose requests are the operator's own: probes and scrapes.
    Omitted,
}

/// How many connections of a server may have a thread of their own at a time. The others stay where
/// they are.
pub const OWN_THREADS: usize = 64;

/// What all connections of a server share.
pub(crate) struct ServerContext {
    config: ServerConfig,
    application: Arc<dyn Application>,
    metrics: Option<Arc<HttpMetrics>>,
    access_log: AccessLog,
    lifecycle: Arc<Lifecycle>,
    request_ids: RequestIdSource,
    own_threads: Arc<Semaphore>,
}

impl ServerContext {
    pub(super) fn new(
        config: ServerConfig,
        application: Arc<dyn Application>,
        metrics: Option<Arc<HttpMetrics>>,
        access_log: AccessLog,
        lifecycle: Arc<Lifecycle>,
    ) -> Self {
        Self {
            config,
            application,
            metrics,
            access_log,
            lifecycle,
            request_ids: RequestIdSource::new(),
            own_threads: Arc::new(Semaphore::new(OWN_THREADS)),
        }
    }

    pub(crate) fn config(&self) -> &ServerConfig {
        &self.config
    }

    pub(crate) fn application(&self) -> &dyn Application {
        &*self.application
    }

    pub(crate) fn metrics(&self) -> Option<&HttpMetrics> {
        self.metrics.as_deref()
    }

    pub(crate) fn writes_access_log(&self) -> bool {
        self.access_log == AccessLog::Written
    }

    pub(crate) fn lifecycle(&self) -> &Lifecycle {
        &self.lifecycle
    }

    pub(crate) fn request_ids(&self) -> &RequestIdSource {
        &self.request_ids
    }

    /// A permit to have a thread, if there is one left.
    pub(crate) fn own_thread(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.own_threads).try_acquire_owned().ok()
    }
}

impl std::fmt::Debug for ServerContext {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ServerContext")
            .field("config", &self.config)
            .field("access_log", &self.access_log)
            .finish_non_exhaustive()
    }
}

/// Counts a connection for as long as it lives.
#[derive(Debug)]
pub(super) struct OpenConnection(Arc<ServerContext>);

impl OpenConnection {
    pub(super) fn new(server: Arc<ServerContext>) -> Self {
        server.lifecycle.connection_opened();
        if let Some(metrics) = server.metrics() {
            metrics.connection_opened();
        }
        Self(server)
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.lifecycle.connection_closed();
        if let Some(metrics) = self.0.metrics() {
            metrics.connection_closed();
        }
    }
}
