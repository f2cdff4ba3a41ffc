//! Finalizing: the commit point of a blob's push.

use registry_core::change::Guard;
use registry_core::ports::{ExistingBlob, Finalization, FinishedUpload};
use sqlx::postgres::PgRow;

use super::Lives;
use crate::blobs::{held_before, link_blob};
use crate::database::{Verdict, Write};
use crate::error::ForeignValue;
use crate::rows::{signed, value};
use crate::statement::{Bound, Statement, after, statement};

/// 1. `home`: the session is done, if it is this holder's and for no other blob. It comes first, so
///    that a holder that was fenced out locks nothing that others want; without it nothing is written.
/// 2. `published`: the blob exists; the bytes are this session's unless they were `known`. Any number of
///    pushes hold the row of a blob that is known (KEY SHARE), and none waits for another. Where it is
///    not, the unique key decides: the second waits for the first and is not returned. If it goes at this
///    moment, it is waited for and then not known.
/// 3. `buried`: what is not needed of what the session has stored gets a tombstone.
/// 4. The repository holds it, see [`link_blob`].
pub(super) static FINALIZE: Statement = statement!(
    "upload_finalize",
    "WITH home AS (
        UPDATE uploads SET state = 9, digest = $3, size = $8, lease_until = NULL, hash_state = NULL, expires_at = ",
    after!("$4", "$6"),
    " FROM repositories
        WHERE uploads.id = $1 AND uploads.fence = $2 AND uploads.lease_until IS NOT NULL
          AND (uploads.state = 0 OR (uploads.state = 1 AND uploads.digest = $3))
          AND repositories.id = uploads.repository_id AND repositories.deleted_at IS NULL
        RETURNING repositories.id, repositories.namespace_id, $8::bigint AS size,
            uploads.object, uploads.fence, uploads.object_state
     ), known AS (
        SELECT FROM blobs WHERE digest = $3 AND EXISTS (SELECT FROM home) FOR KEY SHARE
     ), published AS (
        INSERT INTO blobs (digest, size, storage_key)
        SELECT $3, home.size, $9 FROM home WHERE NOT EXISTS (SELECT FROM known)
        ON CONFLICT (digest) DO NOTHING RETURNING digest
     ), buried AS (
        INSERT INTO storage_deletions (object, fence, keep, state, not_before)
        SELECT home.object, home.fence, CASE WHEN EXISTS (SELECT FROM published) THEN $10::bigint END,
            home.object_state, ",
    after!("$4", "$7"),
    "   FROM home WHERE $11 OR NOT EXISTS (SELECT FROM published)
        ON CONFLICT DO NOTHING
     ), ",
    link_blob!(),
    "SELECT ",
    held_before!(),
    ", EXISTS (SELECT FROM published) FROM home"
);

pub(super) struct Finalize {
    pub(super) guard: Guard<ExistingBlob>,
    pub(super) upload: FinishedUpload,
    pub(super) now: Option<i64>,
    pub(super) lives: Lives,
}

impl Write for Finalize {
    type Outcome = Finalization;

    fn statement(&self) -> Bound {
        let upload = &self.upload;
        FINALIZE
            .bind(upload.lease.id.0)
            .bind(signed(upload.lease.fence))
            .bind(upload.digest.to_bytes())
            .bind(self.now)
            .bind(self.lives.link)
            .bind(self.lives.done)
            .bind(self.lives.tombstone)
            .bind(signed(upload.size))
            .bind(upload.published.key.to_bytes())
            .bind(signed(upload.published.key.fence))
            .bind(upload.published.leftovers)
    }

    fn judge(&self, rows: &[PgRow]) -> Result<Verdict<Finalization>, ForeignValue> {
        let Some(row) = rows.first() else {
            return Ok(Verdict::Refused(Finalization::Lost));
        };
        let existing = ExistingBlob {
            linked: value(row, 0)?,
            charged: value(row, 1)?,
            size: self.upload.size,
        };
        if let Err(refusal) = self.guard.check(&existing) {
            return Ok(Verdict::Refused(Finalization::Refused(refusal)));
        }
        Ok(Verdict::Done(if value::<bool>(row, 2)? {
            Finalization::Published
        } else {
            Finalization::Deduplicated
        }))
    }
}
