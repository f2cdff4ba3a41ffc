//! The loop of the writer: gather, run, commit, answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Transaction;
use super::job::{Outcome, Queued};
use crate::cache::Cache;
use crate::connection::DatabaseLock;
use crate::error::{BatchError, Fault};

/// No batch takes more jobs.
const BATCH: usize = 64;
/// Or takes them for longer, so that the first of a batch does not wait for ever later ones.
const BATCH_TIME: Duration = Duration::from_millis(5);
/// Pages of the log that are not in the database yet, before the writer moves them there.
const LOG_PAGES: i64 = 4_000;

/// Runs jobs in batches.
#[derive(Debug)]
pub(crate) struct Batches {
    pub(crate) transaction: Transaction,
    pub(crate) cache: Arc<Cache>,
    /// Kept until the connection is closed, so that nobody opens the database before.
    pub(crate) lock: DatabaseLock,
}

impl Batches {
    pub(super) async fn run(
        mut self,
        mut jobs: mpsc::Receiver<Box<dyn Queued>>,
        closing: CancellationToken,
    ) {
        while let Some(Some(job)) = closing.run_until_cancelled(jobs.recv()).await {
            self.batch(job, &mut jobs).await;
        }
        // Takes no more, and does what is there.
        jobs.close();
        while let Some(job) = jobs.recv().await {
            self.batch(job, &mut jobs).await;
        }
        self.transaction.close().await;
        drop(self.lock);
    }

    async fn batch(&mut self, first: Box<dyn Queued>, jobs: &mut mpsc::Receiver<Box<dyn Queued>>) {
        let mut batch = Vec::new();
        let (committed, log_pages) = match self.perform_all(first, jobs, &mut batch).await {
            Ok(log_pages) => (self.commit().await, log_pages),
            Err(error) => (Err(error), 0),
        };
        if committed.is_err() {
            self.transaction.roll_back().await;
        }
        self.transaction.metrics().observe_batch(batch.len());
        for job in batch {
            job.answer(committed.clone());
        }
        if log_pages >= LOG_PAGES
            && let Err(error) = self.transaction.checkpoint().await
        {
            tracing::warn!(%error, "checkpoint the write-ahead log");
        }
    }

    /// Runs the first job and what comes meanwhile, and tells how many pages the log had before.
    /// An error is that of the whole transaction.
    async fn perform_all(
        &mut self,
        first: Box<dyn Queued>,
        jobs: &mut mpsc::Receiver<Box<dyn Queued>>,
        batch: &mut Vec<Box<dyn Queued>>,
    ) -> Result<i64, BatchError> {
        let until = Instant::now() + BATCH_TIME;
        batch.push(first);
        let begun = self.transaction.begin().await;
        let log_pages = begun.map_err(|error| BatchError::new("begin a transaction", error))?;
        while let Some(job) = batch.last_mut() {
            let kept = self.transaction.touched();
            match job.perform(&mut self.transaction).await {
                Outcome::Kept => {}
                Outcome::NotWanted => self.take_back(kept, Fault::Other).await?,
                Outcome::Failed(fault) => self.take_back(kept, fault).await?,
            }
            if batch.len() >= BATCH || Instant::now() >= until {
                break;
            }
            let Ok(next) = jobs.try_recv() else {
                break;
            };
            self.transaction.next_job();
            batch.push(next);
        }
        Ok(log_pages)
    }

    /// Takes the last job back. After some faults SQLite has given the whole transaction up by
    /// itself, and with it the jobs before.
    async fn take_back(&mut self, kept: usize, fault: Fault) -> Result<(), BatchError> {
        let taken_back = self.transaction.roll_back_job(kept).await;
        taken_back
            .map_err(|error| BatchError::because_of(fault, "take a job of the batch back", error))
    }

    async fn commit(&mut self) -> Result<(), BatchError> {
        let touched = self.transaction.take_touched();
        // Nothing that changes is answered from the cache from here on until COMMIT is over.
        let _closed = self.cache.close(&touched);
        self.transaction
            .commit()
            .await
            .map_err(|error| BatchError::new("commit", error))
    }
}
