//! A budget for the parts that all uploads of a store hold in memory.
//!
//! Room is taken in steps, as bytes come: a client that is slow, or sends little, holds about what it has
//! sent and not a part. A step is granted when all that is left of its part would fit. So there is no
//! deadlock: of all who hold room, the one to whom a step was granted last can finish its part with what
//! was free then. When it has, and has given all of it back, the one before it finds at least what was free
//! at its own last step, because whatever was taken since was taken by those who finished before it; and so
//! on. Who waits is waiting for a client or for S3, never in a circle, and holds nothing but bytes that
//! came.
//!
//! Those who begin a part take turns, so that none waits for ever; a turn ends after a while, so that
//! a large part that finds no room does not keep small ones from theirs. Who is in the middle of a part waits
//! for no turn.
//!
//! Some of it is for publishing alone, which goes at the pace of S3 and never waits behind clients.

use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::Duration;

use prometheus::{IntGauge, Registry};
use registry_core::ports::BlobStoreError;
use tokio::sync::{Mutex, Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::error::failed;

/// How much more room is taken at a time than there are bytes.
pub(super) const STEP: u64 = 256 * 1024;
/// How many parts of one upload there are at a time: one that is filled, and those on their way.
const PARTS_OF_AN_UPLOAD: usize = 1 + 4;
/// What publishing has for itself, as a part of all.
const PUBLISHING: u64 = 4;
/// How long who begins a part keeps others waiting who might find room.
const TURN: Duration = Duration::from_secs(1);

/// The budget.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    parts: Arc<Pool>,
    publishing: Arc<Pool>,
}

/// Bytes that are shared.
#[derive(Debug)]
struct Pool {
    free: Lock<u64>,
    freed: Notify,
    all: u64,
    turn: Mutex<()>,
    taken: IntGauge,
}

/// Room for some bytes; given back when dropped.
#[derive(Debug)]
pub(super) struct Room {
    pool: Arc<Pool>,
    /// For how many bytes.
    bytes: u64,
    /// How much is taken for them: less than that if the pool has less.
    taken: u64,
    /// For how many bytes it may be in the end.
    most: u64,
}

/// Room for a part of an upload.
#[derive(Debug)]
pub(super) struct PartRoom {
    room: Room,
    _part: OwnedSemaphorePermit,
}

/// How many bytes of a budget parts have, without what is kept for publishing.
pub(super) const fn for_parts(bytes: u64) -> u64 {
    bytes - bytes / PUBLISHING
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
        let pool = |bytes| Arc::new(Pool::new(bytes, taken.clone()));
        Ok(Self {
            parts: pool(for_parts(bytes)),
            publishing: pool(bytes - for_parts(bytes)),
        })
    }

    /// Waits for room to publish that many bytes: behind others who publish, and not behind clients unless
    /// it is more than all that is kept for this.
    pub(super) async fn publish(&self, bytes: u64) -> Room {
        let pool = if bytes > self.publishing.all {
            &self.parts
        } else {
            &self.publishing
        };
        pool.begin(bytes, bytes).await
    }
}

impl Pool {
    fn new(all: u64, taken: IntGauge) -> Self {
        Self {
            free: Lock::new(all),
            freed: Notify::new(),
            all,
            turn: Mutex::default(),
            taken,
        }
    }

    /// Waits for the first room of a part that may need `most`. A part that is larger than the whole pool
    /// takes all of it.
    async fn begin(self: &Arc<Self>, bytes: u64, most: u64) -> Room {
        let mut room = Room {
            pool: Arc::clone(self),
            taken: 0,
            bytes: 0,
            most,
        };
        loop {
            let _turn = self.turn.lock().await;
            if timeout(TURN, room.grow(bytes)).await.is_ok() {
                return room;
            }
        }
    }

    /// Waits until it can take some.
    async fn granted(&self, bytes: u64, needed: u64) {
        loop {
            // Asked for first, so that nothing is missed in between.
            let freed = self.freed.notified();
            if self.take(bytes, needed) {
                return;
            }
            freed.await;
        }
    }

    /// Takes some if there is as much as is needed in the end.
    fn take(&self, bytes: u64, needed: u64) -> bool {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let granted = *free >= needed;
        if granted {
            *free -= bytes;
            self.taken.add(gauged(bytes));
        }
        granted
    }

    fn give_back(&self, bytes: u64) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        *free += bytes;
        drop(free);
        self.taken.sub(gauged(bytes));
        self.freed.notify_waiters();
    }
}

impl Room {
    /// Waits until there is room for so many bytes. More than were said at the beginning get none.
    async fn grow(&mut self, bytes: u64) {
        let bytes = bytes.min(self.most);
        let (pool, taken) = (&self.pool, self.taken);
        let more = bytes.min(pool.all).saturating_sub(taken);
        let needed = self.most.min(pool.all).saturating_sub(taken);
        if more > 0 {
            pool.granted(more, needed).await;
        }
        self.taken += more;
        self.bytes = self.bytes.max(bytes);
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.pool.give_back(self.taken);
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

    /// Waits until few enough parts are on their way, and for the first room of one that will have `most`
    /// bytes at most.
    pub(super) async fn begin(&self, bytes: u64, most: u64) -> Result<PartRoom, BlobStoreError> {
        let part = Arc::clone(&self.parts).acquire_owned().await;
        Ok(PartRoom {
            _part: part.map_err(failed)?,
            room: self.budget.parts.begin(bytes, most).await,
        })
    }
}

impl PartRoom {
    /// How many bytes there is room for.
    pub(super) const fn bytes(&self) -> u64 {
        self.room.bytes
    }

