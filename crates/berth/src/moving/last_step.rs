//! The last step: writes wait, both registries are made equal and proved so, and the switch is made.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http_api::Api;
use registry_core::ports::Metadata;
use registry_core::{MoveError, Mover, Registry};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::fault::Fault;
use super::freeze::Freeze;
use super::gate::{Closed, Gate};
use super::places::Places;
use super::report;

/// How long writes that are under way may take to end.
const LAST_WRITES: Duration = Duration::from_secs(30);

/// How many passes may be needed with nobody writing: one for what is left, one that finds nothing, and some for what
/// had to go and come again.
const PASSES: usize = 8;

/// Between two attempts to set a mark.
const PAUSE: Duration = Duration::from_millis(500);

/// What came of it.
#[derive(Debug)]
pub(super) enum LastStep {
    /// The target is the registry now; writes waited for so long.
    Switched(Duration),
    /// Writes were under way for too long: everything is as before.
    Busy,
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
    pub(super) source_marks: Arc<dyn Metadata>,
    pub(super) target_marks: Arc<dyn Metadata>,
    /// What leads to the target.
    pub(super) api: Arc<Api>,
    pub(super) skip_damaged: bool,
    pub(super) stop: &'a CancellationToken,
}

impl Parts<'_> {
    /// Does it, or leaves everything as it was.
    pub(super) async fn take(&self) -> Result<LastStep, Fault> {
        let began = Instant::now();
        let Some(closed) = self.close().await? else {
            return Ok(LastStep::Busy);
        };
        report::line("the last step: writes wait");
        let equal = match self.freeze.begin(&self.places.target).await {
            Ok(()) => self.make_equal().await,
            Err(error) => Err(Fault::Step(error)),
        };
        if !matches!(equal, Ok(true)) {
            self.call_off().await;
            closed.open();
            return equal.map(|_| LastStep::Unequal);
        }
        self.switch(closed).await?;
        Ok(LastStep::Switched(began.elapsed()))
    }

    /// Closes the gate and waits for writes under way, those included whose clients are gone.
    async fn close(&self) -> Result<Option<Closed>, Fault> {
        let closing = async {
            let closed = self.gate.close(LAST_WRITES).await?;
            match timeout(LAST_WRITES, self.source.close()).await {
                Ok(()) => Some(closed),
                Err(_) => None,
            }
        };
        let closed = self.stop.run_until_cancelled(closing).await;
        closed.ok_or(Fault::Pass(MoveError::Stopped))
    }

    /// Passes until one finds nothing to do, which proves it.
    async fn make_equal(&self) -> Result<bool, Fault> {
        for _ in 0..PASSES {
            let pass = self.mover.pass().await?;
            report::line(&format!("with writes paused: {}", report::summary(&pass)));
            let damages = self.mover.damages();
            if !damages.is_empty() && !self.skip_damaged {
                return Err(Fault::Damaged(damages));
            }
            if pass.changes() == 0 {
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

    /// From the first mark on there is no way back: each is set again until it is known to be there. If that is
    /// stopped, neither registry is served until the same command is run again.
    async fn switch(&self, closed: Closed) -> Result<(), Fault> {
        let target = &self.places.target;
        self.insist(async || self.source_marks.set_moved_to(target).await)
            .await?;
        let source = self.places.source.id;
        self.insist(async || self.target_marks.finish_move_into(source).await)
            .await?;
        self.gate.lead_to(Arc::clone(&self.api));
        closed.open();
        Ok(())
    }

    async fn insist<T, E: std::error::Error>(
        &self,
        step: impl AsyncFn() -> Result<T, E>,
    ) -> Result<(), Fault> {
        loop {
            match step().await {
                Ok(_) => return Ok(()),
                Err(error) => report::line(&format!("{error}; trying again")),
            }
            let pause = self.stop.run_until_cancelled(sleep(PAUSE)).await;
            pause.ok_or(Fault::Pass(MoveError::Stopped))?;
        }
    }
}
