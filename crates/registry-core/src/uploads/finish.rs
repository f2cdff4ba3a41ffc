//! Finishing a session: check the digest, claim, publish, commit.
//!
//! Three ways lead there. A blob that comes whole in the closing PUT and is small is
//! hashed in memory and stored in one step. A closing PUT without a body takes the
//! hash from the recorded state. Anything else goes through the pipeline.

use blob_hash::Hasher;
use bytes::Bytes;
use futures_util::StreamExt;
use oci_types::{Algorithm, Digest};

use super::Acquired;
use super::body::{Chunk, UploadBody};
use super::open::check_digest;
use super::pipeline::{Intake, Pipeline, Record, held};
use crate::access::PushAccess;
use crate::blocking::blocking;
use crate::change::Guard;
use crate::error::RegistryError;
use crate::ports::{
    BlobStoreError, Finalization, FinishedUpload, LeasedUpload, StorageKey, UploadId,
    UploadProgress, UploadPurpose, UploadState,
};
use crate::registry::Registry;
use crate::waits;

impl Registry {
    /// Ends a session with its last chunk, which may be empty, and makes the blob visible. Asked
    /// again after it succeeded, for the same digest, it succeeds again.
    pub async fn finish_upload(
        &self,
        access: &PushAccess,
        id: UploadId,
        digest: Digest,
        chunk: Chunk,
    ) -> Result<(), RegistryError> {
        chunk.check_length()?;
        let (registry, access) = (self.clone(), access.clone());
        self.to_completion(async move { registry.finish(&access, id, digest, chunk).await })
            .await
    }

    async fn finish(
        &self,
        access: &PushAccess,
        id: UploadId,
        digest: Digest,
        chunk: Chunk,
    ) -> Result<(), RegistryError> {
        if chunk.body.is_empty() {
            self.finish_empty(access, id, digest, chunk).await
        } else if chunk.body.is_small() && chunk.start().unwrap_or(0) == 0 {
            self.finish_small(access, id, digest, chunk).await
        } else {
            self.finish_streamed(access, id, digest, chunk).await
        }
    }

    async fn finish_empty(
        &self,
        access: &PushAccess,
        id: UploadId,
        digest: Digest,
        chunk: Chunk,
    ) -> Result<(), RegistryError> {
        let progress = self.progress(access, id).await?;
        let size = match progress.state {
            UploadState::Done { digest: done } => return same(done, digest),
            // Claimed with its bytes in memory, which are gone: only a PUT that brings them again
            // can complete it.
            UploadState::Finalizing { size, .. } if size != progress.committed => {
                return Err(RegistryError::UploadUnknown);
            }
            UploadState::Finalizing {
                digest: claimed,
                size,
            } => same(claimed, digest).map(|()| size)?,
            UploadState::Open if progress.algorithm == digest.algorithm() => {
                self.check_progress(access, id, &progress, digest).await?
            }
            UploadState::Open => return self.finish_streamed(access, id, digest, chunk).await,
        };
        self.publish_session(access, id, digest, size).await
    }

    /// Publishes a session all of whose bytes are recorded, and are what `digest` names.
    async fn publish_session(
        &self,
        access: &PushAccess,
        id: UploadId,
        digest: Digest,
        size: u64,
    ) -> Result<(), RegistryError> {
        let purpose = UploadPurpose::Finalize {
            digest,
            size,
            committed: size,
        };
        let upload = match self.acquire(access, id, purpose).await? {
            Acquired::Leased(upload) => upload,
            Acquired::Done(done) => return same(done, digest),
        };
        let finished = if size == 0 {
            self.put_and_commit(access, &upload, digest, size, Vec::new())
                .await
        } else {
            self.publish_and_commit(access, &upload, digest, size).await
        };
        self.settle(access, &upload, finished).await
    }

