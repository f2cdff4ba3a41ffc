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
use crate::statement::Sync;

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

/// The jobs that wait.
struct Queue {
    jobs: mpsc::Receiver<Box<dyn Queued>>,
    /// A job that needs a sync and came up behind ones that do not: it begins the next batch.
    next: Option<Box<dyn Queued>>,
}

impl Queue {
    async fn first(&mut self) -> Option<Box<dyn Queued>> {
        match self.next.take() {
            Some(job) => Some(job),
            None => self.jobs.recv().await,
        }
    }

    /// What may still come into a batch: anything if it is synced, else only what needs no sync.
    fn another(&mut self, sync: Sync) -> Option<Box<dyn Queued>> {
        let job = self.jobs.try_recv().ok()?;
        if sync == Sync::Leave && job.sync() == Sync::Wait {
            self.next = Some(job);
            return None;
        }
        Some(job)
    }
}

impl Batches {
    pub(super) async fn run(
        mut self,
        jobs: mpsc::Receiver<Box<dyn Queued>>,
        closing: CancellationToken,
    ) {
        let mut queue = Queue { jobs, next: None };
        while let Some(Some(job)) = closing.run_until_cancelled(queue.first()).await {
            self.batch(job, &mut queue).await;
        }
        // Takes no more, and does what is there.
        queue.jobs.close();
        while let Some(job) = queue.first().await {
            self.batch(job, &mut queue).await;
        }
        self.transaction.close().await;
        drop(self.lock);
    }

    async fn batch(&mut self, first: Box<dyn Queued>, queue: &mut Queue) {
        let mut batch = Vec::new();
        let committed = match self.perform_all(first, queue, &mut batch).await {
            Ok(()) => self.commit().await,
            Err(error) => Err(error),
        };
        if committed.is_err() {
            self.transaction.roll_back().await;
        }
        self.transaction.metrics().observe_batch(batch.len());
        for job in batch {
            job.answer(committed.clone());
        }
        if self.transaction.log_pages() >= LOG_PAGES
            && let Err(error) = self.transaction.checkpoint().await
        {
            tracing::warn!(%error, "checkpoint the write-ahead log");
        }
    }

    /// Runs the first job and what comes meanwhile. An error is that of the whole transaction.
    async fn perform_all(
        &mut self,
        first: Box<dyn Queued>,
        queue: &mut Queue,
        batch: &mut Vec<Box<dyn Queued>>,
    ) -> Result<(), BatchError> {
        let until = Instant::now() + BATCH_TIME;
        let sync = first.sync();
        batch.push(first);
        self.transaction.prepare(sync);
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
            let Some(next) = queue.another(sync) else {
                break;
            };
            self.transaction.next_job();
            batch.push(next);
        }
        Ok(())
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
