//! Ending sessions: a client cancels, or nobody comes any more. Whoever holds the lease finds it
//! lost at the next step, and the object is deleted when late writers are gone.

use oci_types::RepositoryName;
use registry_core::ports::{Lifetimes, MetadataError, StorageKey, Timestamp, UploadId};

use crate::rows::{hex, json_array, parsed, storage_key};
use crate::statement::{Bound, Statement, statement};
use crate::writer::Transaction;

/// Finished sessions forgotten at a time; they are small, and there are more of them.
const FINISHED: i64 = 10_000;

pub(super) static CANCEL: Statement = statement!(
    "upload_cancel",
    "INSERT INTO storage_deletions (storage_key, not_before)
     SELECT storage_key, $3 FROM uploads
     WHERE id = $1 AND state < 9
       AND repository_id = (SELECT id FROM repositories WHERE path = $2 AND deleted_at IS NULL)
     ON CONFLICT DO NOTHING;
     DELETE FROM uploads
     WHERE id = $1 AND state < 9
       AND repository_id = (SELECT id FROM repositories WHERE path = $2 AND deleted_at IS NULL);"
);

// A lease in force has moved expires_at, but a clock may have jumped.
pub(super) static EXPIRE: Statement = statement!(
    "upload_expire",
    "DELETE FROM uploads WHERE id IN (
        SELECT id FROM uploads WHERE state = 9 AND expires_at <= $1 LIMIT $3
     );
     DELETE FROM uploads WHERE id IN (
        SELECT id FROM uploads
        WHERE state IN (0, 1) AND expires_at <= $1 AND (lease_until IS NULL OR lease_until <= $1)
        LIMIT $2
     )
     RETURNING storage_key;"
);

pub(super) static BURY: Statement = statement!(
    "upload_bury",
    "INSERT INTO storage_deletions (storage_key, not_before)
     SELECT unhex(value), $2 FROM json_each($1) WHERE true
     ON CONFLICT DO NOTHING"
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
    let results = transaction.run(&EXPIRE.bind(now.0).bind(limit).bind(FINISHED))?;
    let forgotten = results.first().map_or(0, |finished| finished.changes);
    let rows = results
        .last()
        .map_or(&[][..], |ended| ended.rows.as_slice());
    let keys = rows.iter().map(|row| parsed(row, 0, storage_key));
    let keys = keys.collect::<Result<Vec<StorageKey>, _>>()?;
    if !keys.is_empty() {
        let parameter = json_array(keys.iter().map(|key| hex(key.0.as_bytes())));
        transaction.run(
            &BURY
                .bind(parameter)
                .bind(now.plus(lifetimes.tombstone_delay).0),
        )?;
    }
    Ok(keys.len() as u64 + forgotten)
}
