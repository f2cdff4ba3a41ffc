//! Finalizing: the commit point of a blob's push.

use registry_core::change::Guard;
use registry_core::ports::{
    ExistingBlob, Finalization, FinishedUpload, Lifetimes, MetadataError, Timestamp,
};

use crate::blobs::link_blob;
use crate::rows::{signed, value};
use crate::statement::{Statement, statement};
use crate::writer::Transaction;

/// It answers first: what is known of the blob, if the session is this holder's and for no other blob.
/// Then it writes, which is taken back if there was no such answer:
///
/// 1. The session is done.
/// 2. The blob exists; the bytes are this session's unless they were known. What is not needed of
///    what the session has stored is tombstoned.
/// 3. The repository holds it.
pub(super) static FINALIZE: Statement = statement!(
    "upload_finalize",
    "SELECT
        EXISTS (
            SELECT 1 FROM repository_blobs
            WHERE repository_id = repositories.id AND digest = $3 AND deleted_at IS NULL
        ),
        EXISTS (
            SELECT 1 FROM namespace_blobs
            WHERE namespace_id = repositories.namespace_id AND digest = $3
        ),
        EXISTS (SELECT 1 FROM blobs WHERE digest = $3)
     FROM uploads
     JOIN repositories ON repositories.id = uploads.repository_id AND repositories.deleted_at IS NULL
     WHERE uploads.id = $1 AND uploads.fence = $2 AND uploads.lease_until IS NOT NULL
       AND (uploads.state = 0 OR (uploads.state = 1 AND uploads.digest = $3));

     UPDATE uploads SET state = 9, digest = $3, size = $4, lease_until = NULL, hash_state = NULL, expires_at = $6
     WHERE id = $1;

     INSERT INTO blobs (digest, size, storage_key) VALUES ($3, $4, $8)
     ON CONFLICT (digest) DO NOTHING;

     INSERT INTO storage_deletions (storage_key, fence, keep, state, not_before)
     SELECT uploads.storage_key, fence, CASE WHEN blobs.storage_key = $8 THEN $9 END, object_state, $7
     FROM uploads JOIN blobs ON blobs.digest = $3
     WHERE id = $1 AND (blobs.storage_key <> $8 OR $10)
     ON CONFLICT DO NOTHING;",
    link_blob!("(SELECT repository_id FROM uploads WHERE id = $1)")
);

pub(super) struct Job {
    pub(super) guard: Guard<ExistingBlob>,
    pub(super) upload: FinishedUpload,
    pub(super) now: Timestamp,
    pub(super) lifetimes: Lifetimes,
}

impl Job {
    pub(super) fn run(self, transaction: &mut Transaction) -> Result<Finalization, MetadataError> {
        let FinishedUpload {
            lease,
            digest,
            size,
            published,
        } = self.upload;
        let finalize = FINALIZE
            .bind(lease.id.0.as_bytes().as_slice())
            .bind(signed(lease.fence))
            .bind(digest.to_bytes())
            .bind(signed(size))
            .bind(self.now.plus(self.lifetimes.blob_link).0)
            .bind(self.now.plus(self.lifetimes.upload_done).0)
            .bind(self.now.plus(self.lifetimes.tombstone_delay).0)
            .bind(published.key.to_bytes())
            .bind(signed(published.key.fence))
            .bind(i64::from(published.leftovers));
        let results = transaction.run(&finalize)?;
        let Some(row) = results.first().and_then(|found| found.rows.first()) else {
            transaction.take_back();
            return Ok(Finalization::Lost);
        };
        let existing = ExistingBlob {
            linked: value(row, 0)?,
            charged: value(row, 1)?,
            size,
        };
        if let Err(refusal) = self.guard.check(&existing) {
            transaction.take_back();
            return Ok(Finalization::Refused(refusal));
        }
        let known: bool = value(row, 2)?;
        Ok(if known {
            Finalization::Deduplicated
        } else {
            Finalization::Published
        })
    }
}
