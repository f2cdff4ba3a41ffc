//! Taking a session, keeping it, giving it up. Every step is one UPDATE that names what it relies
//! on and changes nothing where that no longer holds.

use oci_types::RepositoryName;
use registry_core::ports::{
    Acquisition, Checkpoint, Claim, Lease, LeaseAfter, LeasedUpload, Lifetimes, MetadataError,
    StorageKey, Timestamp, UploadId, UploadObject, UploadPurpose,
};
use rusqlite::Connection;

use super::{DONE, parts};
use crate::rows::{
    algorithm, digest, hash_state, object, opaque, optional, parsed, signed, size, value,
};
use crate::statement::{Bound, Statement, statement};
use crate::value::Row;
use crate::writer::Transaction;

/// SQL for where a session stands, for when it could not be had.
macro_rules! standing {
    () => {
        "SELECT state, committed, lease_until > $3, digest FROM uploads
         WHERE id = $1
           AND repository_id = (SELECT id FROM repositories WHERE path = $2 AND deleted_at IS NULL);"
    };
}

/// SQL for what is told of a session that was acquired.
macro_rules! acquired {
    () => {
        " RETURNING fence, committed, algorithm, hash_state, storage_key, object_state;"
    };
}

pub(super) static ACQUIRE_TO_WRITE: Statement = statement!(
    "upload_acquire",
    "UPDATE uploads SET fence = fence + 1, lease_until = $4, expires_at = $5
     WHERE id = $1
       AND repository_id = (SELECT id FROM repositories WHERE path = $2 AND deleted_at IS NULL)
       AND (lease_until IS NULL OR lease_until <= $3)
       AND state = 0 AND ($6 IS NULL OR committed = $6)",
    acquired!(),
    standing!()
);

// To publish also one that finalizes for the same digest and whose holder is gone.
pub(super) static ACQUIRE_WHOLE: Statement = statement!(
    "upload_acquire_whole",
    "UPDATE uploads SET fence = fence + 1, lease_until = $4, expires_at = $5, state = 1, digest = $6, size = $7
     WHERE id = $1
       AND repository_id = (SELECT id FROM repositories WHERE path = $2 AND deleted_at IS NULL)
       AND (lease_until IS NULL OR lease_until <= $3)
       AND committed = 0 AND (state = 0 OR (state = 1 AND digest = $6 AND size = $7))",
    acquired!(),
    standing!()
);

pub(super) static ACQUIRE_TO_FINISH: Statement = statement!(
    "upload_acquire_finish",
    "UPDATE uploads SET fence = fence + 1, lease_until = $4, expires_at = $5, state = 1, digest = $6, size = committed
     WHERE id = $1
       AND repository_id = (SELECT id FROM repositories WHERE path = $2 AND deleted_at IS NULL)
       AND (lease_until IS NULL OR lease_until <= $3)
       AND (state = 0 OR (state = 1 AND digest = $6 AND size = committed))",
    acquired!(),
    standing!()
);

pub(super) static CHECKPOINT: Statement = statement!(
    "upload_checkpoint",
    "UPDATE uploads SET committed = $3, hash_state = $4, object_state = $5, lease_until = $6, expires_at = $7
     WHERE id = $1 AND fence = $2 AND lease_until IS NOT NULL AND state = 0"
);

pub(super) static RENEW: Statement = statement!(
    "upload_renew",
    "UPDATE uploads SET lease_until = $3, expires_at = $4
     WHERE id = $1 AND fence = $2 AND lease_until IS NOT NULL AND state < 9"
);

pub(super) static RELEASE: Statement = statement!(
    "upload_release",
    "UPDATE uploads SET lease_until = NULL, expires_at = $3
     WHERE id = $1 AND fence = $2 AND lease_until IS NOT NULL AND state < 9"
);

pub(super) static CLAIM: Statement = statement!(
    "upload_claim",
    "UPDATE uploads SET state = 1, digest = $3, size = $4, committed = $4, hash_state = $5, object_state = $6,
        lease_until = $7, expires_at = $8
     WHERE id = $1 AND fence = $2 AND lease_until IS NOT NULL AND state = 0"
);

// Reads every session, once at each start.
pub(super) static VOID: Statement = statement!(
    "upload_void",
    "UPDATE uploads SET lease_until = NULL WHERE lease_until IS NOT NULL"
);

/// Ends the leases of an earlier process, whose holders are gone with it.
pub(crate) fn void_leases(connection: &Connection) -> rusqlite::Result<()> {
    VOID.bound().run(connection).map(drop)
}