    async fn finish_small(
        &self,
        access: &PushAccess,
        id: UploadId,
        digest: Digest,
        chunk: Chunk,
    ) -> Result<(), RegistryError> {
        let length = chunk.body.length.unwrap_or_default();
        if self.check_blob_size(0, Some(length)).is_err() {
            // Refused there, under the session's lease, which ends it.
            return self.finish_streamed(access, id, digest, chunk).await;
        }
        let _room = self.reserve(length).await?;
        let range = chunk.range;
        let bytes = chunk.body.collect().await?;
        let whole = check_digest(&bytes, digest);
        let again = |bytes| Chunk {
            body: UploadBody::whole(bytes),
            range,
        };
        let size = match whole {
            Ok(size) => size,
            Err(mismatch) => {
                if self.end_unwritten(access, id).await? {
                    return Err(mismatch);
                }
                // Not the whole blob but the last chunk of one that is partly here.
                return self.finish_streamed(access, id, digest, again(bytes)).await;
            }
        };
        let purpose = UploadPurpose::Finalize {
            digest,
            size,
            committed: 0,
        };
        let upload = match self.acquire(access, id, purpose).await {
            Ok(Acquired::Leased(upload)) => upload,
            Ok(Acquired::Done(done)) => return same(done, digest),
            Err(RegistryError::UploadOutOfOrder { .. }) => {
                return self.finish_streamed(access, id, digest, again(bytes)).await;
            }
            Err(error) => return Err(error),
        };
        let finished = self
            .put_and_commit(access, &upload, digest, size, bytes)
            .await;
        self.settle(access, &upload, finished).await
    }

    async fn finish_streamed(
        &self,
        access: &PushAccess,
        id: UploadId,
        digest: Digest,
        chunk: Chunk,
    ) -> Result<(), RegistryError> {
        let purpose = UploadPurpose::Write {
            expected: chunk.start(),
        };
        let upload = match self.acquire(access, id, purpose).await {
            Ok(Acquired::Leased(upload)) => upload,
            Ok(Acquired::Done(done)) => return same(done, digest),
            Err(error) => return self.finish_claimed(access, id, digest, error).await,
        };
        let promised = chunk.promised();
        // Without a range the client knows no offset to go on from: it sends everything again.
        let record = match promised {
            Some(_) => Record::Progress,
            None => Record::Nothing,
        };
        let taken = self.take_in(&upload, chunk.body, promised, record).await;
        let (pipeline, intake) = self.settle(access, &upload, taken).await?;
        let finished = match (intake, record) {
            (Intake::Complete, _) => {
                self.finish_pipeline(access, &upload, digest, pipeline)
                    .await
            }
            (Intake::Broken(error), Record::Progress) => {
                pipeline.release().await.and(Err(error.into()))
            }
            (Intake::Broken(error), Record::Nothing) => Err(error.into()),
        };
        self.settle(access, &upload, finished).await
    }

    /// Completes a session that an earlier request claimed for the same digest, with all its bytes, and did not
    /// finish; anything else answers `refused`.
    async fn finish_claimed(
        &self,
        access: &PushAccess,
        id: UploadId,
        digest: Digest,
        refused: RegistryError,
    ) -> Result<(), RegistryError> {
        let progress = self.progress(access, id).await?;
        match progress.state {
            UploadState::Finalizing {
                digest: claimed,
                size,
            } if claimed == digest && size == progress.committed => {
                self.publish_session(access, id, digest, size).await
            }
            _ => Err(refused),
        }
    }

    /// Checks, claims, publishes and commits what a pipeline took in.
    pub(super) async fn finish_pipeline(
        &self,
        access: &PushAccess,
        upload: &LeasedUpload,
        digest: Digest,
        mut pipeline: Pipeline,
    ) -> Result<(), RegistryError> {
        pipeline.flush().await?;
        let size = pipeline.written();
        let (hasher, _renewal) = pipeline.finish();
        let actual = self
            .actual_digest(upload.storage_key, hasher, digest.algorithm())
            .await?;
        if actual != digest {
            self.end(access, upload.lease).await;
            return Err(RegistryError::DigestMismatch {
                expected: digest,
                actual,
            });
        }
        held(
            self.metadata
                .claim_upload(upload.lease, digest, size)
                .await?,
        )?;
        self.publish_and_commit(access, upload, digest, size).await
    }

