//! The loop of the writer: gather, run, commit, answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::job::{Outcome, Queued};
use super::transaction::Sync;
use super::{Message, Transaction};
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

/// The jobs that wait.
struct Queue {
    messages: mpsc::Receiver<Message>,
    /// A job that needs a sync and came up behind ones that do not: it begins the next batch.
    next: Option<Box<dyn Queued>>,
}

impl Queue {
    /// Waits for a job; `None` at the end.
    fn first(&mut self) -> Option<Box<dyn Queued>> {
        loop {
            match self.next.take() {
                Some(job) => return Some(job),
                None => match self.messages.blocking_recv()? {
                    Message::Job(job) => return Some(job),
                    Message::Close => self.messages.close(),
                },
            }
        }
    }

    /// What may still come into a batch: anything if it is synced, else only what needs no sync.
    fn another(&mut self, sync: Sync) -> Option<Box<dyn Queued>> {
        let job = match self.messages.try_recv().ok()? {
            Message::Job(job) => job,
            Message::Close => {
                self.messages.close();
                return None;
            }
        };
        if sync == Sync::Leave && job.sync() == Sync::Wait {
            self.next = Some(job);
            return None;
        }
        Some(job)
    }
}

impl Batches {
    /// Takes jobs until it is told to close or nobody can send any; does first what is there.
    pub(super) fn run(mut self, messages: mpsc::Receiver<Message>) {
        let mut queue = Queue {
            messages,
            next: None,
        };
        while let Some(job) = queue.first() {
            self.batch(job, &mut queue);
        }
        self.transaction.close();
        drop(self.lock);
    }

    fn batch(&mut self, first: Box<dyn Queued>, queue: &mut Queue) {
        let mut batch = Vec::new();
        let performed = self.perform_all(first, queue, &mut batch);
        let committed = performed.and_then(|()| self.commit());
        if committed.is_err() {
            self.transaction.roll_back();
        }
        self.transaction.metrics().observe_batch(batch.len());
        for job in batch {
            job.answer(committed.clone());
        }
        if let Err(error) = self.shorten_log() {
            tracing::warn!(%error, "checkpoint the write-ahead log");
        }
    }

    /// Runs the first job and what comes meanwhile. An error is that of the whole transaction.
    fn perform_all(
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
            match job.perform(&mut self.transaction) {
                Outcome::Kept => {}
                Outcome::NotWanted => self.take_back(kept, Fault::Other)?,
                Outcome::Failed(fault) => self.take_back(kept, fault)?,
            }
            if batch.len() >= BATCH || Instant::now() >= until {
                break;
            }
            let Some(next) = queue.another(sync) else {
                break;
            };
            batch.push(next);
            let ready = self.transaction.next_job();
            ready.map_err(|error| BatchError::new("keep a job of the batch", error))?;
        }
        Ok(())
    }

    /// Takes the last job back. After some faults SQLite has given the whole transaction up by
    /// itself, and with it the jobs before.
    fn take_back(&mut self, kept: usize, fault: Fault) -> Result<(), BatchError> {
        let taken_back = self.transaction.roll_back_job(kept);
        taken_back
            .map_err(|error| BatchError::because_of(fault, "take a job of the batch back", error))
    }

    fn commit(&mut self) -> Result<(), BatchError> {
        let touched = self.transaction.take_touched();
        // Nothing that changes is answered from the cache from here on until COMMIT is over.
        let _closed = self.cache.close(&touched);
        let committed = self.transaction.commit();
        committed.map_err(|error| BatchError::new("commit", error))
    }

    fn shorten_log(&mut self) -> rusqlite::Result<()> {
        if self.transaction.log_pages()? >= LOG_PAGES {
            self.transaction.checkpoint()?;
        }
        Ok(())
    }
}
