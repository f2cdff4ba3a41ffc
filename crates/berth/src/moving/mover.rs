//! The course of a move: passes until little differs, then the last step, again if that was in vain.

use std::sync::Arc;
use std::time::{Duration, Instant};

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
/// Where so much is pushed all the time that no pass is small, the last step comes after so many, once they shrink no
/// more.
const PASSES: u32 = 6;
/// How long writes wait for the last step at most, the first time. It is called off then, and has twice as long the next
/// time: in the end it comes about.
const LIMIT: Duration = Duration::from_mins(2);
/// How many passes it has time for in any case, each as long as one that finds little to do.
const LAST_PASSES: u32 = 4;
/// How many times longer writes under way are waited for at most.
const MOST: u32 = 8;
/// How often it is seen to that writes of others can still be paused in the end.
const RENEWAL: Duration = Duration::from_secs(30);
/// After a fault that may pass.
const PAUSE: Duration = Duration::from_secs(5);
/// How many of these in a row, with nothing copied between them, end the move.
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
        let left = mover.damages();
        report::finished(counts.as_ref(), &left, [metadata, storage], pause);
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
            // Nor does this.
            () = self.renew() => Ok(None),
            switched = self.insist(mover, stop) => switched.map(Some),
        }
    }

    async fn renew(&self) {
        loop {
            sleep(RENEWAL).await;
            if let Err(error) = self.freeze.renew().await {
                report::line(&format!("{error:#}; trying again"));
            }
        }
    }

    /// Tries again after faults that may pass, as long as something gets on.
    async fn insist(&self, mover: &Mover, stop: &CancellationToken) -> Result<Duration, Fault> {
        let (mut faults, mut done) = (0, 0);
        let (mut limit, mut stretch) = (LIMIT, 1);
        loop {
            match self.attempt(mover, stop, limit, stretch).await {
                Ok(LastStep::Switched(pause)) => return Ok(pause),
                Ok(LastStep::Busy) => {
                    report::line(
                        "writes under way did not end in time: they go on, and so does the copying",
                    );
                    stretch = MOST.min(stretch * 2);
                }
                Ok(LastStep::Slow) => {
                    report::line("the last step took too long: writes and the copying go on");
                    limit *= 2;
                }
                Ok(LastStep::Unequal) => {
                    report::line("something writes past this process; the copying goes on");
                }
                Err(fault) if fault.may_pass() && faults < FAULTS => {
                    report::line(&format!("{:#}; trying again", anyhow::Error::new(fault)));
                    faults += 1;
                }
                Err(fault) => return Err(fault),
            }
            let changes = mover.counts().changes();
            if changes > done {
                (faults, done) = (0, changes);
            }
            let rested = stop.run_until_cancelled(sleep(PAUSE)).await;
            rested.ok_or(Fault::Pass(MoveError::Stopped))?;
        }
    }

    /// Passes until what is left is little, or gets no less; then the last step, which may take `limit`, or longer where
    /// comparing alone does.
    async fn attempt(
        &self,
        mover: &Mover,
        stop: &CancellationToken,
        mut limit: Duration,
        stretch: u32,
    ) -> Result<LastStep, Fault> {
        let mut before: Option<Counts> = None;
        for number in 1.. {
            let began = Instant::now();
            let pass = mover.pass().await?;
            report::line(&format!("pass {number}: {}", report::summary(&pass)));
            let damages = mover.damages();
            if !damages.is_empty() && !self.options.skip_damaged {
                return Err(Fault::Damaged(damages));
            }
            if pass.changes() <= FEW && pass.bytes <= LITTLE {
                // The first one also looks for what was copied before.
                if number > 1 {
                    limit = limit.max(began.elapsed() * LAST_PASSES);
                }
                break;
            }
            let less =
                |before: &Counts| pass.bytes < before.bytes || pass.changes() < before.changes();
            if number >= PASSES && !before.as_ref().is_some_and(less) {
                break;
            }
            before = Some(pass);
        }
        let parts = Parts {
            mover,
            gate: &self.gate,
            freeze: &self.freeze,
            places: &self.places,
            source: &self.source,
            source_marks: self.source_metadata.clone(),
            target_marks: self.target_metadata.clone(),
            api: Arc::clone(&self.target.api),
            skip_damaged: self.options.skip_damaged,
            stop,
            limit,
            stretch,
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
