//! Ending sessions: a client cancels, or nobody comes any more. Whoever holds the lease finds it
//! lost at the next step, and what it stored is deleted when late writers are gone.

use oci_types::RepositoryName;
use registry_core::ports::UploadId;
use sqlx::postgres::PgRow;

use super::Lives;
use crate::database::{Verdict, Write};
use crate::error::ForeignValue;
use crate::rows::{parsed, size, value};
use crate::statement::{Bound, Statement, after, statement};

/// Finished sessions forgotten at a time; they are small, and there are more of them.
const FINISHED: i64 = 10_000;

// If the session is finalized at the same time, one of the two waits and finds it gone or done.
pub(super) static CANCEL: Statement = statement!(
    "upload_cancel",
    "WITH ended AS (
        DELETE FROM uploads
        WHERE id = $1 AND state < 9
          AND repository_id = (SELECT id FROM repositories WHERE path = $2 AND deleted_at IS NULL)
        RETURNING object, fence, object_state
     ), buried AS (
        INSERT INTO storage_deletions (object, fence, state, not_before)
        SELECT object, fence, object_state, ",
    after!("$3", "$4"),
    "   FROM ended ON CONFLICT DO NOTHING
     )
     SELECT EXISTS (SELECT FROM ended)"
);

// Any number of processes do this at once: each takes what no other has locked. A session that was touched
// meanwhile is tested again. A lease in force has moved expires_at, but a clock may have jumped.
pub(super) static EXPIRE: Statement = statement!(
    "upload_expire",
    "WITH forgotten AS (
        DELETE FROM uploads WHERE id = ANY (ARRAY (
            SELECT id FROM uploads WHERE state = 9 AND expires_at <= berth_now($1)
            ORDER BY state, expires_at LIMIT $3 FOR UPDATE SKIP LOCKED
        ))
        RETURNING id
     ), ended AS (
        DELETE FROM uploads WHERE id = ANY (ARRAY (
            SELECT id FROM uploads
            WHERE state IN (0, 1) AND expires_at <= berth_now($1)
              AND (lease_until IS NULL OR lease_until <= berth_now($1))
            LIMIT $2 FOR UPDATE SKIP LOCKED
        ))
        RETURNING object, fence, object_state
     ), buried AS (
        INSERT INTO storage_deletions (object, fence, state, not_before)
        SELECT object, fence, object_state, ",
    after!("$1", "$4"),
    "   FROM ended ON CONFLICT DO NOTHING
     )
     SELECT (SELECT count(*) FROM forgotten) + (SELECT count(*) FROM ended)"
);

pub(super) struct Cancel<'a> {
    pub(super) repository: &'a RepositoryName,
    pub(super) id: UploadId,
    pub(super) now: Option<i64>,
    pub(super) lives: Lives,
}

impl Write for Cancel<'_> {
    type Outcome = bool;

    fn statement(&self) -> Bound {
        CANCEL
            .bind(self.id.0)
            .bind(self.repository.as_str())
            .bind(self.now)
            .bind(self.lives.tombstone)
    }

    fn judge(&self, rows: &[PgRow]) -> Result<Verdict<bool>, ForeignValue> {
        let ended = rows.first().map(|row| value(row, 0)).transpose()?;
        Ok(Verdict::Done(ended.unwrap_or(false)))
    }
}

pub(super) struct Expire {
    pub(super) limit: u32,
    pub(super) now: Option<i64>,
    pub(super) lives: Lives,
}

impl Write for Expire {
    type Outcome = u64;

    fn statement(&self) -> Bound {
        EXPIRE
            .bind(self.now)
            .bind(i64::from(self.limit))
            .bind(FINISHED)
            .bind(self.lives.tombstone)
    }

    fn judge(&self, rows: &[PgRow]) -> Result<Verdict<u64>, ForeignValue> {
        let count = rows.first().map(|row| parsed(row, 0, size)).transpose()?;
        Ok(Verdict::Done(count.unwrap_or_default()))
    }
}
