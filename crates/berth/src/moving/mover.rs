//! The course of a move: passes until little differs, then the last step, again if that was in vain.

use std::sync::Arc;
use std::time::Duration;

use registry_core::ports::Metadata;
use registry_core::{Counts, MoveError, Mover, Registry, Settings};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::fault::Fault;
use super::freeze::Freeze;
use super::gate::Gate;
use super::last_step::{LastStep, Parts};
use super::places::{Places, Situation};
use super::report;
use crate::config::{Effective, redacted};
use crate::startup::{Service, Stores};

/// A pass that changed no more than this is followed by the last step: what is left takes a moment.
const FEW: u64 = 100;
/// And copied no more than this.
const LITTLE: u64 = 64 * 1024 * 1024;
/// Where so much is pushed all the time that no pass is small, the last step comes after so many.
const PASSES: u32 = 6;
/// After a fault that may pass.
const PAUSE: Duration = Duration::from_secs(5);
/// How many of these in a row end the move.
const FAULTS: u32 = 20;

/// What an operator decides about a move.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    /// Blobs, and repositories, at once.
    pub(crate) parallel: usize,
    /// What is damaged stays behind.
    pub(crate) skip_damaged: bool,
}

/// How a move ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The target is the registry now.
    Moved,
    /// It was stopped, and can go on later.
    Stopped,
}

/// A move, with all that it works with.
#[derive(Debug)]
pub(crate) struct Move {
    pub(crate) options: Options,
    pub(crate) places: Places,
    pub(crate) situation: Situation,
    pub(crate) freeze: Freeze,
    pub(crate) gate: Arc<Gate>,
    pub(crate) source: Registry,
    pub(crate) source_metadata: Arc<dyn Metadata>,
    pub(crate) target: Arc<Service>,
    pub(crate) target_metadata: Arc<dyn Metadata>,
    /// The target's URLs, without secrets.
    pub(crate) urls: [String; 2],
}

/// The URLs of a registry, without secrets.
pub(crate) fn urls(effective: &Effective) -> [String; 2] {
    [
        redacted(&effective.metadata_url().to_string()),
        redacted(&effective.storage_url().to_string()),
    ]
}

/// The registry that is written to while it is filled: it takes whatever the source has.
pub(crate) fn filled(stores: &Stores, source: &Registry) -> Registry {
    let settings = Settings {
        max_manifest_bytes: u64::MAX,
        max_blob_bytes: None,
        ..*source.settings()
    };
    Registry::new(stores.metadata.clone(), Arc::clone(&stores.blobs), settings)
}

impl Move {
    /// Runs to its end, or until it is stopped.
    pub(crate) async fn run(
        self,
        filled: Registry,
        stop: CancellationToken,
    ) -> anyhow::Result<Outcome> {
        let parallel = self.options.parallel;
        let mover = Mover::new(self.source.clone(), filled, parallel, stop.clone());
        let switched = match self.situation {
            Situation::Copying => self.copy(&mover, &stop).await,
            Situation::Switching => self.finish().await.map(|()| None),
            Situation::Done => Ok(None),
        };
        let pause = match switched {
            Ok(pause) => pause,
            Err(Fault::Pass(MoveError::Stopped)) => {
                report::line("stopped; the same command goes on with it");
                return Ok(Outcome::Stopped);
            }
            Err(fault) => return Err(fault.into()),
        };
        let [metadata, storage] = &self.urls;
        let counts: Option<Counts> = pause.map(|_| mover.counts());
        report::finished(counts.as_ref(), [metadata, storage], pause);
        Ok(Outcome::Moved)
    }

    /// Copies and switches; returns how long writes waited.
    async fn copy(
        &self,
        mover: &Mover,
        stop: &CancellationToken,
    ) -> Result<Option<Duration>, Fault> {
        tokio::select! {
            // It never ends.
            () = report::progress(mover) => Ok(None),
            switched = self.insist(mover, stop) => switched.map(Some),
        }
    }

    /// Tries again after faults that may pass.
    async fn insist(&self, mover: &Mover, stop: &CancellationToken) -> Result<Duration, Fault> {
        let mut faults = 0;
        loop {
            match self.attempt(mover, stop).await {
                Ok(LastStep::Switched(pause)) => return Ok(pause),
                Ok(LastStep::Busy) => {
                    report::line(
                        "writes under way did not end in time: they go on, and so does the copying",
                    );
                    faults = 0;
                }
                Ok(LastStep::Unequal) => {
                    report::line("something writes past this process; the copying goes on");
                    faults += 1;
                }
                Err(fault) if fault.may_pass() && faults < FAULTS => {
                    report::line(&format!("{:#}; trying again", anyhow::Error::new(fault)));
                    faults += 1;
                }
                Err(fault) => return Err(fault),
            }
            let rested = stop.run_until_cancelled(sleep(PAUSE)).await;
            rested.ok_or(Fault::Pass(MoveError::Stopped))?;
        }
    }

    async fn attempt(&self, mover: &Mover, stop: &CancellationToken) -> Result<LastStep, Fault> {
        for number in 1.. {
            let pass = mover.pass().await?;
            report::line(&format!("pass {number}: {}", report::summary(&pass)));
            let damages = mover.damages();
            if !damages.is_empty() && !self.options.skip_damaged {
                return Err(Fault::Damaged(damages));
            }
            if number >= PASSES || (pass.changes() <= FEW && pass.bytes <= LITTLE) {
                break;
            }
        }
        let parts = Parts {
            mover,
            gate: &self.gate,
            freeze: &self.freeze,
            places: &self.places,
            source: &self.source,
            source_marks: Arc::clone(&self.source_metadata),
            target_marks: Arc::clone(&self.target_metadata),
            api: Arc::clone(&self.target.api),
            skip_damaged: self.options.skip_damaged,
            stop,
        };
        parts.take().await
    }

    /// Takes away the mark that an earlier move left when it was cut off in the switch.
    async fn finish(&self) -> Result<(), Fault> {
        let source = self.places.source.id;
        let finished = self.target_metadata.finish_move_into(source).await;
        finished.map_err(|error| Fault::Step(error.into()))?;
        Ok(())
    }
}
