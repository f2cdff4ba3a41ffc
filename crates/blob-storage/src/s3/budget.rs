//! A budget for the parts that all uploads of a store hold in memory.
//!
//! Room for a whole part is taken before its first byte, and given back when the part is stored: who
//! has room can finish, so those who wait for it, without a limit and in their turn, will get some. A
//! client that is slow holds its room for as long as its part takes; letting others begin beside it
//! would leave all of them with parts that none can finish.
//!
//! A quarter is for publishing alone, which goes at the pace of S3 and never waits behind clients.

use std::sync::Arc;

use prometheus::{IntGauge, Registry};
use registry_core::ports::BlobStoreError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::failed;

/// What one permit stands for, in bytes.
const UNIT: u64 = 1024;
/// How many parts of one upload there are at a time: one that is filled, and those on their way.
const PARTS_OF_AN_UPLOAD: usize = 1 + 4;

/// What publishing has for itself, as a part of all.
const PUBLISHING: u64 = 4;

/// The budget.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    parts: Pool,
    publishing: Pool,
}

/// Bytes that are shared.
#[derive(Debug, Clone)]
struct Pool {
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
        limit.set(gauged(bytes));
        metrics.register(Box::new(taken.clone()))?;
        metrics.register(Box::new(limit))?;
        Ok(Self {
            parts: Pool::new(for_parts(bytes), taken.clone()),
            publishing: Pool::new(bytes - for_parts(bytes), taken),
        })
    }

    /// Waits for room to publish that many bytes: behind others who publish, and not behind clients unless
    /// it is more than all that is kept for this.
    pub(super) async fn publish(&self, bytes: u64) -> Result<Room, BlobStoreError> {
        let pool = if permits(bytes) > self.publishing.all {
            &self.parts
        } else {
            &self.publishing
        };
        pool.reserve(bytes).await
    }
}

/// How many bytes of a budget parts have, without what is kept for publishing.
pub(super) const fn for_parts(bytes: u64) -> u64 {
    bytes - bytes / PUBLISHING
}

impl Pool {
    fn new(bytes: u64, taken: IntGauge) -> Self {
        let all = permits(bytes).max(1);
        Self {
            permits: Arc::new(Semaphore::new(all as usize)),
            all,
            taken,
        }
    }

    /// Waits for room. What is larger than the whole pool takes all of it.
    async fn reserve(&self, bytes: u64) -> Result<Room, BlobStoreError> {
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
            room: self.budget.parts.reserve(bytes).await?,
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

    /// Of which three quarters are for parts.
    fn budget(units: u64) -> Budget {
        Budget::new(units * UNIT, &Registry::new()).unwrap()
    }

    fn taken(budget: &Budget) -> i64 {
        budget.parts.taken.get() / 1024
    }

    #[tokio::test]
    async fn who_finds_no_room_waits_for_it() {
        let budget = budget(16);
        let first = budget.parts.reserve(8 * UNIT).await.unwrap();
        let mut second = Box::pin(budget.parts.reserve(5 * UNIT));
        assert!(second.as_mut().now_or_never().is_none());
        assert_eq!(taken(&budget), 8);
        drop(first);
        let second = second.await.unwrap();
        assert_eq!(taken(&budget), 5);
        drop(second);
        assert_eq!(taken(&budget), 0);
    }

    #[tokio::test]
    async fn what_is_too_large_takes_all() {
        let budget = budget(4);
        let _all = budget.parts.reserve(100 * UNIT).await.unwrap();
        assert!(budget.parts.reserve(1).now_or_never().is_none());
    }

    #[tokio::test]
    async fn publishing_waits_for_nobody_else() {
        let budget = budget(16);
        let clients = budget.parts.reserve(12 * UNIT).await.unwrap();
        let _published = budget.publish(4 * UNIT).now_or_never().unwrap().unwrap();
        assert!(budget.publish(1).now_or_never().is_none());
        // More than is kept for it: behind clients.
        assert!(budget.publish(5 * UNIT).now_or_never().is_none());
        drop(clients);
        budget.publish(5 * UNIT).now_or_never().unwrap().unwrap();
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
        UploadBudget::new(budget).reserve(UNIT).await.unwrap();
        rooms.pop();
        upload.reserve(UNIT).await.unwrap();
    }
}
