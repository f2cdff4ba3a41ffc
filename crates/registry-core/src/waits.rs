//! How long a request waits for its stores, which tells a slow disk from a slow client.
//!
//! A request's work is done under [`measure`]; the stores say with [`for_database`] and
//! [`for_storage`] what of it is waiting, wherever it happens, so that no call has to pass the sums
//! on. Calls count whole. What is done on a task of its own does not count, but the wait for it may.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

tokio::task_local! {
    static SUMS: Arc<Sums>;
}

/// Nanoseconds.
#[derive(Debug, Default)]
struct Sums {
    database: AtomicU64,
    storage: AtomicU64,
}

/// What a request waited altogether.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waits {
    /// For statements in the metadata database, the time in its queues included.
    pub database: Duration,
    /// For the blob store.
    pub storage: Duration,
}

/// Does the work of a request, and tells what it waited for.
pub async fn measure<F: Future>(work: F) -> (F::Output, Waits) {
    let sums = Arc::<Sums>::default();
    let output = SUMS.scope(Arc::clone(&sums), work).await;
    let total = |sum: &AtomicU64| Duration::from_nanos(sum.load(Ordering::Relaxed));
    let waits = Waits {
        database: total(&sums.database),
        storage: total(&sums.storage),
    };
    (output, waits)
}

/// Waits for the metadata database.
pub async fn for_database<F: Future>(answer: F) -> F::Output {
    count(answer, |sums| &sums.database).await
}

/// Waits for the blob store.
pub async fn for_storage<F: Future>(answer: F) -> F::Output {
    count(answer, |sums| &sums.storage).await
}

/// Outside of a request nothing is counted.
async fn count<F: Future>(answer: F, sum: fn(&Sums) -> &AtomicU64) -> F::Output {
    let began = Instant::now();
    let output = answer.await;
    let waited = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let _outside_of_a_request = SUMS.try_with(|sums| {
        sum(sums).fetch_add(waited, Ordering::Relaxed);
    });
    output
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;
    use tokio_util::task::TaskTracker;

    use super::*;

    const LONG: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn each_wait_counts_for_its_store() {
        let ((), waits) = measure(async {
            for_database(sleep(LONG)).await;
            for_database(sleep(LONG)).await;
            for_storage(sleep(LONG)).await;
        })
        .await;
        assert!(waits.database >= 2 * LONG, "{waits:?}");
        assert!(waits.storage >= LONG, "{waits:?}");
    }

    #[tokio::test]
    async fn what_is_no_waiting_does_not_count() {
        let ((), waits) = measure(sleep(LONG)).await;
        assert_eq!(waits, Waits::default());
    }

    #[tokio::test]
    async fn another_task_does_not_count() {
        let tasks = TaskTracker::new();
        let ((), waits) = measure(async {
            tasks.spawn(for_database(sleep(LONG))).await.unwrap();
        })
        .await;
        assert_eq!(waits, Waits::default());
    }

    #[tokio::test]
    async fn requests_do_not_share() {
        let request = |long| measure(async move { for_storage(sleep(long)).await });
        let (((), long), ((), none)) = tokio::join!(request(LONG), request(Duration::ZERO));
        assert!(long.storage >= LONG, "{long:?}");
        assert!(none.storage < long.storage, "{none:?}");
    }
}
