//! Tombstones: objects that wait to be deleted.

use async_trait::async_trait;
use registry_core::ports::{Leftovers, MetadataError, StorageDeletions, StorageKey};
use serde_json::json;

use crate::SqliteMetadata;
use crate::rows::{hex, object, opaque, optional, parsed, size};
use crate::statement::{Statement, statement};
use crate::value::Row;
use crate::writer::Effect;

pub(crate) const STATEMENTS: &[&Statement] = &[&TAKE, &FORGET];

static TAKE: Statement = statement!(
    "storage_deletion_take",
    "SELECT storage_key, fence, keep, state FROM storage_deletions
     WHERE not_before <= $1 ORDER BY not_before LIMIT $2;

     UPDATE storage_deletions SET not_before = $3 WHERE storage_key IN (
        SELECT storage_key FROM storage_deletions
        WHERE not_before <= $1 ORDER BY not_before LIMIT $2
     );"
);

// By all that says how much is to go: one that asks for more meanwhile stays.
static FORGET: Statement = statement!(
    "storage_deletion_forget",
    "DELETE FROM storage_deletions WHERE (storage_key, fence, ifnull(keep, -1)) IN (
        SELECT unhex(value ->> 0), value ->> 1, ifnull(value ->> 2, -1) FROM json_each($1)
     )"
);

#[async_trait]
impl StorageDeletions for SqliteMetadata {
    async fn take_deletions(&self, limit: u32) -> Result<Vec<Leftovers>, MetadataError> {
        let now = self.now();
        let take = TAKE
            .bind(now.0)
            .bind(limit)
            .bind(now.plus(self.lifetimes.tombstone_delay).0);
        self.writer
            .run(Effect::KeepLoosely, move |transaction| {
                let taken = transaction.run(&take)?;
                let taken = taken.first().map_or(&[][..], |taken| &taken.rows);
                taken.iter().map(leftovers).collect()
            })
            .await
    }

    async fn forget_deletions(&self, gone: &[Leftovers]) -> Result<(), MetadataError> {
        let one = |gone: &Leftovers| json!([session(gone), gone.key.fence, gone.keep]);
        let gone = serde_json::Value::Array(gone.iter().map(one).collect()).to_string();
        self.writer
            .run(Effect::Keep, |transaction| {
                transaction.run(&FORGET.bind(gone)).map(drop)
            })
            .await
    }
}

fn session(leftovers: &Leftovers) -> String {
    hex(leftovers.key.session.as_bytes())
}

fn leftovers(row: &Row) -> Result<Leftovers, MetadataError> {
    Ok(Leftovers {
        key: StorageKey {
            session: parsed(row, 0, object)?,
            fence: parsed(row, 1, size)?,
        },
        keep: optional(row, 2, size)?,
        state: opaque(row, 3)?,
    })
}
