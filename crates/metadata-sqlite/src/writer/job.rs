//! A job of the writer: its work, its result, and whom to tell.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use registry_core::ports::MetadataError;
use tokio::sync::oneshot;

use super::transaction::Sync;
use super::{Effect, Transaction};
use crate::error::{BatchError, Fault, WriterError};

/// What became of a job's writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// They stay.
    Kept,
    /// They are to be taken back, as was asked for.
    NotWanted,
    /// They are to be taken back: the job failed.
    Failed(Fault),
}

/// A job, whatever its result is.
pub(super) trait Queued: Send + fmt::Debug {
    /// Whether it must be on the disk before it is answered.
    fn sync(&self) -> Sync;

    /// Does the work and remembers the result.
    fn perform(&mut self, transaction: &mut Transaction) -> Outcome;

    /// Tells the caller, once it is known what became of the batch.
    fn answer(self: Box<Self>, committed: Result<(), BatchError>);
}

pub(super) struct Job<T, F> {
    effect: Effect,
    work: Option<F>,
    result: Result<T, MetadataError>,
    reply: oneshot::Sender<Result<T, MetadataError>>,
}

impl<T, F> Job<T, F> {
    pub(super) fn new(
        effect: Effect,
        work: F,
        reply: oneshot::Sender<Result<T, MetadataError>>,
    ) -> Self {
        Self {
            effect,
            work: Some(work),
            result: Err(WriterError::NotRun.into()),
            reply,
        }
    }
}

impl<T, F> Queued for Job<T, F>
where
    T: Send,
    F: FnOnce(&mut Transaction) -> Result<T, MetadataError> + Send,
{
    fn sync(&self) -> Sync {
        match self.effect {
            Effect::Keep => Sync::Wait,
            Effect::KeepLoosely | Effect::TakeBack => Sync::Leave,
        }
    }

    fn perform(&mut self, transaction: &mut Transaction) -> Outcome {
        if let Some(work) = self.work.take() {
            // Guards come from outside; one that panics must not take the writer with it.
            let result = catch_unwind(AssertUnwindSafe(|| work(transaction)));
            self.result = result.unwrap_or_else(|_| Err(WriterError::Panicked.into()));
        }
        match (&self.result, self.effect) {
            (Ok(_), _) if transaction.is_unwanted() => Outcome::NotWanted,
            (Ok(_), Effect::Keep | Effect::KeepLoosely) => Outcome::Kept,
            (Ok(_), Effect::TakeBack) => Outcome::NotWanted,
            (Err(error), _) => Outcome::Failed(Fault::of_job(error)),
        }
    }

    fn answer(self: Box<Self>, committed: Result<(), BatchError>) {
        let result = committed.map_err(MetadataError::from).and(self.result);
        // A caller that went away needs no answer.
        let _gone = self.reply.send(result);
    }
}

impl<T, F> fmt::Debug for Job<T, F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Job")
            .field("effect", &self.effect)
            .finish_non_exhaustive()
    }
}
