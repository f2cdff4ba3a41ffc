//! The marks of the registry as a whole: its id, and where it moves.

use async_trait::async_trait;
use registry_core::ports::{Installation, InstallationState, MetadataError, MoveInto};
use uuid::Uuid;

use crate::SqliteMetadata;
use crate::rows::{object, optional, parsed, value};
use crate::statement::{Bound, Statement, statement};
use crate::writer::Effect;

pub(crate) const STATEMENTS: &[&Statement] = &[&READ, &BEGIN, &FINISH, &MOVING, &MOVED];

static READ: Statement = statement!(
    "installation_read",
    "SELECT id, moving_from, moving_storage, moving_to, moved_to, moved_to_id FROM installation WHERE one = 1"
);

static BEGIN: Statement = statement!(
    "installation_begin",
    "UPDATE installation SET moving_from = $1, moving_storage = $2
     WHERE one = 1 AND moved_to IS NULL AND moving_to IS NULL AND (
        (moving_from = $1 AND moving_storage = $2)
        OR (
            moving_from IS NULL AND NOT EXISTS (SELECT 1 FROM repository_blobs) AND NOT EXISTS (SELECT 1 FROM manifests)
        )
     )"
);

static FINISH: Statement = statement!(
    "installation_finish",
    "UPDATE installation SET moving_from = NULL, moving_storage = NULL WHERE one = 1 AND moving_from = $1"
);

static MOVING: Statement = statement!(
    "installation_moving",
    "UPDATE installation SET moving_to = $1 WHERE one = 1"
);

static MOVED: Statement = statement!(
    "installation_moved",
    "UPDATE installation SET moved_to = $1, moved_to_id = $2, moving_to = NULL WHERE one = 1"
);

impl SqliteMetadata {
    /// Whether it changed the row.
    async fn mark(&self, bound: Bound) -> Result<bool, MetadataError> {
        let mark = self.writer.run(Effect::Keep, move |transaction| {
            let results = transaction.run(&bound)?;
            Ok(results.last().is_some_and(|update| update.changes > 0))
        });
        mark.await
    }
}

#[async_trait]
impl Installation for SqliteMetadata {
    async fn installation(&self) -> Result<InstallationState, MetadataError> {
        let row = self.writer.run(Effect::Keep, |transaction| {
            let row = transaction.row(&READ.bound())?;
            row.ok_or_else(|| MetadataError::Failed("the row of the installation is gone".into()))
        });
        let row = row.await?;
        let text = |text: Option<&str>| text.map(str::to_owned);
        Ok(InstallationState {
            id: parsed(&row, 0, object)?,
            moving_from: optional(&row, 1, object)?,
            moving_storage: text(value(&row, 2)?),
            moving_to: text(value(&row, 3)?),
            moved_to: text(value(&row, 4)?),
            moved_to_id: optional(&row, 5, object)?,
        })
    }

    async fn begin_move_into(
        &self,
        source: Uuid,
        storage: &str,
    ) -> Result<MoveInto, MetadataError> {
        let mark = BEGIN.bind(source.as_bytes().as_slice()).bind(storage);
        let begun = self.mark(mark).await?;
        Ok(if begun {
            MoveInto::Begun
        } else {
            MoveInto::Refused
        })
    }

    async fn finish_move_into(&self, source: Uuid) -> Result<bool, MetadataError> {
        self.mark(FINISH.bind(source.as_bytes().as_slice())).await
    }

    async fn set_moving_to(&self, target: Option<&str>) -> Result<(), MetadataError> {
        self.mark(MOVING.bind(target)).await.map(drop)
    }

    async fn set_moved_to(&self, target: &str, id: Uuid) -> Result<(), MetadataError> {
        let moved = MOVED.bind(target).bind(id.as_bytes().as_slice());
        self.mark(moved).await.map(drop)
    }
}
