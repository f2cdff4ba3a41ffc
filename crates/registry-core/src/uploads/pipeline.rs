//! The path of bytes into an upload session: read, hash, write, make durable.
//!
//! On a thread of its own an upload reads, hashes and writes one batch after the other, so that
//! no byte changes caches; on a runtime's thread two others hash and write beside each other.
//! Every [`CHECKPOINT`] bytes a flush runs beside what follows and is recorded when it ends, so
//! that a client who loses its connection resumes near the end and the last flush has little to
//! do. The lease is renewed beside all that while the request lives.

use blob_hash::{HashState, Hasher};
use bytes::Bytes;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::body::{BODY_BUFFERS, UploadBody};
use crate::blocking::blocking;
use crate::buffers::Room;
use crate::error::{BodyError, RegistryError};
use crate::ports::{BlobWriter, Checkpoint, Lease, LeaseAfter, LeaseHold, LeasedUpload};
use crate::registry::Registry;
use crate::waits;

/// How many bytes may be written before a flush is begun.
const CHECKPOINT: u64 = 32 * 1024 * 1024;
/// How often a lease is renewed; about a third of its life.
const RENEWAL: std::time::Duration = std::time::Duration::from_secs(3);

/// Writes to a leased session.
pub(super) struct Pipeline {
    registry: Registry,
    lease: Lease,
    hasher: Hasher,
    writer: Box<dyn BlobWriter>,
    checkpoint: Option<JoinHandle<Result<LeaseHold, RegistryError>>>,
    recorded: u64,
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
    /// `promised` is the length of the body as its range has it.
    pub(super) async fn open(
        registry: &Registry,
        upload: &LeasedUpload,
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
            .append(upload.storage_key, upload.committed)
            .await?;
        Ok(Self {
            registry: registry.clone(),
            lease: upload.lease,
            hasher,
            writer,
            checkpoint: None,
            recorded: upload.committed,
            limit: registry.settings.max_blob_bytes,
            end: promised.map(|length| upload.committed.saturating_add(length)),
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

    /// Takes in a body to its end or to its breaking off. After an error nothing more is recorded.
    pub(super) async fn take(&mut self, body: UploadBody) -> Result<Intake, RegistryError> {
        let taken = self.take_batches(body).await;
        if taken.is_err()
            && let Err(error) = self.end_checkpoint().await
        {
            tracing::debug!(upload_id = %self.lease.id, %error, "checkpoint upload");
        }
        taken
    }

    async fn take_batches(&mut self, body: UploadBody) -> Result<Intake, RegistryError> {
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

    async fn store(&mut self, batch: Vec<Bytes>) -> Result<(), RegistryError> {
        self.check(&batch)?;
        let hashing = hash(self.hasher.clone(), batch.clone());
        let (hasher, written) = tokio::join!(hashing, self.writer.write(batch));
        written?;
        self.hasher = hasher?;
        if self.record == Record::Progress && self.written() - self.recorded >= CHECKPOINT {
            self.begin_checkpoint().await?;
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
        self.recorded = self.written();
        let (flush, metadata, lease) = (
            self.writer.flush(),
            self.registry.metadata.clone(),
            self.lease,
        );
        let checkpoint = self.progress(LeaseAfter::Keep);
        self.checkpoint = Some(self.registry.tasks().spawn(async move {
            flush.await?;
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

    /// Makes everything durable.
    pub(super) async fn flush(&mut self) -> Result<(), RegistryError> {
        self.end_checkpoint().await?;
        Ok(self.writer.flush().await?)
    }

    /// Makes everything durable, records it and gives the lease up.
    pub(super) async fn release(mut self) -> Result<u64, RegistryError> {
        self.flush().await?;
        let checkpoint = self.progress(LeaseAfter::Release);
        let committed = checkpoint.committed;
        held(
            self.registry
                .metadata
                .checkpoint_upload(self.lease, checkpoint)
                .await?,
        )?;
        Ok(committed)
    }

    /// Closes the file and tells the hash of everything taken in. The lease is renewed until the
    /// guard is dropped.
    pub(super) fn finish(self) -> (Hasher, DropGuard) {
        (self.hasher, self.renewal)
    }

    fn progress(&self, lease: LeaseAfter) -> Checkpoint {
        let hash_state: HashState = self.hasher.state();
        Checkpoint {
            committed: self.written(),
            hash_state,
            lease,
        }
    }
}

/// A step that found its lease taken means that the session went to somebody else, or is gone.
pub(super) fn held(hold: LeaseHold) -> Result<(), RegistryError> {
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
fn renew(registry: &Registry, lease: Lease) -> (CancellationToken, DropGuard) {
    let (lost, over) = (CancellationToken::new(), CancellationToken::new());
    let (metadata, lost_here, over_here) = (registry.metadata.clone(), lost.clone(), over.clone());
    registry.tasks().spawn(async move {
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
