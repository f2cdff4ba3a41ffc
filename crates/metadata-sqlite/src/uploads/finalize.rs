//! Finalizing: the commit point of a blob's push.

use registry_core::change::Guard;
use registry_core::ports::{
    ExistingBlob, Finalization, FinishedUpload, Lifetimes, MetadataError, Timestamp,
};

use crate::blobs::link_blob;
use crate::rows::{signed, value};
use crate::statement::{Statement, statement};
use crate::writer::Transaction;

/// The session, if it is claimed for this digest by this holder; what is known of the blob.
pub(super) static FIND: Statement = statement!(
    "upload_finalize_find",
    "SELECT repositories.path, namespaces.name,
        EXISTS (
            SELECT 1 FROM repository_blobs
            WHERE repository_id = repositories.id AND digest = $3 AND deleted_at IS NULL
        ),
        EXISTS (SELECT 1 FROM namespace_blobs WHERE namespace_id = namespaces.id AND digest = $3),
        EXISTS (SELECT 1 FROM blobs WHERE digest = $3)
     FROM uploads
     JOIN repositories ON repositories.id = uploads.repository_id AND repositories.deleted_at IS NULL
     JOIN namespaces ON namespaces.id = repositories.namespace_id
     WHERE uploads.id = $1 AND uploads.fence = $2 AND uploads.state = 1 AND uploads.digest = $3
       AND uploads.lease_until IS NOT NULL"
);

/// 1. The session is done.
/// 2. The blob exists; the bytes are this session's unless they were known, and then its own key
///    is tombstoned.
/// 3. The repository holds it.
pub(super) static FINALIZE: Statement = statement!(
    "upload_finalize",
    "UPDATE uploads SET state = 9, lease_until = NULL, hash_state = NULL, expires_at = $7 WHERE id = $6;

     INSERT INTO blobs (digest, size, storage_key)
     VALUES ($3, $4, (SELECT storage_key FROM uploads WHERE id = $6))
     ON CONFLICT (digest) DO NOTHING;

     INSERT INTO storage_deletions (storage_key, not_before)
     SELECT storage_key, $8 FROM uploads WHERE id = $6 AND NOT EXISTS (
        SELECT 1 FROM blobs WHERE digest = $3 AND storage_key = uploads.storage_key
     );",
    link_blob!()
);

pub(super) struct Job {
    pub(super) guard: Guard<ExistingBlob>,
    pub(super) upload: FinishedUpload,
    pub(super) now: Timestamp,
    pub(super) lifetimes: Lifetimes,
}

impl Job {
    pub(super) async fn run(
        self,
        transaction: &mut Transaction,
    ) -> Result<Finalization, MetadataError> {
        let FinishedUpload {
            lease,
            digest,
            size,
        } = self.upload;
        let (id, digest) = (lease.id.0, digest.to_bytes());
        let find = FIND
            .bind(id.as_bytes().as_slice())
            .bind(signed(lease.fence))
            .bind(digest.as_slice());
        let Some(row) = transaction.row(find).await? else {
            return Ok(Finalization::Lost);
        };
        let existing = ExistingBlob {
            linked: value(&row, 2)?,
            charged: value(&row, 3)?,
            size,
        };
        if let Err(refusal) = self.guard.check(&existing) {
            return Ok(Finalization::Refused(refusal));
        }
        let finalize = FINALIZE
            .bind(value::<&str>(&row, 0)?)
            .bind(value::<&str>(&row, 1)?)
            .bind(digest)
            .bind(signed(size))
            .bind(self.now.plus(self.lifetimes.blob_link).0)
            .bind(id.as_bytes().as_slice())
            .bind(self.now.plus(self.lifetimes.upload_done).0)
            .bind(self.now.plus(self.lifetimes.tombstone_delay).0);
        transaction.run(finalize).await?;
        let known: bool = value(&row, 4)?;
        Ok(if known {
            Finalization::Deduplicated
        } else {
            Finalization::Published
        })
    }
}
