//! Keeping a session and giving it up. Every step is one UPDATE of one row that names what it relies
//! on, and changes nothing where that no longer holds, also if it had to wait for whoever changed it.

use registry_core::ports::{Checkpoint, Claim, Claimed, Lease, LeaseAfter, LeaseHold};
use sqlx::postgres::PgRow;

use super::Lives;
use super::parts::{self, parts, record_parts};
use crate::database::{Verdict, Write};
use crate::error::ForeignValue;
use crate::rows::signed;
use crate::statement::{Bound, Statement, after, statement};

pub(super) static CHECKPOINT: Statement = statement!(
    "upload_checkpoint",
    "WITH session AS (
        UPDATE uploads SET committed = $7, hash_state = $8, object_state = $9,
            lease_until = CASE WHEN $13 THEN ",
    after!("$10", "$11"),
    " END, expires_at = ",
    after!("$10", "$12"),
    " WHERE id = $1 AND fence = $2 AND lease_until IS NOT NULL AND state = 0
        RETURNING id
     ), ",
    record_parts!(),
    " SELECT id FROM session"
);

pub(super) static RENEW: Statement = statement!(
    "upload_renew",
    "UPDATE uploads SET lease_until = ",
    after!("$3", "$4"),
    ", expires_at = ",
    after!("$3", "$5"),
    " WHERE id = $1 AND fence = $2 AND lease_until IS NOT NULL AND state < 9
     RETURNING id"
);

pub(super) static RELEASE: Statement = statement!(
    "upload_release",
    "UPDATE uploads SET lease_until = NULL, expires_at = ",
    after!("$3", "$4"),
    " WHERE id = $1 AND fence = $2 AND lease_until IS NOT NULL AND state < 9
     RETURNING id"
);

// What was recorded before is seen, because its holder waited for that.
pub(super) static CLAIM: Statement = statement!(
    "upload_claim",
    "WITH session AS (
        UPDATE uploads SET state = 1, digest = $7, size = $8, committed = $8, hash_state = $9, object_state = $10,
            lease_until = ",
    after!("$11", "$12"),
    ", expires_at = ",
    after!("$11", "$13"),
    " WHERE id = $1 AND fence = $2 AND lease_until IS NOT NULL AND state = 0
        RETURNING id
     ), ",
    record_parts!(),
    ", part AS (
        SELECT number, tag, size FROM upload_parts
        WHERE upload_id = (SELECT id FROM session) AND NOT $3 AND number <> ALL ($4)
        UNION ALL
        SELECT number, tag, size FROM recorded
     )
     SELECT ",
    parts!(),
    " FROM session"
);

/// A step that takes effect if, and only if, the lease is in force.
pub(super) enum Step {
    Checkpoint(Checkpoint),
    Renew,
    Release,
}

/// A step of the holder of a lease.
pub(super) struct Hold<S> {
    pub(super) lease: Lease,
    pub(super) step: S,
    pub(super) now: Option<i64>,
    pub(super) lives: Lives,
}

impl<S> Hold<S> {
    fn bind(&self, statement: &'static Statement) -> Bound {
        statement
            .bind(self.lease.id.0)
            .bind(signed(self.lease.fence))
    }
}

impl Write for Hold<Step> {
    type Outcome = LeaseHold;

    fn statement(&self) -> Bound {
        match &self.step {
            Step::Checkpoint(checkpoint) => parts::bind(self.bind(&CHECKPOINT), &checkpoint.stored)
                .bind(signed(checkpoint.committed))
                .bind(Vec::from(checkpoint.hash_state.clone()))
                .bind(&checkpoint.stored.state[..])
                .bind(self.now)
                .bind(self.lives.lease)
                .bind(self.lives.idle)
                .bind(checkpoint.lease == LeaseAfter::Keep),
            Step::Renew => self
                .bind(&RENEW)
                .bind(self.now)
                .bind(self.lives.lease)
                .bind(self.lives.idle),
            Step::Release => self.bind(&RELEASE).bind(self.now).bind(self.lives.idle),
        }
    }

    fn judge(&self, rows: &[PgRow]) -> Result<Verdict<LeaseHold>, ForeignValue> {
        Ok(Verdict::Done(if rows.is_empty() {
            LeaseHold::Lost
        } else {
            LeaseHold::Held
        }))
    }
}

impl Write for Hold<Claim> {
    type Outcome = Claimed;

    fn statement(&self) -> Bound {
        let claim = &self.step;
        parts::bind(self.bind(&CLAIM), &claim.stored)
            .bind(claim.digest.to_bytes())
            .bind(signed(claim.size))
            .bind(Vec::from(claim.hash_state.clone()))
            .bind(&claim.stored.state[..])
            .bind(self.now)
            .bind(self.lives.lease)
            .bind(self.lives.idle)
    }

    fn judge(&self, rows: &[PgRow]) -> Result<Verdict<Claimed>, ForeignValue> {
        Ok(Verdict::Done(match rows.first() {
            Some(row) => Claimed::Held(parts::read(row, 0)?),
            None => Claimed::Lost,
        }))
    }
}
