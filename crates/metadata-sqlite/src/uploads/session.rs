//! Opening a session, and seeing where one stands.

use oci_types::RepositoryName;
use registry_core::ports::{
    Lifetimes, MetadataError, NewUpload, Timestamp, UploadId, UploadProgress, UploadStart,
    UploadState,
};
use uuid::Uuid;

use super::{DONE, FINALIZING, OPEN};
use crate::readers::Readers;
use crate::rows::{
    algorithm, algorithm_number, digest, hash_state, hex, json_array, object, optional, parsed,
    signed, size, value,
};
use crate::statement::{Bound, Statement, ensure_repository, statement};
use crate::value::Row;

pub(super) static CREATE: Statement = statement!(
    "upload_create",
    ensure_repository!(),
    "INSERT INTO uploads (
        id, repository_id, algorithm, storage_key, state, fence, lease_until, committed, digest, size, expires_at
     )
     VALUES (
        $3, (SELECT id FROM repositories WHERE path = $1 AND deleted_at IS NULL), $4, $5, $6, $7, $8, 0, $9, $10, $11
     );"
);

pub(super) static FIND: Statement = statement!(
    "upload_find",
    "SELECT committed, algorithm, hash_state, state, digest, size FROM uploads
     WHERE id = $1
       AND repository_id = (SELECT id FROM repositories WHERE path = $2 AND deleted_at IS NULL)"
);

// Reads every session, now and then.
pub(super) static LIVE: Statement = statement!(
    "upload_live",
    "SELECT storage_key FROM uploads
     WHERE state < 9 AND storage_key IN (SELECT unhex(value) FROM json_each($1))"
);

pub(super) fn create(upload: &NewUpload, now: Timestamp, lifetimes: &Lifetimes) -> Bound {
    let (state, claimed) = match &upload.start {
        UploadStart::Open | UploadStart::Leased => (OPEN, None),
        UploadStart::Finalizing { digest, size } => {
            (FINALIZING, Some((digest.to_bytes(), signed(*size))))
        }
    };
    let (fence, lease_until) = match upload.start {
        UploadStart::Open => (0_i64, None),
        UploadStart::Leased | UploadStart::Finalizing { .. } => {
            (1, Some(now.plus(lifetimes.upload_lease).0))
        }
    };
    let (digest, size) = claimed.unzip();
    CREATE
        .bind(upload.repository.as_str())
        .bind(upload.repository.namespace())
        .bind(upload.id.0.as_bytes().as_slice())
        .bind(algorithm_number(upload.algorithm))
        .bind(upload.object.as_bytes().as_slice())
        .bind(state)
        .bind(fence)
        .bind(lease_until)
        .bind(digest)
        .bind(size)
        .bind(now.plus(lifetimes.upload_idle).0)
}

pub(super) async fn find(
    readers: &Readers,
    repository: &RepositoryName,
    id: UploadId,
) -> Result<Option<UploadProgress>, MetadataError> {
    let find = FIND
        .bind(id.0.as_bytes().as_slice())
        .bind(repository.as_str());
    let row = readers.row(find).await?;
    row.as_ref().map(progress).transpose()
}

pub(super) async fn live(readers: &Readers, objects: &[Uuid]) -> Result<Vec<Uuid>, MetadataError> {
    let objects = json_array(objects.iter().map(|object| hex(object.as_bytes())));
    let rows = readers.rows(LIVE.bind(objects)).await?;
    rows.iter().map(|row| parsed(row, 0, object)).collect()
}

fn progress(row: &Row) -> Result<UploadProgress, MetadataError> {
    let state = match value::<i64>(row, 3)? {
        DONE => UploadState::Done {
            digest: parsed(row, 4, digest)?,
        },
        FINALIZING => UploadState::Finalizing {
            digest: parsed(row, 4, digest)?,
            size: parsed(row, 5, size)?,
        },
        _ => UploadState::Open,
    };
    Ok(UploadProgress {
        committed: parsed(row, 0, size)?,
        algorithm: parsed(row, 1, algorithm)?,
        hash_state: optional(row, 2, hash_state)?,
        state,
    })
}
