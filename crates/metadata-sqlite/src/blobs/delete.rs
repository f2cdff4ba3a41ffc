//! Taking a blob out of a repository.

use oci_types::{Digest, RepositoryName};
use registry_core::ports::{BlobDeletion, MetadataError, Timestamp};

use crate::cache::Key;
use crate::rows::{digest, optional, value};
use crate::statement::{Statement, statement};
use crate::writer::Transaction;

pub(super) static FIND: Statement = statement!(
    "blob_delete_find",
    "SELECT repositories.id, repository_blobs.digest IS NOT NULL, (
        SELECT manifests.digest FROM manifest_blobs
        JOIN manifests ON manifests.id = manifest_blobs.manifest_id
        WHERE manifest_blobs.repository_id = repositories.id AND manifest_blobs.linked = $2 LIMIT 1
     )
     FROM repositories
     LEFT JOIN repository_blobs ON repository_blobs.repository_id = repositories.id
       AND repository_blobs.digest = $2 AND repository_blobs.deleted_at IS NULL
     WHERE repositories.path = $1 AND repositories.deleted_at IS NULL"
);

pub(super) static DELETE: Statement = statement!(
    "blob_delete",
    "DELETE FROM repository_blobs WHERE repository_id = $1 AND digest = $2;
     INSERT INTO gc_blobs (digest, due) VALUES ($2, $3) ON CONFLICT DO UPDATE SET due = excluded.due;"
);

pub(super) fn run(
    transaction: &mut Transaction,
    repository: &RepositoryName,
    blob: &Digest,
    now: Timestamp,
) -> Result<BlobDeletion, MetadataError> {
    let bytes = blob.to_bytes();
    let Some(row) = transaction.row(&FIND.bind(repository.as_str()).bind(bytes.as_slice()))? else {
        return Ok(BlobDeletion::NoRepository);
    };
    if !value::<bool>(&row, 1)? {
        return Ok(BlobDeletion::Absent);
    }
    if let Some(manifest) = optional(&row, 2, digest)? {
        return Ok(BlobDeletion::Referenced { manifest });
    }
    let repository_id: i64 = value(&row, 0)?;
    transaction.run(&DELETE.bind(repository_id).bind(bytes).bind(now.0))?;
    transaction.touch(Key::blob(repository, blob));
    Ok(BlobDeletion::Deleted)
}
