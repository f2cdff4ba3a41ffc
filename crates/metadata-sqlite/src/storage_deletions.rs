//! Tombstones: objects that wait to be deleted.

use async_trait::async_trait;
use registry_core::ports::{MetadataError, StorageDeletions, StorageKey, Tombstone};

use crate::SqliteMetadata;
use crate::rows::{hex, json_array, parsed, storage_key};
use crate::statement::{Statement, statement};
use crate::writer::Effect;

pub(crate) const STATEMENTS: &[&Statement] = &[&DUE, &FORGET];

static DUE: Statement = statement!(
    "storage_deletion_due",
    "SELECT storage_key FROM storage_deletions WHERE not_before <= $1 ORDER BY not_before LIMIT $2"
);

static FORGET: Statement = statement!(
    "storage_deletion_forget",
    "DELETE FROM storage_deletions WHERE storage_key IN (SELECT unhex(value) FROM json_each($1))"
);

#[async_trait]
impl StorageDeletions for SqliteMetadata {
    async fn due_deletions(&self, limit: u32) -> Result<Vec<Tombstone>, MetadataError> {
        let rows = self
            .readers
            .rows(DUE.bind(self.now().0).bind(limit))
            .await?;
        let tombstone =
            |row| parsed(row, 0, storage_key).map(|storage_key| Tombstone { storage_key });
        rows.iter().map(tombstone).collect()
    }

    async fn forget_deletions(&self, keys: &[StorageKey]) -> Result<(), MetadataError> {
        let keys = json_array(keys.iter().map(|key| hex(key.0.as_bytes())));
        self.writer
            .run(Effect::Keep, |transaction| {
                transaction.run(&FORGET.bind(keys)).map(drop)
            })
            .await
    }
}
