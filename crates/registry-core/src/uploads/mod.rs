//! Uploads: how a blob comes in.
//!
//! 1. `open` writes the session's row, before any byte is stored.
//! 2. `append` (PATCH) leases the session, takes the bytes in, makes them durable, records
//!    offset and hash state together and answers. Acknowledged bytes survive a crash.
//! 3. `finish` (PUT) checks the digest and claims the session for it, in this order where bytes come with
//!    it; publishes the object, if that takes a step (no byte is copied or read again, but by an
//!    algorithm that nobody named before); and commits: that transaction makes the blob visible.
//!
//! | killed after | what is left | who repairs it |
//! |---|---|---|
//! | 1 | an idle row | expiry |
//! | bytes written, not recorded | bytes beyond the offset | the next append does not take them over |
//! | recorded, reply lost | the offset moved | the client asks, or gets 416 with the offset |
//! | claimed | session finalizing, object unpublished or published | a repeated PUT, or expiry |
//! | published | the same; nothing names the object | a repeated PUT, or expiry |
//! | committed, reply lost | session done | a repeated PUT answers as before |

mod body;
mod finish;
mod open;
mod pipeline;

use std::time::Duration;

use oci_types::Digest;
use tokio::time::{Instant, sleep};

pub use body::{BodyStream, Chunk, UploadBody};
pub use open::{OpenUpload, UploadOpened};

use self::pipeline::{Intake, Pipeline, Record};
use crate::access::PushAccess;
use crate::attended::Attended;
use crate::error::RegistryError;
use crate::ports::{
    Acquisition, BlobStoreError, Lease, LeaseHold, LeasedUpload, UploadId, UploadPurpose,
    UploadState,
};
use crate::registry::Registry;

/// How long a request waits for another that writes to the same session.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it looks meanwhile.
const LOOK: Duration = Duration::from_millis(50);

impl Registry {
    /// How many bytes of a session are stored.
    pub async fn upload_progress(
        &self,
        access: &PushAccess,
        id: UploadId,
    ) -> Result<u64, RegistryError> {
        let progress = self.metadata.find_upload(access.repository(), id).await?;
        match progress {
            Some(progress) if !matches!(progress.state, UploadState::Done { .. }) => {
                Ok(progress.committed)
            }
            _ => Err(RegistryError::UploadUnknown),
        }
    }

    /// Ends a session; what it stored is deleted.
    pub async fn cancel_upload(
        &self,
        access: &PushAccess,
        id: UploadId,
    ) -> Result<(), RegistryError> {
        let ended = self
            .metadata
            .cancel_upload(access.change(), access.repository(), id)
            .await?;
        if ended {
            Ok(())
        } else {
            Err(RegistryError::UploadUnknown)
        }
    }

    /// Appends a chunk and returns how many bytes are stored then.
    pub async fn append_upload(
        &self,
        access: &PushAccess,
        id: UploadId,
        chunk: Chunk,
    ) -> Result<u64, RegistryError> {
        chunk.check_length()?;
        let (registry, access) = (self.clone(), access.clone());
        let append = async move { registry.append(&access, id, chunk).await };
        Attended::new(self.sessions(), append).await
    }

    async fn append(
        &self,
        access: &PushAccess,
        id: UploadId,
        chunk: Chunk,
    ) -> Result<u64, RegistryError> {
        let purpose = UploadPurpose::Write {
            expected: chunk.start(),
        };
        let upload = match self.acquire(access, id, purpose).await? {
            Acquired::Leased(upload) => upload,
            Acquired::Done(_) => return Err(RegistryError::UploadUnknown),
        };
        let promised = chunk.promised();
        let taken = self
            .take_in(&upload, chunk.body, promised, Record::Progress)
            .await;
        let (pipeline, intake) = self.settle(access, &upload, taken).await?;
        // A client that sends the whole blob in one stream says no range. One that broke off, or
        // says where its chunk belongs, goes on.
        let whole = promised.is_none() && upload.object.committed == 0;
        let more = !(whole && matches!(intake, Intake::Complete));
        let released = pipeline.release(more).await;
        let committed = self.settle(access, &upload, released).await?;
        match intake {
            Intake::Complete => Ok(committed),
            Intake::Broken(error) => Err(error.into()),
        }
    }

