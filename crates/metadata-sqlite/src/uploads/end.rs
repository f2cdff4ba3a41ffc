//! Ending sessions: a client cancels, or nobody comes any more. Whoever holds the lease finds it
//! lost at the next step, and the object is deleted when late writers are gone.

use oci_types::RepositoryName;
use registry_core::ports::{Lifetimes, MetadataError, Timestamp, UploadId};

use crate::statement::{Bound, ResultSet, Statement, statement};
use crate::writer::Transaction;

/// Finished sessions forgotten at a time; they are small, and there are more of them.
const FINISHED: i64 = 10_000;

pub(super) static CANCEL: Statement = statement!(
    "upload_cancel",
    "INSERT INTO storage_deletions (storage_key, fence, state, not_before)
     SELECT storage_key, fence, object_state, $3 FROM uploads
     WHERE id = $1 AND state < 9
       AND repository_id = (SELECT id FROM repositories WHERE path = $2 AND deleted_at IS NULL)
     ON CONFLICT DO NOTHING;
     DELETE FROM uploads
     WHERE id = $1 AND state < 9
       AND repository_id = (SELECT id FROM repositories WHERE path = $2 AND deleted_at IS NULL);"
);

// A lease in force has moved expires_at, but a clock may have jumped. Both times the same are found:
// the tombstones of those that end are written first.
pub(super) static EXPIRE: Statement = statement!(
    "upload_expire",
    "DELETE FROM uploads WHERE id IN (
        SELECT id FROM uploads WHERE state = 9 AND expires_at <= $1 LIMIT $3
     );
     INSERT INTO storage_deletions (storage_key, fence, state, not_before)
     SELECT storage_key, fence, object_state, $4 FROM uploads WHERE id IN (
        SELECT id FROM uploads
        WHERE state IN (0, 1) AND expires_at <= $1 AND (lease_until IS NULL OR lease_until <= $1)
        LIMIT $2
     )
     ON CONFLICT DO NOTHING;
     DELETE FROM uploads WHERE id IN (
        SELECT id FROM uploads
        WHERE state IN (0, 1) AND expires_at <= $1 AND (lease_until IS NULL OR lease_until <= $1)
        LIMIT $2
     );"
);

pub(super) fn cancel(
    repository: &RepositoryName,
    id: UploadId,
    now: Timestamp,
    lifetimes: &Lifetimes,
) -> Bound {
    CANCEL
        .bind(id.0.as_bytes().as_slice())
        .bind(repository.as_str())
        .bind(now.plus(lifetimes.tombstone_delay).0)
}

pub(super) fn expire(
    transaction: &mut Transaction,
    limit: u32,
    now: Timestamp,
    lifetimes: &Lifetimes,
) -> Result<u64, MetadataError> {
    let expire = EXPIRE
        .bind(now.0)
        .bind(limit)
        .bind(FINISHED)
        .bind(now.plus(lifetimes.tombstone_delay).0);
    let results = transaction.run(&expire)?;
    let changes = |result: Option<&ResultSet>| result.map_or(0, |result| result.changes);
    Ok(changes(results.first()) + changes(results.last()))
}
