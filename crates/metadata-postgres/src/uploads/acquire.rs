//! Taking a session: to write, or to publish.

use bytes::Bytes;
use oci_types::{Digest, RepositoryName};
use registry_core::ports::{
    Acquisition, Lease, LeasedUpload, StorageKey, UploadId, UploadObject, UploadPurpose,
};
use sqlx::postgres::PgRow;

use super::parts::{self, parts};
use super::{DONE, Lives};
use crate::database::{Verdict, Write};
use crate::error::ForeignValue;
use crate::rows::{Reading, algorithm, digest, hash_state, optional, parsed, signed, size, value};
use crate::statement::{Bound, Statement, after, statement};

/// SQL that takes session `$2` of repository `$1` if a condition on it holds, and tells where it stood.
///
/// Whoever is second waits for the first, and then the condition is tested on what the first left:
/// one of two wins. The second finds that the session was there for the taking (`free`) and that it
/// did not get it, and asks again why.
///
/// `standing` and `part` are what was there when the statement began. If another gave the session up
/// just then, more may be recorded than they show: `undisturbed` tells whether that can be.
macro_rules! acquire {
    ($name:literal, $condition:literal, $change:literal, $part:literal) => {
        statement!(
            $name,
            "WITH standing AS (
                SELECT uploads.id, uploads.state, uploads.fence, uploads.committed, uploads.digest, uploads.object_state,
                    coalesce(lease_until > berth_now($3), false) AS held,
                    (lease_until IS NULL OR lease_until <= berth_now($3)) AND ",
            $condition,
            " AS free
                FROM uploads
                WHERE uploads.id = $2
                  AND uploads.repository_id = (SELECT id FROM repositories WHERE path = $1 AND deleted_at IS NULL)
             ), acquired AS (
                UPDATE uploads SET fence = uploads.fence + 1, lease_until = ",
            after!("$3", "$4"),
            ", expires_at = ",
            after!("$3", "$5"),
            $change,
            " FROM standing
                WHERE uploads.id = $2 AND uploads.id = standing.id
                  AND (lease_until IS NULL OR lease_until <= berth_now($3)) AND ",
            $condition,
            " RETURNING uploads.fence, uploads.committed, uploads.algorithm, uploads.hash_state, uploads.object,
                uploads.object_state,
                uploads.fence = standing.fence + 1 AND uploads.committed = standing.committed
                  AND uploads.object_state = standing.object_state AS undisturbed
             ), part AS (",
            $part,
            ")
             SELECT standing.state, standing.committed, standing.digest, standing.held, standing.free,
                acquired.fence, acquired.committed, acquired.algorithm, acquired.hash_state, acquired.object,
                acquired.object_state, acquired.undisturbed, ",
            parts!(),
            " FROM standing LEFT JOIN acquired ON true"
        )
    };
}

pub(super) static TO_WRITE: Statement = acquire!(
    "upload_acquire",
    "uploads.state = 0 AND ($6::bigint IS NULL OR uploads.committed = $6)",
    "",
    "SELECT NULL::integer AS number, NULL::text AS tag, NULL::bigint AS size WHERE false"
);

// To publish also one that finalizes for the same digest and whose holder is gone.
pub(super) static WHOLE: Statement = acquire!(
    "upload_acquire_whole",
    "uploads.committed = 0 AND (
        uploads.state = 0 OR (uploads.state = 1 AND uploads.digest = $6 AND uploads.size = $7)
     )",
    ", state = 1, digest = $6, size = $7",
    "SELECT NULL::integer AS number, NULL::text AS tag, NULL::bigint AS size WHERE false"
);

pub(super) static TO_FINISH: Statement = acquire!(
    "upload_acquire_finish",
    "(uploads.state = 0 OR (uploads.state = 1 AND uploads.digest = $6 AND uploads.size = uploads.committed))",
    ", state = 1, digest = $6, size = uploads.committed",
    "SELECT number, tag, size FROM upload_parts WHERE upload_id = $2 AND EXISTS (SELECT FROM acquired)"
);

pub(super) struct Acquire<'a> {
    pub(super) repository: &'a RepositoryName,
    pub(super) id: UploadId,
    pub(super) purpose: UploadPurpose,
    pub(super) now: Option<i64>,
    pub(super) lives: Lives,
}

/// How a session was taken.
pub(super) enum Taken {
    /// As it is told, or not at all.
    Told(Acquisition),
    /// Its parts must be asked for: another recorded some just before.
    WithoutParts(LeasedUpload),
}

impl Write for Acquire<'_> {
    type Outcome = Taken;

    fn statement(&self) -> Bound {
        let bind = |statement: &'static Statement| {
            statement
                .bind(self.repository.as_str())
                .bind(self.id.0)
                .bind(self.now)
                .bind(self.lives.lease)
                .bind(self.lives.idle)
        };
        match self.purpose {
            UploadPurpose::Write { expected } => bind(&TO_WRITE).bind(expected.map(signed)),
            UploadPurpose::Whole { digest, size } => {
                bind(&WHOLE).bind(digest.to_bytes()).bind(signed(size))
            }
            UploadPurpose::Finish { digest } => bind(&TO_FINISH).bind(digest.to_bytes()),
        }
    }

    fn judge(&self, rows: &[PgRow]) -> Result<Verdict<Taken>, ForeignValue> {
        let Some(row) = rows.first() else {
            return Ok(Verdict::Refused(Taken::Told(Acquisition::Absent)));
        };
        let Some(fence) = optional(row, 5, size)? else {
            return if value(row, 4)? {
                Ok(Verdict::Disturbed)
            } else {
                Ok(Verdict::Refused(Taken::Told(self.refused(row)?)))
            };
        };
        let upload = self.leased(row, fence)?;
        let finishes = matches!(self.purpose, UploadPurpose::Finish { .. });
        Ok(Verdict::Done(if finishes && !value::<bool>(row, 11)? {
            Taken::WithoutParts(upload)
        } else {
            Taken::Told(Acquisition::Leased(upload))
        }))
    }
}

impl Acquire<'_> {
    fn leased(&self, row: &PgRow, fence: u64) -> Reading<LeasedUpload> {
        let state: Vec<u8> = value(row, 10)?;
        Ok(LeasedUpload {
            lease: Lease { id: self.id, fence },
            object: UploadObject {
                key: StorageKey {
                    session: value(row, 9)?,
                    fence,
                },
                committed: parsed(row, 6, size)?,
                state: Bytes::from(state),
            },
            parts: parts::read(row, 12)?,
            algorithm: parsed(row, 7, algorithm)?,
            hash_state: optional(row, 8, hash_state)?,
        })
    }

    /// Why a session that is there could not be had.
    fn refused(&self, row: &PgRow) -> Reading<Acquisition> {
        if value::<i16>(row, 0)? == DONE {
            let digest: Digest = parsed(row, 2, digest)?;
            return Ok(Acquisition::Done { digest });
        }
        if value::<bool>(row, 3)? {
            return Ok(Acquisition::Busy);
        }
        let committed = parsed(row, 1, size)?;
        let expected = match self.purpose {
            UploadPurpose::Write { expected } => expected,
            UploadPurpose::Whole { .. } => Some(0),
            UploadPurpose::Finish { .. } => None,
        };
        // Where it stands as expected, it is claimed for a digest other than ours, if ours is known
        // at all: from it nothing can come of this request.
        Ok(if expected.is_some_and(|expected| expected != committed) {
            Acquisition::Elsewhere { committed }
        } else {
            Acquisition::Absent
        })
    }
}
