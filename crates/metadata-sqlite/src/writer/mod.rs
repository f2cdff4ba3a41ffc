//! The writer: one thread that owns the one connection that writes.
//!
//! Jobs wait in a bounded queue. The writer takes what is there, runs it in one transaction, a
//! savepoint each, and answers after COMMIT, so that many writes share one sync of the disk
//! without waiting for each other: while one batch syncs, the next one gathers. A job that fails
//! is taken back alone; a COMMIT that fails fails every job of its batch. A batch of jobs that
//! promise nothing is not synced at all. A job that was queued runs to its end, also if its caller
//! is gone.
//!
//! Nothing else writes, so a job's statements see a database that nobody changes meanwhile: what
//! it checked first still holds when it writes.
//!
//! | killed | what is left |
//! |---|---|
//! | before COMMIT returned | nothing of the batch, or all of it; nobody was answered |
//! | after | all of it |

mod batch;
mod job;
mod transaction;

use std::io;
use std::thread;
use std::time::Duration;

use registry_core::change::Change;
use registry_core::ports::MetadataError;
use registry_core::waits;
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;

pub(crate) use self::batch::Batches;
use self::job::{Job, Queued};
pub(crate) use self::transaction::Transaction;
use crate::error::WriterError;

/// Jobs that may wait; whoever comes then waits to be let in.
const QUEUE: usize = 1024;
/// How long.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether what a job wrote stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It stays, and is on the disk before the job is answered.
    Keep,
    /// It stays whatever happens to the process, but a power cut may undo it together with
    /// everything after it. For steps that promise a client nothing: opening a session, taking and
    /// giving up its lease. What they lead to is committed for good with all of it.
    KeepLoosely,
    /// It does not.
    TakeBack,
}

impl Effect {
    pub(crate) fn of(change: &Change) -> Self {
        if change.dry_run {
            Self::TakeBack
        } else {
            Self::Keep
        }
    }

    /// The same for a step that promises nothing.
    pub(crate) fn loosely_of(change: &Change) -> Self {
        match Self::of(change) {
            Self::Keep => Self::KeepLoosely,
            other => other,
        }
    }
}

/// What the writer is sent.
#[derive(Debug)]
enum Message {
    Job(Box<dyn Queued>),
    /// Take no more jobs.
    Close,
}

/// Hands jobs to the writer.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Message>,
    thread: TaskTracker,
}

impl Writer {
    /// Starts the writer. It ends when every handle to it is gone, or when it is told to; either
    /// way it does first what is in its queue.
    pub(crate) fn start(batches: Batches) -> io::Result<Self> {
        let (queue, messages) = mpsc::channel(QUEUE);
        let thread = TaskTracker::new();
        let token = thread.token();
        thread::Builder::new()
            .name("metadata-writer".to_owned())
            .spawn(move || {
                batches.run(messages);
                drop(token);
            })?;
        Ok(Self { queue, thread })
    }

    /// Runs `work` in a transaction and returns what it did, once that is durable.
    pub(crate) async fn run<T, F>(&self, effect: Effect, work: F) -> Result<T, MetadataError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Transaction) -> Result<T, MetadataError> + Send + 'static,
    {
        let (reply, result) = oneshot::channel();
        let job = Message::Job(Box::new(Job::new(effect, work, reply)));
        waits::for_database(async {
            let queued = self.queue.send_timeout(job, PATIENCE).await;
            queued.map_err(|error| match error {
                mpsc::error::SendTimeoutError::Timeout(_) => WriterError::Behind,
                mpsc::error::SendTimeoutError::Closed(_) => WriterError::Gone,
            })?;
            result.await.map_err(|_| WriterError::Gone)?
        })
        .await
    }

    /// Tells the writer to end, and waits until it has closed its connection.
    pub(crate) async fn close(&self) {
        // One that ended already need not be told.
        let _ended = self.queue.send(Message::Close).await;
        self.thread.close();
        self.thread.wait().await;
    }
}

#[cfg(test)]
mod tests;
