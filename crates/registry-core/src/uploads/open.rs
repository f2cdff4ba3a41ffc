//! Opening a session: plain, with the whole blob, or by mounting a blob that is
//! there already.

use blob_hash::Hasher;
use bytes::Bytes;
use oci_types::{Algorithm, Digest};
use uuid::Uuid;

use super::body::UploadBody;
use super::pipeline::{Intake, Record};
use crate::access::{PullAccess, PushAccess};
use crate::change::Guard;
use crate::error::RegistryError;
use crate::ports::{
    Lease, LeasedUpload, Mount, NewUpload, StorageKey, UploadId, UploadObject, UploadStart,
};
use crate::registry::Registry;

/// The fence of whoever opens a session.
const FIRST_FENCE: u64 = 1;

/// What a client asks for when it opens an upload.
#[derive(Debug)]
pub enum OpenUpload {
    /// A session to write to later, hashed with this algorithm as the bytes come.
    Session(Algorithm),
    /// The whole blob at once.
    Whole(Digest, UploadBody),
    /// A blob another repository holds; `None` leaves the search to the registry. Where that fails, a session.
    Mount(Digest, Option<PullAccess>),
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UploadOpened {
    /// A session that waits for bytes.
    Session(UploadId),
    /// The repository holds the blob.
    Stored(Digest),
}

impl Registry {
    /// Opens an upload.
    pub async fn open_upload(
        &self,
        access: &PushAccess,
        request: OpenUpload,
    ) -> Result<UploadOpened, RegistryError> {
        match request {
            OpenUpload::Session(algorithm) => self.open_session(access, algorithm).await,
            // A client that names the digest but sends nothing wants a session to send it to.
            OpenUpload::Whole(digest, body)
                if body.is_empty() && digest != blob_hash::digest(digest.algorithm(), b"") =>
            {
                self.open_session(access, digest.algorithm()).await
            }
            OpenUpload::Whole(digest, body) => {
                self.check_blob_size(0, body.length)?;
                let (registry, access) = (self.clone(), access.clone());
                let stored = async move { registry.store_whole(&access, digest, body).await };
                self.to_completion(stored).await?;
                Ok(UploadOpened::Stored(digest))
            }
            OpenUpload::Mount(digest, source) => self.mount_or_open(access, digest, source).await,
        }
    }

    async fn open_session(
        &self,
        access: &PushAccess,
        algorithm: Algorithm,
    ) -> Result<UploadOpened, RegistryError> {
        let upload = new_upload(access, algorithm, UploadStart::Open);
        let id = upload.id;
        self.metadata.create_upload(access.change(), upload).await?;
        Ok(UploadOpened::Session(id))
    }

    async fn mount_or_open(
        &self,
        access: &PushAccess,
        digest: Digest,
        source: Option<PullAccess>,
    ) -> Result<UploadOpened, RegistryError> {
        let source = source.as_ref().map(PullAccess::repository);
        let target = access.repository();
        match self
            .metadata
            .mount_blob(access.change(), Guard::open(), source, target, &digest)
            .await?
        {
            Mount::Mounted => Ok(UploadOpened::Stored(digest)),
            Mount::NotMounted => self.open_session(access, digest.algorithm()).await,
            Mount::Refused(refusal) => Err(refusal.into()),
        }
    }

    async fn store_whole(
        &self,
        access: &PushAccess,
        digest: Digest,
        body: UploadBody,
    ) -> Result<(), RegistryError> {
        if body.is_small() {
            self.store_small(access, digest, body).await
        } else {
            self.store_large(access, digest, body).await
        }
    }

    async fn store_small(
        &self,
        access: &PushAccess,
        digest: Digest,
        body: UploadBody,
    ) -> Result<(), RegistryError> {
        let _room = self.reserve(body.length.unwrap_or_default()).await?;
        let bytes = body.collect().await?;
        let size = check_digest(&bytes, digest)?;
        let start = UploadStart::Finalizing { digest, size };
        let upload = new_upload(access, digest.algorithm(), start);
        let leased = leased(&upload);
        self.metadata.create_upload(access.change(), upload).await?;
        let stored = self
            .put_and_commit(access, &leased, digest, size, bytes)
            .await;
        self.abandon(access, &leased, stored).await
    }

    async fn store_large(
        &self,
        access: &PushAccess,
        digest: Digest,
        body: UploadBody,
    ) -> Result<(), RegistryError> {
        let upload = new_upload(access, digest.algorithm(), UploadStart::Leased);
        let leased = leased(&upload);
        self.metadata.create_upload(access.change(), upload).await?;
        let stored = match self.take_in(&leased, body, None, Record::Nothing).await {
            Ok((pipeline, Intake::Complete)) => {
                self.finish_pipeline(access, &leased, digest, pipeline)
                    .await
            }
            Ok((pipeline, Intake::Broken(error))) => {
                pipeline.abandon().await;
                Err(error.into())
            }
            Err(error) => Err(error),
        };
        self.abandon(access, &leased, stored).await
    }

    /// After a failure the session is ended: its name was never told, so nobody can go on with it.
    async fn abandon(
        &self,
        access: &PushAccess,
        upload: &LeasedUpload,
        result: Result<(), RegistryError>,
    ) -> Result<(), RegistryError> {
        if result.is_err() {
            self.end(access, upload.lease).await;
        }
        result
    }
}

fn new_upload(access: &PushAccess, algorithm: Algorithm, start: UploadStart) -> NewUpload {
    NewUpload {
        id: UploadId(Uuid::new_v4()),
        repository: access.repository().clone(),
        algorithm,
        object: Uuid::now_v7(),
        start,
    }
}

fn leased(upload: &NewUpload) -> LeasedUpload {
    LeasedUpload {
        lease: Lease {
            id: upload.id,
            fence: FIRST_FENCE,
        },
        object: UploadObject::new(StorageKey {
            session: upload.object,
            fence: FIRST_FENCE,
        }),
        parts: Vec::new(),
        algorithm: upload.algorithm,
        hash_state: None,
    }
}

/// The length of the bytes, if they are what `expected` names.
pub(super) fn check_digest(bytes: &[Bytes], expected: Digest) -> Result<u64, RegistryError> {
    let mut hasher = Hasher::new(expected.algorithm());
    for slice in bytes {
        hasher.update(slice);
    }
    let size = hasher.length();
    compare(hasher, expected).map(|()| size)
}

/// Whether what was hashed is what `expected` names.
pub(super) fn compare(hasher: Hasher, expected: Digest) -> Result<(), RegistryError> {
    let actual = hasher.finish();
    if actual == expected {
        Ok(())
    } else {
        Err(RegistryError::DigestMismatch { expected, actual })
    }
}
