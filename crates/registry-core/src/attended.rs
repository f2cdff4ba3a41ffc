//! A write that its request waits for, and that does not need it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;
use tokio_util::task::{TaskTracker, task_tracker::TaskTrackerToken};

/// Work that is done where it is awaited, so that its bytes stay with one thread, and that goes on as a task of its own
/// if nobody awaits it any more.
pub(crate) struct Attended<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    /// Taken out while it is polled: what panicked must not be polled again.
    work: Option<Pin<Box<F>>>,
    tasks: TaskTracker,
    runtime: Handle,
    /// Until then it counts as one of `tasks`, too.
    _counted: TaskTrackerToken,
}

impl<F> Attended<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    /// To be called on a runtime. What is left of `work` becomes one of `tasks`.
    pub(crate) fn new(tasks: &TaskTracker, work: F) -> Self {
        Self {
            work: Some(Box::pin(work)),
            tasks: tasks.clone(),
            _counted: tasks.token(),
            runtime: Handle::current(),
        }
    }
}

impl<F> Future for Attended<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Some(mut work) = self.work.take() else {
            return Poll::Pending;
        };
        let polled = work.as_mut().poll(context);
        if polled.is_pending() {
            self.work = Some(work);
        }
        polled
    }
}

impl<F> Drop for Attended<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    fn drop(&mut self) {
        if let Some(work) = self.work.take() {
            self.tasks.spawn_on(work, &self.runtime);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn who_waits_gets_the_answer_and_leaves_no_task() {
        let tasks = TaskTracker::new();
        assert_eq!(Attended::new(&tasks, async { 7 }).await, 7);
        assert!(tasks.is_empty());
    }

    #[tokio::test]
    async fn it_ends_though_nobody_waits() {
        let tasks = TaskTracker::new();
        let (go, gone) = oneshot::channel::<()>();
        let (sender, receiver) = oneshot::channel();
        let mut attended = Box::pin(Attended::new(&tasks, async move {
            gone.await.unwrap();
            sender.send(7).unwrap();
        }));
        assert!(attended.as_mut().now_or_never().is_none());
        drop(attended);
        go.send(()).unwrap();
        assert_eq!(receiver.await, Ok(7));
        tasks.close();
        tasks.wait().await;
    }

    #[tokio::test]
    async fn what_panicked_is_not_tried_again() {
        let tasks = TaskTracker::new();
        let attended = Attended::new(&tasks, async { panic!("on purpose") });
        let panicked = std::panic::AssertUnwindSafe(attended).catch_unwind().await;
        assert!(panicked.is_err());
        assert!(tasks.is_empty());
    }
}
