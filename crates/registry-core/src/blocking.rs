//! Work that blocks its thread.

use tokio::task::{JoinError, spawn_blocking, try_id};

/// Does work that takes long, or waits for a disk, where it holds nobody up: right here if this
/// future has its thread to itself, which is so for one that a thread blocks on and never for a
/// task, and on the blocking pool otherwise. There it runs to its end even if nobody waits for it
/// any more.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    if try_id().is_none() {
        Ok(work())
    } else {
        spawn_blocking(work).await
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use tokio::runtime::Handle;
    use tokio_util::task::TaskTracker;

    use super::*;

    async fn worker() -> thread::ThreadId {
        blocking(|| thread::current().id()).await.unwrap()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn a_task_leaves_the_work_to_another_thread() {
        let task = async { (thread::current().id(), worker().await) };
        let (own, other) = TaskTracker::new().spawn(task).await.unwrap();
        assert_ne!(own, other);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn a_thread_that_has_nothing_else_to_do_does_it_itself() {
        let runtime = Handle::current();
        let thread = thread::spawn(move || (thread::current().id(), runtime.block_on(worker())));
        let (own, same) = thread.join().unwrap();
        assert_eq!(own, same);
    }
}
