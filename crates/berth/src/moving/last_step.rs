//! The last step: writes wait, both registries are made equal and proved so, and the switch is made.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http_api::Api;
use registry_core::ports::Installation;
use registry_core::{MoveError, Mover, Registry};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::fault::Fault;
use super::freeze::Freeze;
use super::gate::{Closed, Gate};
use super::places::Places;
use super::report;
use super::switch::Switch;

/// How long writes that are under way may take to end, the first time.
const LAST_WRITES: Duration = Duration::from_secs(30);

/// How many passes may be needed with nobody writing: one for what is left, one that finds nothing, and some for what
/// had to go and come again.
const PASSES: usize = 8;

/// What came of it.
#[derive(Debug)]
pub(super) enum LastStep {
    /// The target is the registry now; writes waited for so long.
    Switched(Duration),
    /// Writes were under way for too long: everything is as before.
    Busy,
    /// Making them equal took too long: everything is as before.
    Slow,
    /// The two did not become equal: everything is as before.
    Unequal,
}

/// All that takes part in it.
pub(super) struct Parts<'a> {
    pub(super) mover: &'a Mover,
    pub(super) gate: &'a Gate,
    pub(super) freeze: &'a Freeze,
    pub(super) places: &'a Places,
    /// The registry that is moved.
    pub(super) source: &'a Registry,
    pub(super) source_marks: Arc<dyn Installation>,
    pub(super) target_marks: Arc<dyn Installation>,
    /// What leads to the target.
    pub(super) api: Arc<Api>,
    pub(super) skip_damaged: bool,
    pub(super) stop: &'a CancellationToken,
    /// How long it may take to make them equal.
    pub(super) limit: Duration,
    /// How much longer than usual writes under way are waited for, because they took too long before.
    pub(super) stretch: u32,
}

impl Parts<'_> {
    /// Does it, or leaves everything as it was.
    pub(super) async fn take(&self) -> Result<LastStep, Fault> {
        let began = Instant::now();
        self.freeze.renew().await.map_err(Fault::Step)?;
        let Some(closed) = self.close().await? else {
            return Ok(LastStep::Busy);
        };
        report::line("the last step: writes wait");
        let equal = match self.freeze.begin(&self.places.target).await {
            Ok(()) => timeout(self.limit, self.make_equal()).await,
            Err(error) => Ok(Err(Fault::Step(error))),
        };
        if !matches!(equal, Ok(Ok(true))) {
            self.call_off().await;
            closed.open();
            return match equal {
                Ok(equal) => equal.map(|_| LastStep::Unequal),
                Err(_late) => Ok(LastStep::Slow),
            };
        }
        self.switch(closed).await?;
        Ok(LastStep::Switched(began.elapsed()))
    }

    /// Closes the gate and waits for writes under way, those included whose clients are gone.
    async fn close(&self) -> Result<Option<Closed>, Fault> {
        let closing = async {
            let limit = LAST_WRITES * self.stretch;
            let closed = self.gate.close(limit).await?;
            match timeout(limit, self.source.close_content()).await {
                Ok(()) => Some(closed),
                Err(_) => None,
            }
        };
        let closed = self.stop.run_until_cancelled(closing).await;
        closed.ok_or(Fault::Pass(MoveError::Stopped))
    }

    /// Passes until one finds nothing to do, and nobody who could have written meanwhile, which proves it.
    async fn make_equal(&self) -> Result<bool, Fault> {
        for _ in 0..PASSES {
            let pass = self.mover.pass().await?;
            report::line(&format!("with writes paused: {}", report::summary(&pass)));
            let damages = self.mover.damages();
            if !damages.is_empty() && !self.skip_damaged {
                return Err(Fault::Damaged(damages));
            }
            let held = self.freeze.holds().await.map_err(Fault::Step)?;
            if held && pass.changes() == 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn call_off(&self) {
        if let Err(error) = self.freeze.end().await {
            report::line(&format!(
                "other pods may still be unable to write: {error:#}; run this again"
            ));
        }
    }

    /// From here on the gate opens to the target only, or not at all: if this is stopped, neither registry takes writes
    /// until the same command is run again.
    async fn switch(&self, closed: Closed) -> Result<(), Fault> {
        self.gate.seal();
        let switch = Switch {
            source: Arc::clone(&self.source_marks),
            source_id: self.places.source.id,
            target: Arc::clone(&self.target_marks),
            target_id: self.places.target_id,
            place: &self.places.target,
            stop: self.stop,
        };
        switch.make().await?;
        self.gate.lead_to(Arc::clone(&self.api));
        closed.open();
        Ok(())
    }
}
