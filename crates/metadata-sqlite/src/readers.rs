//! The connections that read, each on a thread of its own, so that a look-up neither waits for the
//! disk on a thread of the runtime nor behind the blobs on those that are for waiting. A look-up is
//! one statement here, and so one consistent view.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use registry_core::ports::MetadataError;
use registry_core::waits;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use crate::error::{ReadersError, failed};
use crate::metrics::Metrics;
use crate::statement::Bound;
use crate::value::Row;

/// Look-ups that may wait; whoever comes then waits to be let in.
const QUEUE: usize = 1024;
/// How long.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long it waits for its answer, if the disk hangs.
const ANSWER: Duration = Duration::from_secs(30);

/// What the readers are sent.
#[derive(Debug)]
enum Message {
    LookUp {
        bound: Bound,
        reply: oneshot::Sender<rusqlite::Result<Vec<Row>>>,
    },
    /// Take no more look-ups.
    Close,
}

/// Runs statements that change nothing.
#[derive(Debug, Clone)]
pub(crate) struct Readers {
    queue: mpsc::Sender<Message>,
    threads: TaskTracker,
    usage: Arc<Usage>,
    metrics: Arc<Metrics>,
}

/// How many connections there are, and how many are used now.
#[derive(Debug)]
pub(crate) struct Usage {
    pub(crate) open: usize,
    used: AtomicUsize,
}

impl Usage {
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

impl Readers {
    /// Starts a thread for each connection. They end when every handle is gone, or when they are
    /// told to; either way they do first what is in their queue.
    pub(crate) fn start(connections: Vec<Connection>, metrics: Arc<Metrics>) -> io::Result<Self> {
        let threads = TaskTracker::new();
        let (queue, messages) = mpsc::channel(QUEUE);
        let usage = Arc::new(Usage {
            open: connections.len(),
            used: AtomicUsize::new(0),
        });
        let messages = Arc::new(Mutex::new(messages));
        for connection in connections {
            let (messages, usage) = (Arc::clone(&messages), Arc::clone(&usage));
            let token = threads.token();
            thread::Builder::new()
                .name("metadata-reader".to_owned())
                .spawn(move || {
                    read(&connection, &messages, &usage);
                    // Before whoever waits for the thread is told of its end.
                    drop(connection);
                    drop(token);
                })?;
        }
        Ok(Self {
            queue,
            threads,
            usage,
            metrics,
        })
    }

    pub(crate) fn usage(&self) -> Arc<Usage> {
        Arc::clone(&self.usage)
    }

    /// The first row, if there is one.
    pub(crate) async fn row(&self, bound: Bound) -> Result<Option<Row>, MetadataError> {
        Ok(self.rows(bound).await?.into_iter().next())
    }

    /// Every row.
    pub(crate) async fn rows(&self, bound: Bound) -> Result<Vec<Row>, MetadataError> {
        waits::for_database(self.ask(bound)).await
    }

    async fn ask(&self, bound: Bound) -> Result<Vec<Row>, MetadataError> {
        let (name, began) = (bound.statement.name, Instant::now());
        let (reply, rows) = oneshot::channel();
        let look_up = Message::LookUp { bound, reply };
        let queued = self.queue.send_timeout(look_up, PATIENCE).await;
        queued.map_err(|error| match error {
            mpsc::error::SendTimeoutError::Timeout(_) => ReadersError::Busy,
            mpsc::error::SendTimeoutError::Closed(_) => ReadersError::Gone,
        })?;
        let rows = timeout(ANSWER, rows)
            .await
            .map_err(|_| ReadersError::Busy)?;
        let rows = rows.map_err(|_| ReadersError::Gone)?;
        self.metrics.observe(name, began.elapsed());
        rows.map_err(failed)
    }

    /// Tells the readers to end, and waits until they have closed their connections.
    pub(crate) async fn close(&self) {
        // Those that ended already need not be told.
        let _ended = self.queue.send(Message::Close).await;
        self.threads.close();
        self.threads.wait().await;
    }
}

/// The life of a reader.
fn read(connection: &Connection, messages: &Mutex<mpsc::Receiver<Message>>, usage: &Usage) {
    // One waits for the next message, the others for their turn to wait.
    let next = || {
        let mut messages = messages.lock().unwrap_or_else(PoisonError::into_inner);
        match messages.blocking_recv()? {
            Message::Close => {
                messages.close();
                messages.blocking_recv()
            }
            look_up @ Message::LookUp { .. } => Some(look_up),
        }
    };
    while let Some(message) = next() {
        match message {
            Message::LookUp { bound, reply } if !reply.is_closed() => {
                usage.used.fetch_add(1, Ordering::Relaxed);
                let results = bound.run(connection);
                usage.used.fetch_sub(1, Ordering::Relaxed);
                let last = results.map(|mut results| results.pop().unwrap_or_default().rows);
                // A caller that went away needs no answer.
                let _gone = reply.send(last);
            }
            Message::LookUp { .. } | Message::Close => {}
        }
    }
}