    /// The digest of everything a session holds. Only an algorithm that nobody named before the
    /// bytes came makes them be read once more.
    async fn actual_digest(
        &self,
        key: StorageKey,
        hasher: Hasher,
        algorithm: Algorithm,
    ) -> Result<Digest, RegistryError> {
        if hasher.algorithm() == algorithm {
            return Ok(hasher.finish());
        }
        let mut stream = self.blobs.read_unpublished(key, hasher.length()).await?;
        let mut again = Hasher::new(algorithm);
        while let Some(bytes) = waits::for_storage(stream.next()).await {
            let bytes = bytes.map_err(BlobStoreError::Failed)?;
            again = blocking(move || {
                again.update(&bytes);
                again
            })
            .await?;
        }
        Ok(again.finish())
    }

    async fn progress(
        &self,
        access: &PushAccess,
        id: UploadId,
    ) -> Result<UploadProgress, RegistryError> {
        let progress = self.metadata.find_upload(access.repository(), id).await?;
        progress.ok_or(RegistryError::UploadUnknown)
    }

    /// The size of what is recorded, if it is what `digest` names; the session ends if it is not.
    async fn check_progress(
        &self,
        access: &PushAccess,
        id: UploadId,
        progress: &UploadProgress,
        digest: Digest,
    ) -> Result<u64, RegistryError> {
        let hasher = match &progress.hash_state {
            Some(state) => Hasher::resume(state)?,
            None => Hasher::new(digest.algorithm()),
        };
        let actual = hasher.finish();
        if actual == digest {
            return Ok(progress.committed);
        }
        let purpose = UploadPurpose::Write {
            expected: Some(progress.committed),
        };
        if let Acquired::Leased(upload) = self.acquire(access, id, purpose).await? {
            self.end(access, upload.lease).await;
        }
        Err(RegistryError::DigestMismatch {
            expected: digest,
            actual,
        })
    }

    /// Ends a session that holds nothing; `false` if it holds something.
    async fn end_unwritten(
        &self,
        access: &PushAccess,
        id: UploadId,
    ) -> Result<bool, RegistryError> {
        let purpose = UploadPurpose::Write { expected: Some(0) };
        match self.acquire(access, id, purpose).await {
            Ok(Acquired::Leased(upload)) => self.end(access, upload.lease).await,
            Ok(Acquired::Done(_)) => return Err(RegistryError::UploadUnknown),
            Err(RegistryError::UploadOutOfOrder { .. }) => return Ok(false),
            Err(error) => return Err(error),
        }
        Ok(true)
    }

    /// Publishes bytes that lie in the session's object.
    async fn publish_and_commit(
        &self,
        access: &PushAccess,
        upload: &LeasedUpload,
        digest: Digest,
        size: u64,
    ) -> Result<(), RegistryError> {
        self.blobs.publish(upload.storage_key, size).await?;
        self.commit(access, upload, digest, size).await
    }

    /// Publishes bytes that are in memory.
    pub(super) async fn put_and_commit(
        &self,
        access: &PushAccess,
        upload: &LeasedUpload,
        digest: Digest,
        size: u64,
        bytes: Vec<Bytes>,
    ) -> Result<(), RegistryError> {
        self.blobs.put(upload.storage_key, bytes).await?;
        self.commit(access, upload, digest, size).await
    }

    async fn commit(
        &self,
        access: &PushAccess,
        upload: &LeasedUpload,
        digest: Digest,
        size: u64,
    ) -> Result<(), RegistryError> {
        let finished = FinishedUpload {
            lease: upload.lease,
            digest,
            size,
        };
        match self
            .metadata
            .finalize_upload(access.change(), Guard::open(), finished)
            .await?
        {
            Finalization::Published | Finalization::Deduplicated => Ok(()),
            Finalization::Lost => Err(RegistryError::UploadUnknown),
            Finalization::Refused(refusal) => Err(refusal.into()),
        }
    }
}

/// A session that is finished, or on its way, answers only for its own digest.
fn same(published: Digest, asked: Digest) -> Result<(), RegistryError> {
    if published == asked {
        Ok(())
    } else {
        Err(RegistryError::UploadUnknown)
    }
}