pub(super) fn checkpoint(
    lease: Lease,
    checkpoint: &Checkpoint,
    now: Timestamp,
    lifetimes: &Lifetimes,
) -> Bound {
    let lease_until = match checkpoint.lease {
        LeaseAfter::Keep => Some(now.plus(lifetimes.upload_lease).0),
        LeaseAfter::Release => None,
    };
    bind(&CHECKPOINT, lease)
        .bind(signed(checkpoint.committed))
        .bind(Vec::from(checkpoint.hash_state.clone()))
        .bind(checkpoint.stored.state.clone())
        .bind(lease_until)
        .bind(now.plus(lifetimes.upload_idle).0)
}

pub(super) fn renew(lease: Lease, now: Timestamp, lifetimes: &Lifetimes) -> Bound {
    bind(&RENEW, lease)
        .bind(now.plus(lifetimes.upload_lease).0)
        .bind(now.plus(lifetimes.upload_idle).0)
}

pub(super) fn release(lease: Lease, now: Timestamp, lifetimes: &Lifetimes) -> Bound {
    bind(&RELEASE, lease).bind(now.plus(lifetimes.upload_idle).0)
}

pub(super) fn claim(lease: Lease, claim: &Claim, now: Timestamp, lifetimes: &Lifetimes) -> Bound {
    bind(&CLAIM, lease)
        .bind(claim.digest.to_bytes())
        .bind(signed(claim.size))
        .bind(Vec::from(claim.hash_state.clone()))
        .bind(claim.stored.state.clone())
        .bind(now.plus(lifetimes.upload_lease).0)
        .bind(now.plus(lifetimes.upload_idle).0)
}

fn bind(statement: &'static Statement, lease: Lease) -> Bound {
    statement
        .bind(lease.id.0.as_bytes().as_slice())
        .bind(signed(lease.fence))
}

pub(super) struct Acquire {
    pub(super) repository: RepositoryName,
    pub(super) id: UploadId,
    pub(super) purpose: UploadPurpose,
    pub(super) now: Timestamp,
    pub(super) lifetimes: Lifetimes,
}

impl Acquire {
    pub(super) fn run(self, transaction: &mut Transaction) -> Result<Acquisition, MetadataError> {
        let results = transaction.run(&self.acquire())?;
        if let Some(row) = results.first().and_then(|acquired| acquired.rows.first()) {
            let mut upload = self.leased(row)?;
            if matches!(self.purpose, UploadPurpose::Finish { .. }) {
                upload.parts = parts::list(transaction, self.id, &upload.object.state)?;
            }
            return Ok(Acquisition::Leased(upload));
        }
        match results.last().and_then(|standing| standing.rows.first()) {
            Some(row) => self.refused(row),
            None => Ok(Acquisition::Absent),
        }
    }

    fn acquire(&self) -> Bound {
        let bind = |statement: &'static Statement| {
            statement
                .bind(self.id.0.as_bytes().as_slice())
                .bind(self.repository.as_str())
                .bind(self.now.0)
                .bind(self.now.plus(self.lifetimes.upload_lease).0)
                .bind(self.now.plus(self.lifetimes.upload_idle).0)
        };
        match self.purpose {
            UploadPurpose::Write { expected } => bind(&ACQUIRE_TO_WRITE).bind(expected.map(signed)),
            UploadPurpose::Whole { digest, size } => bind(&ACQUIRE_WHOLE)
                .bind(digest.to_bytes())
                .bind(signed(size)),
            UploadPurpose::Finish { digest } => bind(&ACQUIRE_TO_FINISH).bind(digest.to_bytes()),
        }
    }

    fn leased(&self, row: &Row) -> Result<LeasedUpload, MetadataError> {
        let fence = parsed(row, 0, size)?;
        let session = parsed(row, 4, object)?;
        Ok(LeasedUpload {
            lease: Lease { id: self.id, fence },
            object: UploadObject {
                key: StorageKey { session, fence },
                committed: parsed(row, 1, size)?,
                state: opaque(row, 5)?,
            },
            parts: Vec::new(),
            algorithm: parsed(row, 2, algorithm)?,
            hash_state: optional(row, 3, hash_state)?,
        })
    }

    /// Why a session that is there could not be had.
    fn refused(&self, row: &Row) -> Result<Acquisition, MetadataError> {
        if value::<i64>(row, 0)? == DONE {
            return Ok(Acquisition::Done {
                digest: parsed(row, 3, digest)?,
            });
        }
        if value::<Option<bool>>(row, 2)?.unwrap_or(false) {
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
