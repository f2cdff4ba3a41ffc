//! One request and its answer, from the first byte of the head to the last of the response:
//! what is counted on the way, and what is reported when it is over. Reporting happens exactly
//! once, when the [`Exchange`]'s observation is dropped, whichever way it ended.

mod access_line;
mod observation;
mod record;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

pub(crate) use access_line::log_unreadable;
pub use access_line::{ACCESS_LOG_TARGET, access_log_enabled};
pub(crate) use observation::{Observation, ObservedBody};
pub use record::AccessRecord;

/// What the request's body and the observation of the exchange share.
#[derive(Debug, Default)]
pub(crate) struct Exchange {
    bytes_in: AtomicU64,
    body_was_read: AtomicBool,
}

impl Exchange {
    /// Bytes of the request's body reached the application.
    pub(crate) fn count_request_bytes(&self, bytes: u64) {
        self.bytes_in.fetch_add(bytes, Ordering::Relaxed);
    }

    /// The application has read the request's body to its end.
    pub(crate) fn request_body_was_read(&self) {
        self.body_was_read.store(true, Ordering::Relaxed);
    }

    fn bytes_in(&self) -> u64 {
        self.bytes_in.load(Ordering::Relaxed)
    }

    fn is_body_read(&self) -> bool {
        self.body_was_read.load(Ordering::Relaxed)
    }
}

/// How an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// The whole response was handed to the connection.
    Complete,
    /// The client left, the body failed, or the server shut down before that.
    Interrupted,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Interrupted => "interrupted",
        }
    }
}
