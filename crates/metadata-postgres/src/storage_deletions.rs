//! Tombstones: what sessions left, waiting to be deleted.

use async_trait::async_trait;
use bytes::Bytes;
use registry_core::ports::{Leftovers, MetadataError, StorageDeletions, StorageKey};
use sqlx::postgres::PgRow;

use crate::PostgresMetadata;
use crate::database::{Effect, Verdict, Write};
use crate::error::ForeignValue;
use crate::rows::{Reading, optional, parsed, signed, size, value};
use crate::statement::{Bound, Statement, after, statement};
use crate::time::milliseconds;

pub(crate) const STATEMENTS: &[&Statement] = &[&TAKE, &FORGET];

// Any number of processes do this at once: each takes what no other has locked or just taken.
static TAKE: Statement = statement!(
    "storage_deletion_take",
    "WITH due AS (
        SELECT object, not_before FROM storage_deletions
        WHERE not_before <= berth_now($1) ORDER BY not_before LIMIT $2 FOR UPDATE SKIP LOCKED
     ), taken AS (
        UPDATE storage_deletions AS known SET not_before = ",
    after!("$1", "$3"),
    "   FROM due WHERE known.object = due.object
        RETURNING known.object, fence, keep, state, due.not_before
     )
     SELECT object, fence, keep, state FROM taken ORDER BY not_before"
);

// By all that says how much is to go: one that asks for more meanwhile stays.
static FORGET: Statement = statement!(
    "storage_deletion_forget",
    "DELETE FROM storage_deletions WHERE object = ANY (ARRAY (
        SELECT known.object FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS gone (object, fence, keep)
        CROSS JOIN LATERAL (
            SELECT object FROM storage_deletions AS known
            WHERE known.object = gone.object AND known.fence = gone.fence AND known.keep IS NOT DISTINCT FROM gone.keep
            LIMIT 1
        ) AS known
     ))"
);

#[async_trait]
impl StorageDeletions for PostgresMetadata {
    async fn take_deletions(&self, limit: u32) -> Result<Vec<Leftovers>, MetadataError> {
        let take = Take {
            limit,
            now: self.time.now(),
            again: milliseconds(self.lifetimes.tombstone_delay),
        };
        self.primary.write(Effect::Decided, &take).await
    }

    async fn forget_deletions(&self, gone: &[Leftovers]) -> Result<(), MetadataError> {
        if gone.is_empty() {
            return Ok(());
        }
        self.primary.write(Effect::Decided, &Forget(gone)).await
    }
}

struct Take {
    limit: u32,
    now: Option<i64>,
    again: i64,
}

impl Write for Take {
    type Outcome = Vec<Leftovers>;

    fn statement(&self) -> Bound {
        TAKE.bind(self.now)
            .bind(i64::from(self.limit))
            .bind(self.again)
    }

    fn judge(&self, rows: &[PgRow]) -> Result<Verdict<Vec<Leftovers>>, ForeignValue> {
        let taken = rows.iter().map(leftovers).collect::<Reading<_>>();
        Ok(Verdict::Done(taken?))
    }
}

struct Forget<'a>(&'a [Leftovers]);

impl Write for Forget<'_> {
    type Outcome = ();

    fn statement(&self) -> Bound {
        let objects = self.0.iter().map(|gone| gone.key.session);
        let fences = self.0.iter().map(|gone| signed(gone.key.fence));
        let keeps = self.0.iter().map(|gone| gone.keep.map(signed));
        FORGET
            .bind(objects.collect::<Vec<_>>())
            .bind(fences.collect::<Vec<_>>())
            .bind(keeps.collect::<Vec<_>>())
    }

    fn judge(&self, _rows: &[PgRow]) -> Result<Verdict<()>, ForeignValue> {
        Ok(Verdict::Done(()))
    }
}

fn leftovers(row: &PgRow) -> Reading<Leftovers> {
    let state: Vec<u8> = value(row, 3)?;
    Ok(Leftovers {
        key: StorageKey {
            session: value(row, 0)?,
            fence: parsed(row, 1, size)?,
        },
        keep: optional(row, 2, size)?,
        state: Bytes::from(state),
    })
}