    /// Takes a body into a leased session.
    async fn take_in(
        &self,
        upload: &LeasedUpload,
        body: UploadBody,
        promised: Option<u64>,
        record: Record,
    ) -> Result<(Pipeline, Intake), RegistryError> {
        let committed = upload.object.committed;
        self.check_blob_size(committed, body.length)?;
        let mut pipeline = Pipeline::open(self, upload, body.length, promised, record).await?;
        let taken = match (pipeline.take(body).await, promised) {
            (Ok(Intake::Complete), Some(promised))
                if promised != pipeline.written() - committed =>
            {
                Err(RegistryError::ChunkLengthMismatch)
            }
            (taken, _) => taken,
        };
        match taken {
            Ok(intake) => Ok((pipeline, intake)),
            Err(error) => {
                pipeline.abandon().await;
                Err(error)
            }
        }
    }

    /// After a failure the session goes back to its last recorded offset, free at once; one that
    /// outgrew the limit is ended.
    async fn settle<T>(
        &self,
        access: &PushAccess,
        upload: &LeasedUpload,
        result: Result<T, RegistryError>,
    ) -> Result<T, RegistryError> {
        match &result {
            Ok(_) => {}
            Err(
                RegistryError::BlobTooLarge { .. }
                | RegistryError::BlobStore(BlobStoreError::TooLarge),
            ) => self.end(access, upload.lease).await,
            Err(_) => {
                if let Err(error) = self.metadata.release_upload(upload.lease).await {
                    tracing::warn!(upload_id = %upload.lease.id, %error, "release upload");
                }
            }
        }
        result
    }

    /// Ends a session whose content turned out wrong, if it is still ours to end.
    async fn end(&self, access: &PushAccess, lease: Lease) {
        let ended = match self.metadata.renew_upload(lease).await {
            Ok(LeaseHold::Held) => self
                .metadata
                .cancel_upload(access.change(), access.repository(), lease.id)
                .await
                .map(drop),
            Ok(LeaseHold::Lost) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = ended {
            tracing::warn!(upload_id = %lease.id, %error, "end upload");
        }
    }

    /// Acquires a session, waiting a little for one that another request writes to.
    async fn acquire(
        &self,
        access: &PushAccess,
        id: UploadId,
        purpose: UploadPurpose,
    ) -> Result<Acquired, RegistryError> {
        let patience = Instant::now() + PATIENCE;
        loop {
            match self
                .metadata
                .acquire_upload(access.change(), access.repository(), id, purpose)
                .await?
            {
                Acquisition::Leased(upload) => return Ok(Acquired::Leased(upload)),
                Acquisition::Done { digest } => return Ok(Acquired::Done(digest)),
                Acquisition::Elsewhere { committed } => {
                    return Err(RegistryError::UploadOutOfOrder { committed });
                }
                Acquisition::Absent => return Err(RegistryError::UploadUnknown),
                Acquisition::Busy if Instant::now() >= patience => {
                    return Err(RegistryError::UploadBusy);
                }
                Acquisition::Busy => sleep(LOOK).await,
            }
        }
    }

    fn check_blob_size(&self, committed: u64, length: Option<u64>) -> Result<(), RegistryError> {
        match (self.settings.max_blob_bytes, length) {
            (Some(limit), Some(length)) if committed.saturating_add(length) > limit => {
                Err(RegistryError::BlobTooLarge { limit })
            }
            _ => Ok(()),
        }
    }
}

enum Acquired {
    Leased(LeasedUpload),
    Done(Digest),
}
