//! What every write carries: who asked, and a condition on what exists.
//!
//! Adapters hand the state a transaction sees to the guard inside that very
//! transaction; guards are pure, so they may run again when a transaction is
//! retried. Nothing here reads a clock or a store.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use oci_types::Digest;

/// Who makes a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// Nobody in particular: the request carried no credentials.
    Anonymous,
    /// The registry itself, in a background job.
    System,
}

/// The circumstances of one write; the first argument of every write port.
#[derive(Debug, Clone)]
pub struct Change {
    /// Who asked for it.
    pub actor: Actor,
    /// The id of the request that caused it, as in the access log.
    pub request_id: Arc<str>,
    /// Where the request came from; `None` for background jobs.
    pub origin: Option<IpAddr>,
    /// Decide and report as usual, then roll back.
    pub dry_run: bool,
}

/// Why a guard refused a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// `If-Match` or `If-None-Match` does not hold (RFC 9110, section 13.1).
    PreconditionFailed {
        /// What the reference names at this moment, if anything.
        current: Option<Digest>,
    },
}

/// A condition on the state `S` that a transaction sees, checked inside it.
#[derive(Clone)]
pub struct Guard<S>(Option<Arc<Check<S>>>);

type Check<S> = dyn Fn(&S) -> Result<(), Refusal> + Send + Sync;

impl<S> Guard<S> {
    /// Lets everything pass.
    pub const fn open() -> Self {
        Self(None)
    }

    /// Lets pass what `check` accepts.
    pub fn new(check: impl Fn(&S) -> Result<(), Refusal> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(check)))
    }

    /// Whether everything passes, so that an engine need not look first.
    pub const fn is_open(&self) -> bool {
        self.0.is_none()
    }

    /// Judges the state found inside the transaction.
    pub fn check(&self, state: &S) -> Result<(), Refusal> {
        self.0.as_ref().map_or(Ok(()), |check| check(state))
    }
}

impl<S> fmt::Debug for Guard<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_some() {
            "Guard(check)"
        } else {
            "Guard(open)"
        })
    }
}
