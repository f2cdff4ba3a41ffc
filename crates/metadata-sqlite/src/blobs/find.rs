//! Finding a blob, and keeping the promise that finding it makes.

use oci_types::{Digest, RepositoryName};
use registry_core::ports::{Lookup, MetadataError, StoredBlob, Timestamp};

use crate::readers::Readers;
use crate::rows::{optional, parsed, size, storage_key, value};
use crate::statement::{Statement, statement};
use crate::value::Row;
use crate::writer::Transaction;

macro_rules! find {
    () => {
        "SELECT repository_blobs.size, blobs.storage_key, repository_blobs.expires_at
         FROM repositories
         LEFT JOIN repository_blobs ON repository_blobs.repository_id = repositories.id
           AND repository_blobs.digest = $2 AND repository_blobs.deleted_at IS NULL
         LEFT JOIN blobs ON blobs.digest = repository_blobs.digest
         WHERE repositories.path = $1 AND repositories.deleted_at IS NULL"
    };
}

pub(super) static FIND: Statement = statement!("blob_find", find!());

// Tests again what the reader saw: meanwhile the link may be gone, or a manifest may hold it.
pub(super) static EXTEND: Statement = statement!(
    "blob_extend",
    "UPDATE repository_blobs SET expires_at = $4
     WHERE repository_id = (SELECT id FROM repositories WHERE path = $1 AND deleted_at IS NULL)
       AND digest = $2 AND deleted_at IS NULL AND expires_at < $3;",
    find!()
);

/// A link that ends before `promise` is to end at `expires_at`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extension {
    pub(super) promise: Timestamp,
    pub(super) expires_at: Timestamp,
}

/// The blob, and when its link ends.
pub(super) async fn read(
    readers: &Readers,
    repository: &RepositoryName,
    digest: &Digest,
) -> Result<Lookup<(StoredBlob, Option<Timestamp>)>, MetadataError> {
    let row = readers
        .row(FIND.bind(repository.as_str()).bind(digest.to_bytes()))
        .await?;
    found(row.as_ref(), digest)
}

pub(super) fn extend(
    transaction: &mut Transaction,
    repository: &RepositoryName,
    digest: &Digest,
    extension: Extension,
) -> Result<Lookup<StoredBlob>, MetadataError> {
    let extend = EXTEND
        .bind(repository.as_str())
        .bind(digest.to_bytes())
        .bind(extension.promise.0)
        .bind(extension.expires_at.0);
    let row = transaction.row(&extend)?;
    Ok(match found(row.as_ref(), digest)? {
        Lookup::Found((blob, _)) => Lookup::Found(blob),
        Lookup::Absent => Lookup::Absent,
        Lookup::NoRepository => Lookup::NoRepository,
    })
}

fn found(
    row: Option<&Row>,
    digest: &Digest,
) -> Result<Lookup<(StoredBlob, Option<Timestamp>)>, MetadataError> {
    let Some(row) = row else {
        return Ok(Lookup::NoRepository);
    };
    let Some(size) = optional(row, 0, size)? else {
        return Ok(Lookup::Absent);
    };
    let blob = StoredBlob {
        digest: *digest,
        size,
        storage_key: parsed(row, 1, storage_key)?,
    };
    Ok(Lookup::Found((
        blob,
        value::<Option<i64>>(row, 2)?.map(Timestamp),
    )))
}
