//! The path of bytes into an upload session: read, hash, write, make durable.
//!
//! On a thread of its own an upload reads, hashes and writes one batch after the other, so that
//! no byte changes caches; on a runtime's thread two others hash and write beside each other.
//! Wherever the store can make what it has durable without cost ([`BlobWriter::flush_at`]) a flush
//! runs beside what follows and is recorded when it ends, so that a client who loses its
//! connection resumes near the end and the last flush has little to do. The lease is renewed
//! beside all that while the request lives.

use blob_hash::Hasher;
use bytes::Bytes;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::body::{BODY_BUFFERS, UploadBody};
use crate::blocking::blocking;
use crate::buffers::Room;
use crate::error::{BodyError, RegistryError};
use crate::ports::{BlobWriter, Checkpoint, Lease, LeaseAfter, LeaseHold, LeasedUpload, Stored};
use crate::registry::Registry;
use crate::waits;

/// How often a lease is renewed; about a third of its life.
const RENEWAL: std::time::Duration = std::time::Duration::from_secs(3);

/// Writes to a leased session.
pub(super) struct Pipeline {
    registry: Registry,
    lease: Lease,
    hasher: Hasher,
    writer: Box<dyn BlobWriter>,
    checkpoint: Option<JoinHandle<Result<LeaseHold, RegistryError>>>,
    limit: Option<u64>,
    end: Option<u64>,
    record: Record,
    lost: CancellationToken,
    _room: Room,
    renewal: DropGuard,
}

/// What becomes of bytes that were taken in before a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Record {
    /// They are recorded as they become durable: the client goes on from there.
    Progress,
    /// They count only together with the rest: the client sends all of them again.
    Nothing,
}

/// How a body came to its end.
pub(super) enum Intake {
    /// Whole.
    Complete,
    /// Early; what came before is written.
    Broken(BodyError),
}

impl Pipeline {
    /// `length` is that of the body where it is known, and `promised` as its range has it.
    pub(super) async fn open(
        registry: &Registry,
        upload: &LeasedUpload,
        length: Option<u64>,
        promised: Option<u64>,
        record: Record,
    ) -> Result<Self, RegistryError> {
        // First of all, so that no wait below can cost the lease.
        let (lost, renewal) = renew(registry, upload.lease);
        let room = registry.reserve(BODY_BUFFERS).await?;
        let hasher = match &upload.hash_state {
            Some(state) => Hasher::resume(state)?,
            None => Hasher::new(upload.algorithm),
        };
        let writer = registry
            .blobs
            .append(&upload.object, length.or(promised))
            .await?;
        Ok(Self {
            registry: registry.clone(),
            lease: upload.lease,
            hasher,
            writer,
            checkpoint: None,
            limit: registry.settings.max_blob_bytes,
            end: promised.map(|length| upload.object.committed.saturating_add(length)),
            record,
            lost,
            _room: room,
            renewal,
        })
    }

    /// How many bytes the session has, durable or not.
    pub(super) fn written(&self) -> u64 {
        self.hasher.length()
    }

    /// Takes in a body to its end or to its breaking off. After an error it is to be abandoned.
    pub(super) async fn take(&mut self, body: UploadBody) -> Result<Intake, RegistryError> {
        let mut batches = body.into_batches();
        loop {
            let batch = tokio::select! {
                () = self.lost.cancelled() => return Err(RegistryError::UploadUnknown),
                batch = batches.next() => batch,
            };
            match batch {
                Ok(batch) if batch.is_empty() => return Ok(Intake::Complete),
                Ok(batch) => self.store(batch).await?,
                Err(error) => return Ok(Intake::Broken(error)),
            }
        }
    }

    async fn store(&mut self, mut batch: Vec<Bytes>) -> Result<(), RegistryError> {
        self.check(&batch)?;
        while !batch.is_empty() {
            let flush_at = match self.record {
                Record::Progress => self.writer.flush_at(),
                // Nothing is flushed before the end.
                Record::Nothing => u64::MAX,
            };
            let rest = cut(&mut batch, flush_at - self.written());
            let hashing = hash(self.hasher.clone(), batch.clone());
            let (hasher, written) = tokio::join!(hashing, self.writer.write(batch));
            written?;
            self.hasher = hasher?;
            if self.written() == flush_at {
                self.begin_checkpoint().await?;
            }
            batch = rest;
        }
        Ok(())
    }

    fn check(&self, batch: &[Bytes]) -> Result<(), RegistryError> {
        let length = self.written() + batch.iter().map(|bytes| bytes.len() as u64).sum::<u64>();
        if self.end.is_some_and(|end| length > end) {
            return Err(RegistryError::ChunkLengthMismatch);
        }
        match self.limit {
            Some(limit) if length > limit => Err(RegistryError::BlobTooLarge { limit }),
            _ => Ok(()),
        }
    }

