//! A budget for the parts that all uploads of a store hold in memory.
//!
//! Room for a whole part is taken before its first byte, and given back when the part is stored: who
//! has room can finish, so those who wait for it, without a limit and in their turn, will get some.

use std::sync::Arc;

use prometheus::{IntGauge, Registry};
use registry_core::ports::BlobStoreError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::failed;

/// What one permit stands for, in bytes.
const UNIT: u64 = 1024;
/// How many parts of one upload there are at a time: one that is filled, and those on their way.
const PARTS_OF_AN_UPLOAD: usize = 1 + 4;

/// The budget.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    permits: Arc<Semaphore>,
    all: u32,
    taken: IntGauge,
}

/// Room for some bytes; given back when dropped.
#[derive(Debug)]
pub(super) struct Room {
    permit: OwnedSemaphorePermit,
    taken: IntGauge,
    bytes: u64,
}

/// Room for a part of an upload.
#[derive(Debug)]
pub(super) struct PartRoom {
    room: Room,
    _part: OwnedSemaphorePermit,
}

impl Budget {
    pub(super) fn new(bytes: u64, metrics: &Registry) -> prometheus::Result<Self> {
        let taken = IntGauge::new(
            "registry_s3_buffer_bytes",
            "Memory that uploads have reserved for parts on their way to S3.",
        )?;
        let limit = IntGauge::new(
            "registry_s3_buffer_limit_bytes",
            "What uploads may reserve at most.",
        )?;
        let all = permits(bytes).max(1);
        limit.set(gauged(u64::from(all) * UNIT));
        metrics.register(Box::new(taken.clone()))?;
        metrics.register(Box::new(limit))?;
        Ok(Self {
            permits: Arc::new(Semaphore::new(all as usize)),
            all,
            taken,
        })
    }

    /// Waits for room. What is larger than the whole budget takes all of it.
    pub(super) async fn reserve(&self, bytes: u64) -> Result<Room, BlobStoreError> {
        let wanted = permits(bytes).min(self.all);
        let permit = Arc::clone(&self.permits).acquire_many_owned(wanted).await;
        let permit = permit.map_err(failed)?;
        let taken = self.taken.clone();
        taken.add(gauged(u64::from(wanted) * UNIT));
        Ok(Room {
            permit,
            taken,
            bytes,
        })
    }
}

/// The parts of one upload that are in memory at a time.
#[derive(Debug)]
pub(super) struct UploadBudget {
    budget: Budget,
    parts: Arc<Semaphore>,
}

impl UploadBudget {
    pub(super) fn new(budget: Budget) -> Self {
        Self {
            budget,
            parts: Arc::new(Semaphore::new(PARTS_OF_AN_UPLOAD)),
        }
    }

    /// Waits until few enough parts are on their way, and for room.
    pub(super) async fn reserve(&self, bytes: u64) -> Result<PartRoom, BlobStoreError> {
        let part = Arc::clone(&self.parts).acquire_owned().await;
        Ok(PartRoom {
            _part: part.map_err(failed)?,
            room: self.budget.reserve(bytes).await?,
        })
    }
}

impl PartRoom {
    /// How many bytes were asked for.
    pub(super) const fn bytes(&self) -> u64 {
        self.room.bytes
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let bytes = self.permit.num_permits() as u64 * UNIT;
        self.taken.sub(gauged(bytes));
    }
}

fn permits(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX >> 4)
}

fn gauged(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn budget(units: u64) -> Budget {
        Budget::new(units * UNIT, &Registry::new()).unwrap()
    }

    #[tokio::test]
    async fn who_finds_no_room_waits_for_it() {
        let budget = budget(10);
        let first = budget.reserve(6 * UNIT).await.unwrap();
        let mut second = Box::pin(budget.reserve(5 * UNIT));
        assert!(second.as_mut().now_or_never().is_none());
        assert_eq!(budget.taken.get(), 6 * 1024);
        drop(first);
        let second = second.await.unwrap();
        assert_eq!(budget.taken.get(), 5 * 1024);
        drop(second);
        assert_eq!(budget.taken.get(), 0);
    }

    #[tokio::test]
    async fn what_is_too_large_takes_all() {
        let budget = budget(2);
        let _all = budget.reserve(100 * UNIT).await.unwrap();
        assert!(budget.reserve(1).now_or_never().is_none());
    }

    #[tokio::test]
    async fn an_upload_has_few_parts_in_memory() {
        let budget = budget(100);
        let upload = UploadBudget::new(budget.clone());
        let mut rooms = Vec::new();
        for _ in 0..PARTS_OF_AN_UPLOAD {
            rooms.push(upload.reserve(UNIT).await.unwrap());
        }
        assert!(upload.reserve(UNIT).now_or_never().is_none());
        budget.reserve(UNIT).await.unwrap();
        rooms.pop();
        upload.reserve(UNIT).await.unwrap();
    }
}
