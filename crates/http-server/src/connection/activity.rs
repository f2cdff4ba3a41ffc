//! What a connection is doing, as far as its time-outs are concerned. The stream and the requests
//! note what happens; the driver asks how long that may go on. Noting touches a few atomics and
//! never a timer.

use std::{
    sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    time::Duration,
};

use tokio::time::Instant;

/// What a connection is doing, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Requests are being answered and bytes move, or the server is at work.
    Busy,
    /// A response waits for the client to take bytes.
    Stalled(Instant),
    /// A request's head is on its way.
    Head(Instant),
    /// Nothing is expected but the next request.
    Idle(Instant),
}

/// Notes about one connection. Times are milliseconds after `opened`; 0 means "not now".
/// `unanswered` are the bytes that came in since a request began or ended, less those that went out.
#[derive(Debug)]
pub(crate) struct Activity {
    opened: Instant,
    in_flight: AtomicU32,
    last_progress: AtomicU64,
    unanswered: AtomicU64,
    head_since: AtomicU64,
    stalled_since: AtomicU64,
    unread: AtomicBool,
}

/// The bytes of a few frames that answer nothing and carry nothing of a response: settings,
/// updates of windows.
const UPKEEP: u64 = 64;

/// A request's body is large from so many bytes on: most requests have ended before.
const LARGE_BODY: u64 = 256 * 1024;

impl Activity {
    /// A connection that has just been accepted: its first head counts from now.
    pub(super) fn new(opened: Instant) -> Self {
        Self {
            opened,
            in_flight: AtomicU32::new(0),
            last_progress: AtomicU64::new(1),
            unanswered: AtomicU64::new(0),
            head_since: AtomicU64::new(1),
            stalled_since: AtomicU64::new(0),
            unread: AtomicBool::new(false),
        }
    }

    pub(super) fn phase(&self) -> Phase {
        let stalled = self.stalled_since.load(Ordering::Relaxed);
        if stalled != 0 {
            return Phase::Stalled(self.instant(stalled));
        }
        if self.in_flight.load(Ordering::Relaxed) != 0 {
            return Phase::Busy;
        }
        match self.head_since.load(Ordering::Relaxed) {
            0 => Phase::Idle(self.instant(self.last_progress.load(Ordering::Relaxed))),
            since => Phase::Head(self.instant(since)),
        }
    }

    /// So many bytes came in. With no request in flight they are the beginning of one.
    pub(super) fn bytes_read(&self, count: usize) {
        self.unanswered.fetch_add(count as u64, Ordering::Relaxed);
        if self.in_flight.load(Ordering::Relaxed) == 0
            && self.head_since.load(Ordering::Relaxed) == 0
        {
            self.head_since.store(self.now(), Ordering::Relaxed);
        }
    }

    /// So many bytes went out. That is progress where they had to wait, or are more than came in and
    /// the frames by which HTTP/2 keeps itself going: a client that does no more than ping is idle.
    pub(super) fn bytes_written(&self, count: usize) {
        let (count, unanswered) = (count as u64, self.unanswered.load(Ordering::Relaxed));
        let beyond = count.saturating_sub(unanswered);
        self.unanswered
            .store(unanswered.saturating_sub(count), Ordering::Relaxed);
        if self.is_write_blocked() || beyond > UPKEEP {
            self.last_progress.store(self.now(), Ordering::Relaxed);
            self.stalled_since.store(0, Ordering::Relaxed);
        }
    }

    /// Bytes could not go out.
    pub(super) fn write_blocked(&self) {
        if !self.is_write_blocked() {
            self.stalled_since.store(self.now(), Ordering::Relaxed);
        }
    }

    /// Whether bytes wait for room in the socket.
    pub(super) fn is_write_blocked(&self) -> bool {
        self.stalled_since.load(Ordering::Relaxed) != 0
    }

    /// A head is complete and its request begins.
    pub(super) fn request_began(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.unanswered.store(0, Ordering::Relaxed);
        self.head_since.store(0, Ordering::Relaxed);
    }

    /// Whether the request in flight has turned out to bring a large body.
    pub(super) fn takes_large_body(&self) -> bool {
        self.unanswered.load(Ordering::Relaxed) >= LARGE_BODY
            && self.in_flight.load(Ordering::Relaxed) != 0
    }

    /// A response is complete, or there will be none.
    pub(crate) fn request_ended(&self) {
        self.last_progress.store(self.now(), Ordering::Relaxed);
        self.unanswered.store(0, Ordering::Relaxed);
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// What came in was no head: on HTTP/2 pings and window updates come at any time.
    pub(super) fn no_head(&self) {
        self.head_since.store(0, Ordering::Relaxed);
    }

    /// A response was given before the request's body was read to its end.
    pub(crate) fn left_body_unread(&self) {
        self.unread.store(true, Ordering::Relaxed);
    }

    /// Whether the client may still be sending something nobody will read.
    pub(super) fn is_body_unread(&self) -> bool {
        self.unread.load(Ordering::Relaxed)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).map_or(u64::MAX, |now| now + 1)
    }

    fn instant(&self, milliseconds: u64) -> Instant {
        self.opened + Duration::from_millis(milliseconds - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn phases_follow_what_happens() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let activity = Activity::new(start);
        assert_eq!(activity.phase(), Phase::Head(start));

        tokio::time::advance(second).await;
        activity.bytes_read(1);
        assert_eq!(
            activity.phase(),
            Phase::Head(start),
            "the first head counts from the start"
        );

        activity.request_began();
        activity.bytes_read(1);
        assert_eq!(activity.phase(), Phase::Busy);

        activity.write_blocked();
        tokio::time::advance(second).await;
        activity.write_blocked();
        assert_eq!(activity.phase(), Phase::Stalled(start + second));
        activity.bytes_written(0);
        assert_eq!(activity.phase(), Phase::Busy);

        activity.request_ended();
        assert_eq!(activity.phase(), Phase::Idle(start + 2 * second));
        tokio::time::advance(second).await;
        activity.bytes_read(1);
        tokio::time::advance(second).await;
        activity.bytes_read(1);
        assert_eq!(activity.phase(), Phase::Head(start + 3 * second));
        let upkeep = usize::try_from(UPKEEP).unwrap();
        activity.bytes_read(998);
        activity.no_head();
        activity.bytes_written(1000 + upkeep);
        assert_eq!(activity.phase(), Phase::Idle(start + 2 * second));
        activity.bytes_written(1 + upkeep);
        assert_eq!(activity.phase(), Phase::Idle(start + 4 * second));
    }
}
