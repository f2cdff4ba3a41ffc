//! Taking a blob out of a repository.

use oci_types::{Digest, RepositoryName};
use registry_core::ports::BlobDeletion;
use sqlx::postgres::PgRow;

use crate::database::{Verdict, Write};
use crate::error::ForeignValue;
use crate::rows::{digest, optional, value};
use crate::statement::{Bound, Statement, statement};

// A manifest that comes to name the blob at the same time holds it by a foreign key, which makes this
// statement fail, or does not find it any more. One that waits for the blob although it is there names it,
// see `manifest_blobs`. If somebody else deletes the link first, it was found and is not among `deleted`.
pub(super) static DELETE: Statement = statement!(
    "blob_delete",
    "WITH link AS (
        SELECT repository_id FROM repository_blobs
        WHERE repository_id = (SELECT id FROM repositories WHERE path = $1 AND deleted_at IS NULL)
          AND digest = $2 AND deleted_at IS NULL
     ), named AS (
        SELECT manifest_id FROM manifest_blobs
        WHERE repository_id = (SELECT repository_id FROM link) AND linked = $2
        UNION ALL
        SELECT manifest_id FROM manifest_blobs
        WHERE repository_id = (SELECT repository_id FROM link) AND digest = $2 AND linked IS NULL
     ), holder AS (
        SELECT manifests.digest FROM named CROSS JOIN LATERAL (
            SELECT digest FROM manifests WHERE manifests.id = named.manifest_id LIMIT 1
        ) AS manifests LIMIT 1
     ), deleted AS (
        DELETE FROM repository_blobs
        WHERE repository_id = (SELECT repository_id FROM link) AND digest = $2 AND NOT EXISTS (SELECT FROM holder)
        RETURNING digest
     ), queued AS (
        INSERT INTO gc_blobs (digest, due) SELECT digest, berth_now($3) FROM deleted
        ON CONFLICT (digest) DO UPDATE SET due = excluded.due
     )
     SELECT EXISTS (SELECT FROM link), (SELECT digest FROM holder), EXISTS (SELECT FROM deleted)
     FROM repositories WHERE path = $1 AND deleted_at IS NULL"
);

pub(super) struct Delete<'a> {
    pub(super) repository: &'a RepositoryName,
    pub(super) digest: &'a Digest,
    pub(super) now: Option<i64>,
}

impl Write for Delete<'_> {
    type Outcome = BlobDeletion;

    fn statement(&self) -> Bound {
        DELETE
            .bind(self.repository.as_str())
            .bind(self.digest.to_bytes())
            .bind(self.now)
    }

    fn judge(&self, rows: &[PgRow]) -> Result<Verdict<BlobDeletion>, ForeignValue> {
        let Some(row) = rows.first() else {
            return Ok(Verdict::Refused(BlobDeletion::NoRepository));
        };
        if !value::<bool>(row, 0)? {
            return Ok(Verdict::Refused(BlobDeletion::Absent));
        }
        if let Some(manifest) = optional(row, 1, digest)? {
            return Ok(Verdict::Refused(BlobDeletion::Referenced { manifest }));
        }
        Ok(if value::<bool>(row, 2)? {
            Verdict::Done(BlobDeletion::Deleted)
        } else {
            Verdict::Disturbed
        })
    }
}
