//! The marks of the registry as a whole: its id, and where it moves.

use async_trait::async_trait;
use registry_core::ports::{Installation, InstallationState, MetadataError, MoveInto};
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::PostgresMetadata;
use crate::database::{Effect, Verdict, Write};
use crate::error::ForeignValue;
use crate::rows::value;
use crate::statement::{Bound, Statement, statement};

pub(crate) const STATEMENTS: &[&Statement] = &[&READ, &BEGIN, &FINISH, &MOVING, &MOVED];

static READ: Statement = statement!(
    "installation_read",
    "SELECT id, moving_from, moving_storage, moving_to, moved_to, moved_to_id FROM installation WHERE one = 1"
);

// Safe at once with others: whoever comes second waits for the row, and judges it anew. A push at the same time is
// none of a registry that is served: one that is being filled is not. Ids are above 0: so the first row is found by one
// index, whatever is in the tables.
static BEGIN: Statement = statement!(
    "installation_begin",
    "UPDATE installation SET moving_from = $1, moving_storage = $2
     WHERE one = 1 AND moved_to IS NULL AND moving_to IS NULL AND (
        (moving_from = $1 AND moving_storage = $2)
        OR (
            moving_from IS NULL AND NOT EXISTS (SELECT FROM repository_blobs WHERE repository_id > 0)
              AND NOT EXISTS (SELECT FROM manifests WHERE id > 0)
        )
     )
     RETURNING one"
);

static FINISH: Statement = statement!(
    "installation_finish",
    "UPDATE installation SET moving_from = NULL, moving_storage = NULL WHERE one = 1 AND moving_from = $1 RETURNING one"
);

static MOVING: Statement = statement!(
    "installation_moving",
    "UPDATE installation SET moving_to = $1 WHERE one = 1 RETURNING one"
);

static MOVED: Statement = statement!(
    "installation_moved",
    "UPDATE installation SET moved_to = $1, moved_to_id = $2, moving_to = NULL WHERE one = 1 RETURNING one"
);

/// A change of the row; answers whether it was made.
struct Mark<F>(F);

impl<F: Fn() -> Bound + Sync> Write for Mark<F> {
    type Outcome = bool;

    fn statement(&self) -> Bound {
        self.0()
    }

    fn judge(&self, rows: &[PgRow]) -> Result<Verdict<bool>, ForeignValue> {
        Ok(Verdict::Done(!rows.is_empty()))
    }
}

impl PostgresMetadata {
    async fn mark(&self, bound: impl Fn() -> Bound + Sync) -> Result<bool, MetadataError> {
        self.primary.write(Effect::Decided, &Mark(bound)).await
    }
}

#[async_trait]
impl Installation for PostgresMetadata {
    async fn installation(&self) -> Result<InstallationState, MetadataError> {
        let row = self.primary.row(READ.bound()).await?;
        let gone = || MetadataError::Failed("the row of the installation is gone".into());
        let row = row.ok_or_else(gone)?;
        Ok(InstallationState {
            id: value(&row, 0)?,
            moving_from: value(&row, 1)?,
            moving_storage: value(&row, 2)?,
            moving_to: value(&row, 3)?,
            moved_to: value(&row, 4)?,
            moved_to_id: value(&row, 5)?,
        })
    }

    async fn begin_move_into(
        &self,
        source: Uuid,
        storage: &str,
    ) -> Result<MoveInto, MetadataError> {
        let begin = || BEGIN.bind(source).bind(storage);
        Ok(if self.mark(begin).await? {
            MoveInto::Begun
        } else {
            MoveInto::Refused
        })
    }

    async fn finish_move_into(&self, source: Uuid) -> Result<bool, MetadataError> {
        self.mark(|| FINISH.bind(source)).await
    }

    async fn set_moving_to(&self, target: Option<&str>) -> Result<(), MetadataError> {
        self.mark(|| MOVING.bind(target)).await.map(drop)
    }

    async fn set_moved_to(&self, target: &str, id: Uuid) -> Result<(), MetadataError> {
        self.mark(|| MOVED.bind(target).bind(id)).await.map(drop)
    }
}
