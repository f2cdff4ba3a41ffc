//! `berth move`: serves a registry as `berth serve` does, copies it to other stores meanwhile, and serves it from there.

use std::sync::Arc;

use prometheus::Registry;
use registry_core::Registry as UseCases;
use tokio_util::sync::CancellationToken;

use super::serve::as_server;
use crate::background::Background;
use crate::config::{self, Effective, Elsewhere, Sources};
use crate::failure::Failure;
use crate::moving::{
    Freeze, Gate, Move, Options, Outcome, Places, Situation, check_apart, filled, repeat, urls,
};
use crate::startup::{Admission, Service, Site, Stores, close};

/// What happens when all is moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Afterwards {
    /// The target is served.
    Serve,
    /// The process ends.
    Exit,
}

/// Moves, and runs until told to stop, or until it is done.
pub(crate) fn run(
    sources: &Sources,
    elsewhere: Elsewhere<'_>,
    options: Options,
    afterwards: Afterwards,
) -> Result<(), Failure> {
    let source = config::load(sources)?;
    let target = config::load_elsewhere(&source, elsewhere)?;
    check_apart(&source, &target)?;
    as_server(&source, go(&source, &target, options, afterwards))
}

async fn go(
    source: &Effective,
    target: &Effective,
    options: Options,
    afterwards: Afterwards,
) -> anyhow::Result<()> {
    let (site, server) = Site::open(source, Admission::MoveFrom).await?;
    let freeze = Freeze::prepare(source).await?;
    // Its figures have the names of the source's: they are shown from the next start on.
    let stores = Stores::open(target, Admission::MoveInto, &Registry::new()).await?;
    let (places, situation) = Places::look(&site.stores, &stores, target).await?;
    if situation == Situation::Copying && places.source.moving_to.is_some() {
        // An earlier one was cut off in its last step.
        freeze.end().await?;
    }

    let here = Service::new(source, &site.stores, &site.banner);
    let there = Arc::new(Service::new(target, &stores, &site.banner));
    let filled = filled(&stores, &here.registry);
    let gate = Gate::new(Arc::clone(match situation {
        Situation::Copying => &here.api,
        Situation::Switching | Situation::Done => &there.api,
    }));
    let moving = Move {
        options,
        places,
        situation,
        freeze,
        gate: Arc::clone(&gate),
        source: here.registry.clone(),
        source_metadata: site.stores.metadata.clone(),
        target: Arc::clone(&there),
        target_metadata: stores.metadata.clone(),
        urls: urls(target),
    };
    let shutdown = CancellationToken::new();
    let work = work(moving, filled.clone(), &shutdown, afterwards, || {
        site.ask(&stores, target);
        there.start_jobs()
    });
    let serving = site.serve(server, gate, shutdown.clone());
    let (drained, (jobs, outcome)) = tokio::join!(serving, work);
    if let Some(jobs) = jobs {
        jobs.stop().await;
    }
    here.close().await;
    there.close().await;
    filled.close().await;
    close(&stores).await;
    site.close().await;
    outcome.and(drained)
}

/// Moves while requests are answered. A move that is given up takes nothing from the registry that is served. The jobs of the source rest meanwhile: what they take away is not copied anyway.
async fn work(
    moving: Move,
    filled: UseCases,
    shutdown: &CancellationToken,
    afterwards: Afterwards,
    moved: impl FnOnce() -> Background,
) -> (Option<Background>, anyhow::Result<()>) {
    let is_served = moving.situation == Situation::Copying;
    match Box::pin(moving.run(filled, shutdown.child_token())).await {
        Ok(Outcome::Moved) => {
            let jobs = moved();
            if afterwards == Afterwards::Exit {
                shutdown.cancel();
            }
            (Some(jobs), Ok(()))
        }
        Ok(Outcome::Stopped) => (None, Ok(())),
        Err(error) => {
            if is_served && afterwards == Afterwards::Serve {
                repeat(&error, shutdown).await;
            }
            shutdown.cancel();
            (None, Err(error))
        }
    }
}
