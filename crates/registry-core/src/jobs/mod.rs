//! Background jobs. Each does a bounded piece of work, can be repeated at any time,
//! and may run on any number of pods at once.
//!
//! To add one: a file named for what it does, with a function that returns whether
//! there is more to do, and a line in [`run`].

mod expire_uploads;
mod sweep_storage;

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::error::RegistryError;
use crate::registry::Registry;

/// How much one step of a job takes on.
const BATCH: u32 = 500;

/// Whether a job found everything done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    More,
    Done,
}

/// Runs every job each `interval`, until told to stop.
pub async fn run(registry: Registry, interval: Duration, shutdown: CancellationToken) {
    loop {
        run_once(&registry, &shutdown).await;
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

fn more(job: &'static str, step: Result<Step, RegistryError>) -> bool {
    match step {
        Ok(step) => step == Step::More,
        Err(error) => {
            tracing::error!(job, error = &error as &dyn std::error::Error, "run job");
            false
        }
    }
}
