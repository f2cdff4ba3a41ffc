//! Background jobs. Each does a bounded piece of work, can be repeated at any time,
//! and may run on any number of pods at once.
//!
//! To add one: a file named for what it does, with a function that returns whether
//! there is more to do, and a line in [`run`].

mod expire_uploads;
mod sweep_storage;
mod take_back_unfinished;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::error::RegistryError;
use crate::ports::Clock;
use crate::registry::Registry;

/// How much one step of a job takes on.
const BATCH: u32 = 500;

/// How often the blob store is asked what was left unfinished; it may have to look at all of it.
const RARELY: Duration = Duration::from_hours(1);

/// Whether a job found everything done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    More,
    Done,
}

/// Runs every job each `interval`, or now and then if it takes long, until told to stop.
pub async fn run(
    registry: Registry,
    clock: Arc<dyn Clock>,
    interval: Duration,
    shutdown: CancellationToken,
) {
    let mut rarely = Instant::now();
    loop {
        run_once(&registry, &shutdown).await;
        if Instant::now() >= rarely {
            // It may have to look at much, and can begin again at any time.
            let taking = take_back_unfinished(&registry, &*clock);
            shutdown.run_until_cancelled(taking).await;
            rarely = Instant::now() + RARELY;
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(interval) => {}
        }
    }
}

/// Runs every job until nothing is left to do.
pub async fn run_once(registry: &Registry, shutdown: &CancellationToken) {
    while !shutdown.is_cancelled() && more("expire_uploads", expire_uploads::step(registry).await) {
    }
    while !shutdown.is_cancelled() && more("sweep_storage", sweep_storage::step(registry).await) {}
}

/// Takes back what no session of the blob store will finish.
pub async fn take_back_unfinished(registry: &Registry, clock: &dyn Clock) {
    if let Err(error) = take_back_unfinished::step(registry, clock.now()).await {
        failed("take_back_unfinished", &error);
    }
}

fn more(job: &'static str, step: Result<Step, RegistryError>) -> bool {
    match step {
        Ok(step) => step == Step::More,
        Err(error) => {
            failed(job, &error);
            false
        }
    }
}

fn failed(job: &'static str, error: &RegistryError) {
    tracing::error!(job, error = error as &dyn std::error::Error, "run job");
}
