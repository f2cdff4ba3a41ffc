//! The upload port: sessions, fenced by a lease.
//!
//! # The protocol
//!
//! ```text
//! open --acquire--> leased --checkpoint, release--> open
//!   \--acquire for finalize--> finalizing --finalize--> done (kept 1 h for repeated PUTs)
//! open, leased --cancel, expiry--> gone (its object gets a tombstone)
//! ```
//!
//! Each acquire raises the fence; every later step names the fence it holds and
//! changes nothing if another took the session meanwhile. `committed` and the
//! hash state advance in the same statement and only for bytes that are durable.
//! The commit point of a push is [`UploadStore::finalize_upload`]; before it the
//! blob is invisible, so a crash leaves a session that a client resumes, a
//! retried PUT completes, or the reaper removes.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use blob_hash::HashState;
use oci_types::{Algorithm, Digest, RepositoryName};
use uuid::Uuid;

use super::{ExistingBlob, MetadataError, Part, Published, Stored, UploadObject};
use crate::change::{Change, Guard, Refusal};

/// Identifies an upload session; random, so that it cannot be guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UploadId(pub Uuid);

impl fmt::Display for UploadId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(formatter)
    }
}

impl FromStr for UploadId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::try_parse(text).map(Self)
    }
}

/// How long things last; handed to a metadata engine when it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// A lease that is not renewed is free again after this long.
    pub upload_lease: Duration,
    /// A session nobody touches is abandoned after this long.
    pub upload_idle: Duration,
    /// A finished session answers repeated PUTs for this long.
    pub upload_done: Duration,
    /// A blob no manifest names stays linked for this long.
    pub blob_link: Duration,
    /// A look-up promises that the link lives at least this long.
    pub blob_link_promise: Duration,
    /// A tombstone waits this long, so that late writers and readers are gone.
    pub tombstone_delay: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        const HOUR: Duration = Duration::from_hours(1);
        Self {
            upload_lease: Duration::from_secs(10),
            upload_idle: 24 * HOUR,
            upload_done: HOUR,
            blob_link: 7 * 24 * HOUR,
            blob_link_promise: 2 * HOUR,
            tombstone_delay: HOUR,
        }
    }
}

/// In which state a session begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UploadStart {
    /// Free for the client's next request.
    Open,
    /// Leased with fence 1 to the request that opens it.
    Leased,
    /// Leased with fence 1 and claimed for this digest: the bytes are at hand already.
    Finalizing {
        /// What will be published.
        digest: Digest,
        /// Its length in bytes.
        size: u64,
    },
}

/// A session to open; creates the repository if absent.
#[derive(Debug, Clone)]
pub struct NewUpload {
    /// Its id.
    pub id: UploadId,
    /// Where the blob will go.
    pub repository: RepositoryName,
    /// What the bytes are hashed with as they come.
    pub algorithm: Algorithm,
    /// The session as the blob store knows it; unique, never used again.
    pub object: Uuid,
    /// Whether this request goes on to write.
    pub start: UploadStart,
}

/// The right to act on a session until another takes it over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Which session.
    pub id: UploadId,
    /// Which holder.
    pub fence: u64,
}

/// What an acquired session is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadPurpose {
    /// To write; with an offset only if the session stands exactly there.
    Write {
        /// Where the client believes the session stands.
        expected: Option<u64>,
    },
    /// To publish a blob whose bytes are all at hand, in a session that holds none: acquire and
    /// claim in one step.
    Whole {
        /// What will be published.
        digest: Digest,
        /// Its length in bytes.
        size: u64,
    },
    /// To publish what the session holds: acquire and claim in one step. Whether it is what
    /// `digest` names is for the holder to see.
    Finish {
        /// What will be published.
        digest: Digest,
    },
}

/// A session held by a lease.
#[derive(Debug, Clone)]
pub struct LeasedUpload {
    /// The lease.
    pub lease: Lease,
    /// What it holds, for the blob store; the key has the fence of the lease.
    pub object: UploadObject,
    /// All parts recorded for it, in order, if it was acquired to finish; else none are read.
    pub parts: Vec<Part>,
    /// What the bytes are hashed with.
    pub algorithm: Algorithm,
    /// The hash state at the object's committed bytes; `None` before the first checkpoint.
    pub hash_state: Option<HashState>,
}

/// Outcome of [`UploadStore::acquire_upload`].
#[derive(Debug, Clone)]
pub enum Acquisition {
    /// The session is ours.
    Leased(LeasedUpload),
    /// The session stands elsewhere than expected; nothing changed.
    Elsewhere {
        /// Where it stands.
        committed: u64,
    },
    /// Another request holds it.
    Busy,
    /// It is finished, as this digest.
    Done {
        /// What was published.
        digest: Digest,
    },
    /// No such session in this repository.
    Absent,
}

/// Where a session stands.
#[derive(Debug, Clone)]
pub struct UploadProgress {
    /// Durable, acknowledged bytes.
    pub committed: u64,
    /// What the bytes are hashed with.
    pub algorithm: Algorithm,
    /// The hash state at `committed`.
    pub hash_state: Option<HashState>,
    /// Open for more, or on its way out.
    pub state: UploadState,
}

