//! Long work, done where its bytes are.
//!
//! Handing a batch to another thread moves it between the caches of two cores, and back when its memory is used again,
//! which costs about as much as hashing it.

use tokio::runtime::{Handle, RuntimeFlavor};

/// Does work that takes long, or that waits for a disk, on the thread that asks for it, and holds nobody up: a thread of
/// the runtime leaves its other tasks to another thread first, and a thread that has only this to do just does it.
///
/// A runtime that consists of one thread, as in tests, has nobody to leave its tasks to.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that knows when it may be called"
)]
pub fn in_place<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use tokio_util::task::TaskTracker;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn other_tasks_of_the_thread_go_on() {
        let tasks = TaskTracker::new();
        let (sender, receiver) = mpsc::channel();
        let working = tasks.spawn(async move {
            let other = TaskTracker::new().spawn(async move { sender.send(()) });
            let heard = in_place(|| receiver.recv_timeout(Duration::from_secs(10)));
            other.await.unwrap().unwrap();
            heard
        });
        assert_eq!(working.await.unwrap(), Ok(()));
    }

    #[tokio::test]
    async fn one_thread_does_it_at_once() {
        assert_eq!(in_place(|| 7), 7);
    }

    #[test]
    fn no_runtime_is_needed() {
        assert_eq!(in_place(|| 7), 7);
    }
}
