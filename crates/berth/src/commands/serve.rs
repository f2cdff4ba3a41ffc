//! `berth serve`: from the configuration to a registry that answers, and back down to nothing.
//!
//! Up: bind the ports, answer probes, open the stores, serve, say so. Down, in the other order: drain requests, end
//! jobs, wait for writes, stop answering probes and measuring, close the database.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use blob_hash::engine;
use http_api::{Api, Welcome};
use http_server::{DrainReport, Health, Server};
use oci_types::Algorithm;
use registry_core::{Redirects, Registry, Settings, jobs};
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::background::Background;
use crate::banner::Banner;
use crate::clock::SystemClock;
use crate::config::{self, Configuration, Effective, Redirect, Sources};
use crate::failure::Failure;
use crate::signals::Signals;
use crate::startup::{Listeners, Readiness, Stores, publish_totals};
use crate::version::{COMMIT, VERSION};
use crate::{allocator, metrics, open_files, telemetry};

/// Threads for file calls that block. Each holds a stack, so their number bounds memory; more would not make a disk
/// faster. The database and large uploads have their own.
const BLOCKING_THREADS: usize = 64;

/// The stack of a thread. Nothing here recurses.
const STACK_SIZE: usize = 1024 * 1024;

/// How long writes may take that outlived their clients. Longer than any transaction.
const LAST_WRITES: Duration = Duration::from_secs(30);

/// Runs until told to stop.
pub(crate) fn run(sources: &Sources) -> Result<(), Failure> {
    let effective = config::load(sources)?;
    let tuned = allocator::tune();
    telemetry::start(&effective.configuration().log)?;
    if let Err(error) = tuned {
        tracing::warn!(%error, "tune allocator");
    }
    open_files::raise_limit();
    let runtime = runtime()?;
    let outcome = runtime.block_on(serve(&effective));
    // A blocking call that hangs on a dead disk must not keep the process.
    runtime.shutdown_timeout(Duration::from_secs(5));
    telemetry::finish();
    Ok(outcome?)
}

fn runtime() -> anyhow::Result<Runtime> {
    Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_stack_size(STACK_SIZE)
        .thread_name("berth")
        .build()
        .context("start the runtime")
}

async fn serve(effective: &Effective) -> anyhow::Result<()> {
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
    let stores = Stores::open(effective, &metrics).await?;
    let totals = publish_totals(stores.metadata.clone(), &metrics).context("register metrics")?;
    let redirected =
        redirects(effective.configuration()).is_some() && stores.blobs.redirect_host().is_some();
    readiness.stores_are_open(
        stores.metadata.clone(),
        Arc::clone(&stores.blobs),
        redirected,
    );

    let report = answer(effective, &stores, server, &health, &banner).await?;
    tracing::info!(
        cut_requests = report.cut_requests,
        cut_connections = report.cut_connections,
        "drained"
    );
    probes.stop().await;
    totals.stop().await;
    if tokio::time::timeout(LAST_WRITES, stores.database.close())
        .await
        .is_err()
    {
        tracing::error!("the database does not close; it is left as it is");
    }
    tracing::info!("stopped");
    Ok(())
}

/// Serves requests until a signal comes and all of them have ended.
async fn answer(
    effective: &Effective,
    stores: &Stores,
    server: Server,
    health: &Health,
    banner: &Banner,
) -> anyhow::Result<DrainReport> {
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
    let jobs = {
        let (registry, interval) = (registry.clone(), configuration.jobs.interval.duration());
        let clock = Arc::new(SystemClock);
        Background::start(move |shutdown| jobs::run(registry, clock, interval, shutdown))
    };
    let welcome = Welcome::new(banner.url(), banner.host(), VERSION);
    let proxied = configuration.storage.proxied_agents.clone();
    let api =
        Api::new(registry.clone(), welcome).with_proxied_agents(proxied.unwrap_or_default().0);

    let signals = Signals::listen()?;
    let shutdown = CancellationToken::new();
    let obeying = signals.obey(shutdown.clone(), server.certificates());
    // To the very end: a second signal must also end what comes after the last request.
    TaskTracker::new().spawn(obeying);
    health.has_started();
    announce(banner);
    let report = server.serve(Arc::new(api), shutdown).await;
    jobs.stop().await;
    if tokio::time::timeout(LAST_WRITES, registry.close())
        .await
        .is_err()
    {
        tracing::error!("writes are still running; they are given up");
    }
    Ok(report)
}

fn redirects(configuration: &Configuration) -> Option<Redirects> {
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

/// Says that the registry is ready. Whoever started it may not listen, which is no reason to stop.
fn announce(banner: &Banner) {
    let (sha256, sha512) = (engine(Algorithm::Sha256), engine(Algorithm::Sha512));
    tracing::info!(version = VERSION, commit = COMMIT, %sha256, %sha512, "started");
    let mut stdout = io::stdout().lock();
    if let Err(error) = write!(stdout, "{banner}").and_then(|()| stdout.flush()) {
        tracing::warn!(%error, "greet on standard output");
    }
}
