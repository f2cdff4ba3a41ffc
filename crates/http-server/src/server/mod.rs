//! The server: bound first, so that its address is known, then served until it has drained.
//!
//! The end has these steps, in this order:
//! 1. the shutdown signal comes: the readiness probe fails from now on;
//! 2. after `drain_delay` the ports close, idle connections end, and every response on HTTP/1
//!    says `Connection: close`, every connection on HTTP/2 gets GOAWAY;
//! 3. requests in flight have `drain_timeout` to end;
//! 4. what is left is cut off and counted.

mod accept;
mod context;
mod error;
mod lifecycle;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{net::TcpListener, sync::Semaphore, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    admin::Health,
    application::Application,
    config::{ServerConfig, TlsConfig},
    metrics::HttpMetrics,
    redirect::Redirect,
    tls::Certificates,
};
use accept::Door;
pub use context::OWN_THREADS;
pub(crate) use context::{AccessLog, ServerContext};
pub use error::ServerError;
use lifecycle::{AbortOnDrop, Lifecycle};

/// How long connections that were cut off may take to go: they only have to be dropped.
const ABORT_GRACE: Duration = Duration::from_secs(5);

/// An HTTP server that is bound to its port and does not accept yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    config: ServerConfig,
    tls: Option<Tls>,
    metrics: Option<Arc<HttpMetrics>>,
    health: Option<Arc<Health>>,
    access_log: AccessLog,
}

#[derive(Debug)]
struct Tls {
    certificates: Arc<Certificates>,
    redirect: Option<(TcpListener, SocketAddr)>,
}

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrainReport {
    /// Requests that did not end in time and were cut off.
    pub cut_requests: usize,
    /// Connections that did not end in time and were cut off.
    pub cut_connections: usize,
    /// How long connections took to end after the ports were closed.
    pub duration: Duration,
}

impl Server {
    /// Binds to an address; with port 0 the system chooses one.
    pub async fn bind(address: SocketAddr, config: ServerConfig) -> Result<Self, ServerError> {
        let (listener, address) = listen(address).await?;
        Ok(Self {
            listener,
            address,
            config,
            tls: None,
            metrics: None,
            health: None,
            access_log: AccessLog::Written,
        })
    }

    /// Speaks TLS, and binds the redirecting listener where one is configured.
    pub async fn with_tls(mut self, config: &TlsConfig) -> Result<Self, ServerError> {
        let certificates = Arc::new(Certificates::load(config).await?);
        let redirect = match config.redirect_listen {
            Some(address) => Some(listen(address).await?),
            None => None,
        };
        self.tls = Some(Tls {
            certificates,
            redirect,
        });
        Ok(self)
    }

    /// Counts requests and connections.
    #[must_use]
    pub fn with_metrics(mut self, metrics: Arc<HttpMetrics>) -> Self {
        self.metrics = Some(metrics);
        self
    }

    /// Makes the readiness probe fail as soon as this server is told to shut down.
    #[must_use]
    pub fn with_health(mut self, health: Arc<Health>) -> Self {
        self.health = Some(health);
        self
    }

    /// Leaves no lines in the access log.
    #[must_use]
    pub(crate) fn without_access_log(mut self) -> Self {
        self.access_log = AccessLog::Omitted;
        self
    }

    /// The address it is bound to, with the port the system chose.
    pub fn local_address(&self) -> SocketAddr {
        self.address
    }

    /// The address of the redirecting listener.
    pub fn redirect_address(&self) -> Option<SocketAddr> {
        let redirect = self.tls.as_ref()?.redirect.as_ref()?;
        Some(redirect.1)
    }

    /// The certificates it shows, to reload them on a signal.
    pub fn certificates(&self) -> Option<Arc<Certificates>> {
        self.tls.as_ref().map(|tls| Arc::clone(&tls.certificates))
    }

    /// Serves the application until `shutdown`, then drains. Dropping the future closes the ports
    /// and cuts off every connection.
    pub async fn serve(
        self,
        application: Arc<dyn Application>,
        shutdown: CancellationToken,
    ) -> DrainReport {
        let lifecycle = Arc::new(Lifecycle::default());
        let (drain_delay, drain_timeout) = (self.config.drain_delay, self.config.drain_timeout);
        let health = self.health.clone();
        let closed = CancellationToken::new();
        let _unless_drained = (
            closed.clone().drop_guard(),
            AbortOnDrop(Arc::clone(&lifecycle)),
        );
        self.open(application, &lifecycle, &closed);
        shutdown.cancelled().await;
        if let Some(health) = health {
            health.start_draining();
        }
        tokio::time::sleep(drain_delay).await;
        closed.cancel();
        drain(&lifecycle, drain_timeout).await
    }

    /// Starts everything that runs beside the connections.
    fn open(
        self,
        application: Arc<dyn Application>,
        lifecycle: &Arc<Lifecycle>,
        closed: &CancellationToken,
    ) {
        let permits = Arc::new(Semaphore::new(
            self.config
                .max_connections
                .get()
                .min(Semaphore::MAX_PERMITS),
        ));
        let door = |application, access_log, tls| Door {
            server: Arc::new(ServerContext::new(
                self.config.clone(),
                application,
                self.metrics.clone(),
                access_log,
                Arc::clone(lifecycle),
            )),
            tls,
            permits: Arc::clone(&permits),
        };
        let acceptor = self.tls.as_ref().map(|tls| tls.certificates.acceptor());
        let main = door(application, self.access_log, acceptor);
        let tasks = lifecycle.tasks();
        if let Some(Tls {
            certificates,
            redirect,
        }) = self.tls
        {
            tasks.spawn(certificates.watch(self.metrics.clone(), closed.clone()));
            if let Some((listener, _)) = redirect {
                let to_https = Arc::new(Redirect::to_port(self.address.port()));
                let door = door(to_https, self.access_log, None);
                tasks.spawn(door.accept(listener, closed.clone()));
            }
        }
        tasks.spawn(main.accept(self.listener, closed.clone()));
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServerError> {
    let bound = async {
        let listener = TcpListener::bind(address).await?;
        let bound = listener.local_addr()?;
        Ok((listener, bound))
    };
    bound
        .await
        .map_err(|source| ServerError::Listen { address, source })
}

async fn drain(lifecycle: &Lifecycle, timeout: Duration) -> DrainReport {
    let started = Instant::now();
    lifecycle.start_draining();
    let mut report = DrainReport {
        cut_requests: 0,
        cut_connections: 0,
        duration: Duration::ZERO,
    };
    if tokio::time::timeout(timeout, lifecycle.tasks().wait())
        .await
        .is_err()
    {
        report.cut_requests = lifecycle.requests();
        report.cut_connections = lifecycle.connections();
        lifecycle.start_aborting();
        if tokio::time::timeout(ABORT_GRACE, lifecycle.tasks().wait())
            .await
            .is_err()
        {
            tracing::error!("connections are still open after they were cut off");
        }
    }
    report.duration = started.elapsed();
    report
}
