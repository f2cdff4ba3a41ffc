//! A process that serves: from its ports to its stores, and back down to nothing.
//!
//! Up: bind the ports, answer probes, open the stores, serve, say so. Down, in the other order: drain requests; then
//! whoever serves ends what runs beside them; stop answering probes and measuring, close the database.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use blob_hash::engine;
use http_server::{Application, Health, Server};
use oci_types::Algorithm;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::service::redirects;
use super::{Admission, Listeners, Readiness, Stores, publish_totals};
use crate::background::Background;
use crate::banner::Banner;
use crate::config::Effective;
use crate::metrics;
use crate::signals::Signals;
use crate::version::{COMMIT, VERSION};

/// How long the database may take to close.
const LAST_STATEMENTS: Duration = Duration::from_secs(30);

/// Ports that are bound, probes that are answered, stores that are open.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) stores: Stores,
    pub(crate) banner: Banner,
    readiness: Readiness,
    health: Arc<Health>,
    probes: Background,
    totals: Background,
}

impl Site {
    /// Opens everything; the server waits to be given something to serve.
    pub(crate) async fn open(
        effective: &Effective,
        admission: Admission,
    ) -> anyhow::Result<(Self, Server)> {
        let metrics = metrics::registry()?;
        let readiness = Readiness::default();
        let health = readiness.health();
        let Listeners {
            registry: server,
            admin,
            scheme,
        } = Listeners::bind(effective.configuration(), &health, &metrics).await?;
        let banner = Banner::new(
            effective,
            scheme,
            server.local_address(),
            admin.local_address(),
        )
        .with_redirect(server.redirect_address());

        let probes = Background::start(|shutdown| async move {
            admin.serve(shutdown).await;
        });
        let stores = Stores::open(effective, admission, &metrics).await?;
        let totals =
            publish_totals(stores.metadata.clone(), &metrics).context("register metrics")?;
        let site = Self {
            stores,
            banner,
            readiness,
            health,
            probes,
            totals,
        };
        site.ask(&site.stores, effective);
        Ok((site, server))
    }

    /// From now on readiness is that of these stores.
    pub(crate) fn ask(&self, stores: &Stores, effective: &Effective) {
        let redirected = redirects(effective.configuration()).is_some()
            && stores.blobs.redirect_host().is_some();
        self.readiness.stores_are_open(
            stores.metadata.clone(),
            Arc::clone(&stores.blobs),
            redirected,
        );
    }

    /// Serves requests until `shutdown`, or a signal that cancels it, and all of them have ended.
    pub(crate) async fn serve(
        &self,
        server: Server,
        application: Arc<dyn Application>,
        shutdown: CancellationToken,
    ) -> anyhow::Result<()> {
        let signals = Signals::listen()?;
        let obeying = signals.obey(shutdown.clone(), server.certificates());
        // To the very end: a second signal must also end what comes after the last request.
        TaskTracker::new().spawn(obeying);
        self.health.has_started();
        announce(&self.banner);
        let report = server.serve(application, shutdown).await;
        tracing::info!(
            cut_requests = report.cut_requests,
            cut_connections = report.cut_connections,
            "drained"
        );
        Ok(())
    }

    /// Ends what is left, once nobody uses the stores any more.
    pub(crate) async fn close(self) {
        self.probes.stop().await;
        self.totals.stop().await;
        close(&self.stores).await;
        tracing::info!("stopped");
    }
}

/// Closes a database that nobody uses any more.
pub(crate) async fn close(stores: &Stores) {
    if tokio::time::timeout(LAST_STATEMENTS, stores.database.close())
        .await
        .is_err()
    {
        tracing::error!("the database does not close; it is left as it is");
    }
}

/// Says that the registry is ready. Whoever started it may not listen, which is no reason to stop.
fn announce(banner: &Banner) {
    let (sha256, sha512) = (engine(Algorithm::Sha256), engine(Algorithm::Sha512));
    tracing::info!(version = VERSION, commit = COMMIT, %sha256, %sha512, "started");
    let mut stdout = io::stdout().lock();
    if let Err(error) = write!(stdout, "{banner}").and_then(|()| stdout.flush()) {
        tracing::warn!(%error, "greet on standard output");
    }
}