    /// Begins to make durable and record what is written so far, after the last time is over.
    async fn begin_checkpoint(&mut self) -> Result<(), RegistryError> {
        self.end_checkpoint().await?;
        let (flush, metadata, lease) = (
            self.writer.flush(),
            self.registry.metadata.clone(),
            self.lease,
        );
        let (committed, hash_state) = (self.written(), self.hasher.state());
        self.checkpoint = Some(self.registry.sessions().spawn(async move {
            let checkpoint = Checkpoint {
                committed,
                hash_state,
                stored: flush.await?,
                lease: LeaseAfter::Keep,
            };
            Ok(metadata.checkpoint_upload(lease, checkpoint).await?)
        }));
        Ok(())
    }

    async fn end_checkpoint(&mut self) -> Result<(), RegistryError> {
        match self.checkpoint.take() {
            // Most of it is the flush.
            Some(checkpoint) => held(waits::for_storage(checkpoint).await??),
            None => Ok(()),
        }
    }

    /// Makes everything durable. `more` tells whether another request is expected to append.
    async fn close(&mut self, more: bool) -> Result<Stored, RegistryError> {
        self.end_checkpoint().await?;
        Ok(self.writer.close(more).await?)
    }

    /// Makes everything durable, records it and gives the lease up.
    pub(super) async fn release(mut self, more: bool) -> Result<u64, RegistryError> {
        let stored = self.close(more).await?;
        let committed = self.written();
        let checkpoint = Checkpoint {
            committed,
            hash_state: self.hasher.state(),
            stored,
            lease: LeaseAfter::Release,
        };
        held(
            self.registry
                .metadata
                .checkpoint_upload(self.lease, checkpoint)
                .await?,
        )?;
        Ok(committed)
    }

    /// The hash of everything taken in.
    pub(super) fn hasher(&self) -> Hasher {
        self.hasher.clone()
    }

    /// Makes everything durable: the blob is whole. The lease is renewed until the guard is dropped.
    pub(super) async fn finish(mut self) -> Result<(Stored, DropGuard), RegistryError> {
        let stored = self.close(false).await?;
        Ok((stored, self.renewal))
    }

    /// Takes back what is not recorded: the client sends it again, or not at all.
    pub(super) async fn abandon(mut self) {
        // What a checkpoint still records must not be taken back.
        if let Err(error) = self.end_checkpoint().await {
            tracing::debug!(upload_id = %self.lease.id, %error, "checkpoint upload");
        }
        self.writer.abandon().await;
    }
}

/// Cuts a batch off after `length` bytes and returns what lies behind.
fn cut(batch: &mut Vec<Bytes>, length: u64) -> Vec<Bytes> {
    let mut left = length;
    for at in 0..batch.len() {
        let slice = batch[at].len() as u64;
        if slice > left {
            let behind = batch[at].split_off(usize::try_from(left).unwrap_or(usize::MAX));
            let mut rest = vec![behind];
            rest.extend(batch.drain(at + 1..));
            return rest;
        }
        left -= slice;
    }
    Vec::new()
}

/// A step that found its lease taken means that the session went to somebody else, or is gone.
fn held(hold: LeaseHold) -> Result<(), RegistryError> {
    match hold {
        LeaseHold::Held => Ok(()),
        LeaseHold::Lost => Err(RegistryError::UploadUnknown),
    }
}

/// Short batches cost less here than a change of threads.
async fn hash(mut hasher: Hasher, batch: Vec<Bytes>) -> Result<Hasher, RegistryError> {
    const SHORT: usize = 16 * 1024;
    let length: usize = batch.iter().map(Bytes::len).sum();
    let work = move || {
        for bytes in &batch {
            hasher.update(bytes);
        }
        hasher
    };
    if length <= SHORT {
        Ok(work())
    } else {
        Ok(blocking(work).await?)
    }
}

/// Renews the lease until the guard is dropped; cancels the token if it was lost.
pub(super) fn renew(registry: &Registry, lease: Lease) -> (CancellationToken, DropGuard) {
    let (lost, over) = (CancellationToken::new(), CancellationToken::new());
    let (metadata, lost_here, over_here) = (registry.metadata.clone(), lost.clone(), over.clone());
    registry.sessions().spawn(async move {
        loop {
            tokio::select! {
                () = over_here.cancelled() => return,
                () = tokio::time::sleep(RENEWAL) => {}
            }
            match metadata.renew_upload(lease).await {
                Ok(LeaseHold::Held) => {}
                Ok(LeaseHold::Lost) => return lost_here.cancel(),
                Err(error) => tracing::warn!(upload_id = %lease.id, %error, "renew upload lease"),
            }
        }
    });
    (lost, over.drop_guard())
}
