//! Finding a blob, and keeping the promise that finding it makes.

use oci_types::{Digest, RepositoryName};
use registry_core::ports::{Lookup, StoredBlob};
use sqlx::postgres::PgRow;

use crate::database::{Verdict, Write};
use crate::error::ForeignValue;
use crate::rows::{Reading, optional, parsed, size, storage_key, value};
use crate::statement::{Bound, Statement, after, statement};

pub(super) static FIND: Statement = statement!(
    "blob_find",
    "SELECT link.size, blob.storage_key, coalesce(link.expires_at < ",
    after!("$3", "$4"),
    ", false)
     FROM repositories
     LEFT JOIN LATERAL (
        SELECT digest, size, expires_at FROM repository_blobs
        WHERE repository_id = repositories.id AND digest = $2 AND repository_blobs.deleted_at IS NULL LIMIT 1
     ) AS link ON true
     LEFT JOIN LATERAL (
        SELECT storage_key FROM blobs WHERE blobs.digest = link.digest LIMIT 1
     ) AS blob ON true
     WHERE path = $1 AND deleted_at IS NULL"
);

// Tests again what was found: meanwhile the link may be gone, or a manifest may hold it. If it waits for
// somebody who deletes the link, it finds nothing to extend; and so if another was quicker to extend it.
pub(super) static EXTEND: Statement = statement!(
    "blob_extend",
    "UPDATE repository_blobs SET expires_at = ",
    after!("$3", "$5"),
    " WHERE repository_id = (SELECT id FROM repositories WHERE path = $1 AND deleted_at IS NULL)
       AND digest = $2 AND deleted_at IS NULL AND expires_at < ",
    after!("$3", "$4"),
    " RETURNING digest"
);

/// A link that ends within `promise` is to end after `life`, both in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extension {
    pub(super) promise: i64,
    pub(super) life: i64,
}

/// A look-up in a repository.
#[derive(Debug, Clone, Copy)]
pub(super) struct Find<'a> {
    pub(super) repository: &'a RepositoryName,
    pub(super) digest: &'a Digest,
    pub(super) now: Option<i64>,
    pub(super) extension: Extension,
}

impl Find<'_> {
    pub(super) fn statement(&self) -> Bound {
        self.bind(&FIND)
    }

    /// The blob, and whether its link ends too soon.
    pub(super) fn found(&self, row: Option<&PgRow>) -> Reading<Lookup<(StoredBlob, bool)>> {
        let Some(row) = row else {
            return Ok(Lookup::NoRepository);
        };
        let Some(size) = optional(row, 0, size)? else {
            return Ok(Lookup::Absent);
        };
        let blob = StoredBlob {
            digest: *self.digest,
            size,
            storage_key: parsed(row, 1, storage_key)?,
        };
        Ok(Lookup::Found((blob, value(row, 2)?)))
    }

    fn bind(&self, statement: &'static Statement) -> Bound {
        statement
            .bind(self.repository.as_str())
            .bind(self.digest.to_bytes())
            .bind(self.now)
            .bind(self.extension.promise)
    }
}

/// Extends the link of what was found; `false` if there was none to extend any more.
pub(super) struct Extend<'a>(pub(super) Find<'a>);

impl Write for Extend<'_> {
    type Outcome = bool;

    fn statement(&self) -> Bound {
        self.0.bind(&EXTEND).bind(self.0.extension.life)
    }

    fn judge(&self, rows: &[PgRow]) -> Result<Verdict<bool>, ForeignValue> {
        Ok(Verdict::Done(!rows.is_empty()))
    }
}
