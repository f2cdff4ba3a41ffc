//! How long a check waits for something that may never answer: a dead disk, a silent network.

use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// How long each step may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Does something on a thread that may block; nothing if it takes too long. The thread is left to itself then.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    timeout(PATIENCE, spawn_blocking(work)).await.ok()?.ok()
}
