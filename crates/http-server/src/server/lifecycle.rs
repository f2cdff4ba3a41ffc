//! How a server ends: serving, then draining, then aborting. Tasks are tracked so that the end is
//! waited for, and requests are counted so that the end can be reported.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use tokio_util::{
    sync::{CancellationToken, WaitForCancellationFuture},
    task::TaskTracker,
};

/// The stages of one server, and what is still running.
#[derive(Debug, Default)]
pub(crate) struct Lifecycle {
    tasks: TaskTracker,
    drain: CancellationToken,
    abort: CancellationToken,
    is_draining: AtomicBool,
    requests: AtomicUsize,
    connections: AtomicUsize,
}

impl Lifecycle {
    /// Every task of the server.
    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    /// Whether [`Self::draining`] would be ready, without a lock.
    pub(crate) fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Acquire)
    }

    /// Ready when connections shall end after their requests.
    pub(crate) fn draining(&self) -> WaitForCancellationFuture<'_> {
        self.drain.cancelled()
    }

    /// Ready when connections shall end at once.
    pub(crate) fn aborting(&self) -> WaitForCancellationFuture<'_> {
        self.abort.cancelled()
    }

    pub(super) fn start_draining(&self) {
        self.is_draining.store(true, Ordering::Release);
        self.drain.cancel();
        self.tasks.close();
    }

    pub(super) fn start_aborting(&self) {
        self.abort.cancel();
    }

    pub(crate) fn request_began(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn request_ended(&self) {
        self.requests.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn connection_opened(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn connection_closed(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

/// Ends everything when it is dropped; after a drain there is nothing left to end.
#[derive(Debug)]
pub(super) struct AbortOnDrop(pub(super) Arc<Lifecycle>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.start_draining();
        self.0.start_aborting();
    }
}
