//! Work that runs beside the requests and is told to stop, and waited for, at the end.

use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// A task in the background. It is told to stop when this is dropped, too.
#[derive(Debug)]
pub(crate) struct Background {
    shutdown: DropGuard,
    tasks: TaskTracker,
}

impl Background {
    /// Starts a task, which gets the token that tells it to stop.
    pub(crate) fn start<F>(task: impl FnOnce(CancellationToken) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (shutdown, tasks) = (CancellationToken::new(), TaskTracker::new());
        tasks.spawn(task(shutdown.clone()));
        tasks.close();
        let shutdown = shutdown.drop_guard();
        Self { shutdown, tasks }
    }

    /// Tells the task to stop and waits until it has.
    pub(crate) async fn stop(self) {
        drop(self.shutdown);
        self.tasks.wait().await;
    }
}
