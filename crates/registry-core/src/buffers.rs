//! A budget for request bodies held in memory, so that what clients send at once is bounded by
//! configuration, whatever their number.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::error::RegistryError;

/// The budget unless [`crate::Registry::with_buffers`] says otherwise, in bytes.
pub const DEFAULT_BUFFERS: u64 = 128 * 1024 * 1024;

/// What one permit stands for, in bytes.
const UNIT: u64 = 4096;
/// How long a request waits for others to make room.
const PATIENCE: Duration = Duration::from_secs(5);

/// The budget.
#[derive(Clone)]
pub(crate) struct Buffers {
    permits: Arc<Semaphore>,
    all: u32,
}

impl fmt::Debug for Buffers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "Buffers({} of {})",
            self.permits.available_permits(),
            self.all
        )
    }
}

/// Room for some bytes; given back when dropped.
#[derive(Debug)]
pub struct Room(#[expect(dead_code, reason = "held for its drop")] OwnedSemaphorePermit);

impl Buffers {
    pub(crate) fn new(bytes: u64) -> Self {
        let all = permits(bytes).max(1);
        Self {
            permits: Arc::new(Semaphore::new(all as usize)),
            all,
        }
    }

    /// Waits a little for room. What is larger than the whole budget takes all of it.
    pub(crate) async fn reserve(&self, bytes: u64) -> Result<Room, RegistryError> {
        let wanted = permits(bytes).min(self.all);
        let permit = Arc::clone(&self.permits).acquire_many_owned(wanted);
        match timeout(PATIENCE, permit).await {
            Ok(Ok(permit)) => Ok(Room(permit)),
            Ok(Err(_)) | Err(_) => Err(RegistryError::Overloaded),
        }
    }
}

fn permits(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX >> 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_finds_no_room_waits_and_is_turned_away() {
        let buffers = Buffers::new(10 * UNIT);
        let first = buffers.reserve(6 * UNIT).await.unwrap();
        let second = buffers.reserve(4 * UNIT).await.unwrap();
        assert!(matches!(
            buffers.reserve(1).await,
            Err(RegistryError::Overloaded)
        ));
        drop(first);
        let _third = buffers.reserve(1).await.unwrap();
        drop(second);
    }

    #[tokio::test]
    async fn a_budget_smaller_than_a_request_still_serves_it_alone() {
        let buffers = Buffers::new(1);
        let _all = buffers.reserve(100 * UNIT).await.unwrap();
    }
}