    /// Waits until there is room for so many bytes.
    pub(super) async fn grow(&mut self, bytes: u64) {
        self.room.grow(bytes).await;
    }
}

fn gauged(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use futures_util::future::join_all;
    use tokio::time::{Instant, sleep};

    use super::*;

    const PART: u64 = 8;
    /// Of which 48 are for parts.
    const ALL: u64 = 64;

    fn budget() -> Budget {
        Budget::new(ALL, &Registry::new()).unwrap()
    }

    fn taken(budget: &Budget) -> i64 {
        budget.parts.taken.get()
    }

    async fn begin(budget: &Budget, bytes: u64) -> Room {
        budget.parts.begin(bytes, PART).await
    }

    #[tokio::test]
    async fn who_begins_a_part_holds_what_it_took_and_no_more() {
        let budget = budget();
        let mut room = begin(&budget, 1).await;
        assert_eq!((room.bytes, taken(&budget)), (1, 1));
        room.grow(5).await;
        room.grow(3).await;
        assert_eq!((room.bytes, taken(&budget)), (5, 5));
        room.grow(100).await;
        assert_eq!((room.bytes, taken(&budget)), (PART, 8));
        drop(room);
        assert_eq!(taken(&budget), 0);
    }

    #[tokio::test]
    async fn a_step_is_granted_only_if_the_whole_part_would_fit() {
        let budget = budget();
        let mut first = budget.parts.begin(40, 46).await;
        // 8 are free, of which `first` may need 6.
        let mut second = begin(&budget, 1).await;
        first.grow(41).await;
        // 6 are left, and this one needs 7.
        assert!(second.grow(2).now_or_never().is_none());
        assert!(begin(&budget, 1).now_or_never().is_none());
        first.grow(46).await;
        drop(first);
        second.grow(8).await;
    }

    #[tokio::test]
    async fn what_is_too_large_takes_all() {
        let budget = budget();
        let room = budget.parts.begin(100, 200).await;
        assert_eq!((room.bytes, taken(&budget)), (100, 48));
        assert!(begin(&budget, 1).now_or_never().is_none());
    }

    #[tokio::test]
    async fn publishing_waits_for_nobody_else() {
        let budget = budget();
        let _parts = budget.parts.begin(48, 48).await;
        let room = budget.publish(16).await;
        assert_eq!(taken(&budget), 64);
        assert!(budget.publish(1).now_or_never().is_none());
        drop(room);
        budget.publish(1).await;
        // More than there is for publishing is taken from where parts have theirs.
        assert!(budget.publish(17).now_or_never().is_none());
    }

    /// A client that sends a part byte by byte.
    async fn upload(budget: &Budget, pause: Duration) {
        let mut room = begin(budget, 1).await;
        for bytes in 2..=PART {
            sleep(pause).await;
            room.grow(bytes).await;
            assert!(taken(budget) <= 48);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn slow_clients_do_not_stop_a_fast_one() {
        let budget = budget();
        let slow = join_all((0..8).map(|_| upload(&budget, Duration::from_mins(10))));
        let fast = async {
            sleep(Duration::from_secs(1)).await;
            for _ in 0..100 {
                upload(&budget, Duration::from_millis(1)).await;
            }
            Instant::now()
        };
        let begun = Instant::now();
        let (_, done) = tokio::join!(slow, fast);
        assert!(done - begun < Duration::from_secs(3), "{:?}", done - begun);
        assert_eq!(taken(&budget), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn however_many_there_are_all_come_to_an_end() {
        let budget = budget();
        let pause = |number: u64| Duration::from_millis(1 + number * 37 % 1_000);
        let uploads = (0..500_u64).map(|number| upload(&budget, pause(number)));
        let uploads = timeout(Duration::from_hours(2), join_all(uploads));
        uploads.await.unwrap();
        assert_eq!(taken(&budget), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_part_keeps_nobody_waiting_for_long_and_has_its_turn() {
        let budget = budget();
        let hour = Duration::from_hours(1);
        let held = budget.parts.begin(30, 40).await;
        let mut large = Box::pin(budget.parts.begin(1, 40));
        assert!(large.as_mut().now_or_never().is_none());
        let begun = Instant::now();
        // While it waits others come, one after the other.
        let others = async {
            for _ in 0..100 {
                drop(begin(&budget, 1).await);
            }
            let waited = begun.elapsed();
            drop(held);
            waited
        };
        let (large, waited) = tokio::join!(timeout(hour, large), others);
        assert!(waited < TURN * 101, "{waited:?}");
        assert_eq!(large.unwrap().bytes, 1);
    }

    #[tokio::test]
    async fn an_upload_has_few_parts_in_memory() {
        let budget = budget();
        let upload = UploadBudget::new(budget.clone());
        let mut rooms = Vec::new();
        for _ in 0..PARTS_OF_AN_UPLOAD {
            rooms.push(upload.begin(1, 1).await.unwrap());
        }
        assert!(upload.begin(1, 1).now_or_never().is_none());
        begin(&budget, 1).await;
        rooms.pop();
        upload.begin(1, 1).await.unwrap();
    }
}
