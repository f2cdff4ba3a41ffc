//! Finishing a session: check the digest, claim, publish, commit.
//!
//! Three ways lead there. A blob that comes whole in the closing PUT and is small is
//! hashed in memory and stored in one step. A closing PUT without a body claims the session and
//! takes the hash from the recorded state. Anything else goes through the pipeline.

use blob_hash::Hasher;
use bytes::Bytes;
use futures_util::StreamExt;
use oci_types::{Algorithm, Digest};

use super::Acquired;
use super::body::{Chunk, UploadBody};
use super::open::{check_digest, compare};
use super::pipeline::{Intake, Pipeline, Record, renew};
use crate::access::PushAccess;
use crate::blocking::blocking;
use crate::change::Guard;
use crate::error::RegistryError;
use crate::ports::{
    BlobStoreError, Claim, Claimed, Finalization, FinishedUpload, LeasedUpload, Location, Part,
    Published, UploadId, UploadProgress, UploadPurpose, UploadState,
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
            self.finish_held(access, id, digest).await
        } else if chunk.body.is_small() && chunk.start().unwrap_or(0) == 0 {
            self.finish_small(access, id, digest, chunk).await
        } else {
            self.finish_streamed(access, id, digest, chunk).await
        }
    }

    /// Publishes what the session holds already.
    async fn finish_held(
        &self,
        access: &PushAccess,
        id: UploadId,
        digest: Digest,
    ) -> Result<(), RegistryError> {
        let purpose = UploadPurpose::Finish { digest };
        let upload = match self.acquire(access, id, purpose).await? {
            Acquired::Leased(upload) => upload,
            Acquired::Done(done) => return same(done, digest),
        };
        let finished = self.publish_held(access, &upload, digest).await;
        self.settle(access, &upload, finished).await
    }

    async fn publish_held(
        &self,
        access: &PushAccess,
        upload: &LeasedUpload,
        digest: Digest,
    ) -> Result<(), RegistryError> {
        let hasher = match &upload.hash_state {
            // Nothing is hashed by any algorithm at once.
            _ if upload.object.committed == 0 => Hasher::new(digest.algorithm()),
            Some(state) => Hasher::resume(state)?,
            None => Hasher::new(upload.algorithm),
        };
        if let Err(mismatch) = check_hash(hasher, digest) {
            self.end(access, upload.lease).await;
            return Err(mismatch);
        }
        let (_lost, _renewal) = renew(self, upload.lease);
        if upload.object.committed == 0 {
            return self
                .put_and_commit(access, upload, digest, 0, Vec::new())
                .await;
        }
        self.publish_and_commit(access, upload, digest, upload.parts.clone())
            .await
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
        let room = self.reserve(length).await?;
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
                drop(room);
                return self.finish_streamed(access, id, digest, again(bytes)).await;
            }
        };
        let purpose = UploadPurpose::Whole { digest, size };
        let upload = match self.acquire(access, id, purpose).await {
            Ok(Acquired::Leased(upload)) => upload,
            Ok(Acquired::Done(done)) => return same(done, digest),
            Err(RegistryError::UploadOutOfOrder { .. }) => {
                drop(room);
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
                pipeline.release(true).await.and(Err(error.into()))
            }
            (Intake::Broken(error), Record::Nothing) => {
                pipeline.abandon().await;
                Err(error.into())
            }
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
                self.finish_held(access, id, digest).await
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
        pipeline: Pipeline,
    ) -> Result<(), RegistryError> {
        let (size, hasher) = (pipeline.written(), pipeline.hasher());
        let hash_state = hasher.state();
        if let Err(mismatch) = check_hash(hasher, digest) {
            pipeline.abandon().await;
            self.end(access, upload.lease).await;
            return Err(mismatch);
        }
        let (stored, _renewal) = pipeline.finish().await?;
        let mut upload = upload.clone();
        upload.object.committed = size;
        upload.object.state = stored.state.clone();
        if stored.in_place {
            // A step that fails leaves a session that can be written to again.
            return self
                .publish_and_commit(access, &upload, digest, stored.parts)
                .await;
        }
        let claim = Claim {
            digest,
            size,
            hash_state,
            stored,
        };
        match self.metadata.claim_upload(upload.lease, claim).await? {
            Claimed::Held(parts) => {
                self.publish_and_commit(access, &upload, digest, parts)
                    .await
            }
            Claimed::Lost => Err(RegistryError::UploadUnknown),
        }
    }

    async fn progress(
        &self,
        access: &PushAccess,
        id: UploadId,
    ) -> Result<UploadProgress, RegistryError> {
        let progress = self.metadata.find_upload(access.repository(), id).await?;
        progress.ok_or(RegistryError::UploadUnknown)
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

    /// Publishes what lies in the session's object.
    async fn publish_and_commit(
        &self,
        access: &PushAccess,
        upload: &LeasedUpload,
        digest: Digest,
        parts: Vec<Part>,
    ) -> Result<(), RegistryError> {
        let published = self.blobs.publish(&upload.object, parts).await?;
        let size = upload.object.committed;
        if upload.algorithm != digest.algorithm() {
            self.check_published(access, upload, published, digest)
                .await?;
        }
        self.commit(access, upload, digest, size, published).await
    }

    /// Reads the bytes once more and compares: nobody named the digest's algorithm before they came.
    async fn check_published(
        &self,
        access: &PushAccess,
        upload: &LeasedUpload,
        published: Published,
        digest: Digest,
    ) -> Result<(), RegistryError> {
        let hasher = self.hash_published(published, upload.object.committed, digest.algorithm());
        let checked = compare(hasher.await?, digest);
        if checked.is_err() {
            self.end(access, upload.lease).await;
        }
        checked
    }

    async fn hash_published(
        &self,
        published: Published,
        size: u64,
        algorithm: Algorithm,
    ) -> Result<Hasher, RegistryError> {
        let mut hasher = Hasher::new(algorithm);
        let mut stream = match self.blobs.open(published.key, size, 0..size).await? {
            Location::File(file) => file.into_stream(),
            Location::Stream(stream) => stream,
        };
        while let Some(bytes) = waits::for_storage(stream.next()).await {
            let bytes = bytes.map_err(BlobStoreError::Failed)?;
            hasher = blocking(move || {
                hasher.update(&bytes);
                hasher
            })
            .await?;
        }
        Ok(hasher)
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
        let published = self
            .blobs
            .put(&upload.object, bytes, sha256(digest))
            .await?;
        self.commit(access, upload, digest, size, published).await
    }

    async fn commit(
        &self,
        access: &PushAccess,
        upload: &LeasedUpload,
        digest: Digest,
        size: u64,
        published: Published,
    ) -> Result<(), RegistryError> {
        let finished = FinishedUpload {
            lease: upload.lease,
            digest,
            size,
            published,
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

/// Compares where the bytes were hashed with the digest's algorithm; else that is for later.
fn check_hash(hasher: Hasher, digest: Digest) -> Result<(), RegistryError> {
    if hasher.algorithm() == digest.algorithm() {
        compare(hasher, digest)
    } else {
        Ok(())
    }
}

/// The hash itself, if it is one that blob stores can check.
fn sha256(digest: Digest) -> Option<[u8; 32]> {
    match digest.algorithm() {
        Algorithm::Sha256 => digest.hash().try_into().ok(),
        Algorithm::Sha512 => None,
    }
}