/// What may still happen to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadState {
    /// More bytes may come.
    Open,
    /// Claimed for a digest; a repeated PUT of the same digest completes it.
    Finalizing {
        /// What is being published.
        digest: Digest,
        /// Its length in bytes.
        size: u64,
    },
    /// Published.
    Done {
        /// What was published.
        digest: Digest,
    },
}

/// Durable progress to record.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// Bytes durable in the blob store.
    pub committed: u64,
    /// The hash state at exactly that offset.
    pub hash_state: HashState,
    /// What the blob store wants to be remembered with it.
    pub stored: Stored,
    /// What becomes of the lease.
    pub lease: LeaseAfter,
}

/// A whole blob whose publication is to begin.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Digest of the bytes.
    pub digest: Digest,
    /// Their number; all of them are durable.
    pub size: u64,
    /// The hash state at their end, for whoever repeats a publication that failed.
    pub hash_state: HashState,
    /// What the blob store wants to be remembered of them.
    pub stored: Stored,
}

/// Outcome of [`UploadStore::claim_upload`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// The step took effect. These are all parts recorded for the object, in order.
    Held(Vec<Part>),
    /// Another holder, a cancel or an expiry came between; nothing changed.
    Lost,
}

/// What becomes of a lease after a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseAfter {
    /// Renewed: more bytes follow.
    Keep,
    /// Given up: the request is over.
    Release,
}

/// Whether a step found its lease still in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseHold {
    /// The step took effect.
    Held,
    /// Another holder, a cancel or an expiry came between; nothing changed.
    Lost,
}

/// A published object to be made visible.
#[derive(Debug, Clone)]
pub struct FinishedUpload {
    /// The lease, claimed for `digest`.
    pub lease: Lease,
    /// Digest of the bytes.
    pub digest: Digest,
    /// Their number.
    pub size: u64,
    /// Where they lie.
    pub published: Published,
}

/// Outcome of [`UploadStore::finalize_upload`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finalization {
    /// The repository holds the blob now; the bytes are this session's.
    Published,
    /// The repository holds the blob now; the bytes were known, this session's got a tombstone.
    Deduplicated,
    /// Another holder took over; nothing changed.
    Lost,
    /// Nothing changed: the guard said no.
    Refused(Refusal),
}

/// Upload sessions.
///
/// Who opens, takes, finalizes or cancels a session brings a [`Change`]: that is where who asks and
/// why is decided on and put on record. The steps in between name the lease that such a change
/// was given instead, and expiry is nobody's wish but time's.
#[async_trait]
pub trait UploadStore: Send + Sync + fmt::Debug {
    /// Opens a session. The row exists before any byte is stored, so that no object is an orphan; an
    /// engine may leave it to the first checkpoint to make the row survive a power cut.
    async fn create_upload(&self, change: &Change, upload: NewUpload) -> Result<(), MetadataError>;

    /// Where a session stands; `None` when there is none of this id in this repository.
    async fn find_upload(
        &self,
        repository: &RepositoryName,
        id: UploadId,
    ) -> Result<Option<UploadProgress>, MetadataError>;

    /// Takes a free session, or one whose lease ran out, and raises its fence. To publish also a
    /// session that is finalizing for the same digest and whose holder is gone.
    async fn acquire_upload(
        &self,
        change: &Change,
        repository: &RepositoryName,
        id: UploadId,
        purpose: UploadPurpose,
    ) -> Result<Acquisition, MetadataError>;

    /// Records durable progress and renews or releases the lease, in one statement.
    async fn checkpoint_upload(
        &self,
        lease: Lease,
        checkpoint: Checkpoint,
    ) -> Result<LeaseHold, MetadataError>;

    /// Extends the lease and the session's life without recording progress.
    async fn renew_upload(&self, lease: Lease) -> Result<LeaseHold, MetadataError>;

    /// Gives the lease up, recording nothing.
    async fn release_upload(&self, lease: Lease) -> Result<LeaseHold, MetadataError>;

    /// Claims the leased session for a digest; from here on only this digest can be published from
    /// it. All its bytes are durable and hence committed.
    async fn claim_upload(&self, lease: Lease, claim: Claim) -> Result<Claimed, MetadataError>;

    /// The commit point, for a session that is claimed for the digest, or not at all because
    /// publishing took no step. One transaction: session done, blob row unless known, namespace charged
    /// once, repository link with a lease, waiting references filled in, a tombstone for whatever
    /// the session has in the blob store and was not needed.
    async fn finalize_upload(
        &self,
        change: &Change,
        guard: Guard<ExistingBlob>,
        upload: FinishedUpload,
    ) -> Result<Finalization, MetadataError>;

    /// Ends a session and tombstones its key; whoever holds its lease is fenced out.
    /// `false` when there is none that could be ended.
    async fn cancel_upload(
        &self,
        change: &Change,
        repository: &RepositoryName,
        id: UploadId,
    ) -> Result<bool, MetadataError>;

    /// Ends up to `limit` sessions nobody touched for their lifetime, as cancel does, and forgets
    /// finished ones. Returns how many ended or were forgotten.
    async fn expire_uploads(&self, limit: u32) -> Result<u64, MetadataError>;

    /// Which of these sessions, as the blob store knows them, have a row that is not done: what they
    /// began may still be finished.
    async fn live_objects(&self, objects: &[Uuid]) -> Result<Vec<Uuid>, MetadataError>;
}
