//! `berth serve`: from the configuration to a registry that answers, and back down to nothing.

use anyhow::Context;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

use crate::config::{self, Effective, Sources};
use crate::failure::Failure;
use crate::startup::{Admission, Service, Site};
use crate::{allocator, open_files, telemetry};

/// Threads for file calls that block. Each holds a stack, so their number bounds memory; more would not make a disk
/// faster. The database and large uploads have their own.
const BLOCKING_THREADS: usize = 64;

/// The stack of a thread. Nothing here recurses.
const STACK_SIZE: usize = 1024 * 1024;

/// Runs until told to stop.
pub(crate) fn run(sources: &Sources) -> Result<(), Failure> {
    let effective = config::load(sources)?;
    as_server(&effective, serve(&effective))
}

/// Runs something that serves, with the log, the memory and the threads for that.
pub(super) fn as_server(
    effective: &Effective,
    work: impl Future<Output = anyhow::Result<()>>,
) -> Result<(), Failure> {
    let tuned = allocator::tune();
    telemetry::start(&effective.configuration().log)?;
    if let Err(error) = tuned {
        tracing::warn!(%error, "tune allocator");
    }
    open_files::raise_limit();
    let runtime = runtime()?;
    let outcome = runtime.block_on(work);
    // A blocking call that hangs on a dead disk must not keep the process.
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
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
    let (site, server) = Site::open(effective, Admission::Serve).await?;
    let service = Service::new(effective, &site.stores, &site.banner);
    let jobs = service.start_jobs();
    site.serve(server, service.api.clone(), CancellationToken::new())
        .await?;
    jobs.stop().await;
    service.close().await;
    site.close().await;
    Ok(())
}
