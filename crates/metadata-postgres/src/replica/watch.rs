//! Whether the replica is recent enough to be asked. Every few seconds the primary is asked which transaction will be
//! its next, and the replica which it has arrived at: once it is there, it has whatever was acknowledged by then.
//!
//! Numbers of transactions serve because each change of ours has one, a standby counts them like its primary, and everybody
//! may ask; of an idle primary nothing is to be heard, and its replica is as recent as it is.

use std::time::{Duration, Instant};

use registry_core::ports::MetadataError;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};

use super::Standing;
use crate::database::Database;
use crate::rows::value;
use crate::statement::{Statement, statement};

/// How often.
const INTERVAL: Duration = Duration::from_secs(2);

/// What was acknowledged longer ago than this, it has.
const BEHIND: Duration = Duration::from_secs(10);

/// The primary is waited for no longer than this.
const PATIENCE: Duration = Duration::from_secs(2);

/// Opening waits no longer than this for the first look.
const OPENING: Duration = Duration::from_secs(1);

pub(crate) static POSITION: Statement = statement!(
    "replication_position",
    "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
);

/// The watching. Dropped, it ends.
#[derive(Debug)]
pub(super) struct Watch {
    end: AbortHandle,
    _tasks: JoinSet<()>,
}

impl Watch {
    /// Looks once, if that does not take too long, and goes on doing so.
    pub(super) async fn start(primary: Database, replica: Database, standing: Standing) -> Self {
        let mut look = Look {
            primary,
            replica,
            standing,
            mark: None,
            was_recent: None,
        };
        let _late = timeout(OPENING, look.once()).await;
        let mut tasks = JoinSet::new();
        let end = tasks.spawn(async move {
            loop {
                sleep(INTERVAL).await;
                look.once().await;
            }
        });
        Self { end, _tasks: tasks }
    }

    pub(super) fn end(&self) {
        self.end.abort();
    }
}

/// Where the primary was.
#[derive(Debug, Clone, Copy)]
struct Mark {
    position: i64,
    at: Instant,
}

struct Look {
    primary: Database,
    replica: Database,
    standing: Standing,
    /// What the replica has not arrived at yet.
    mark: Option<Mark>,
    /// What the log says.
    was_recent: Option<bool>,
}

impl Look {
    async fn once(&mut self) {
        let failure = self.compare().await.err();
        let is_recent = self.standing.is_recent();
        if self.was_recent.replace(is_recent) == Some(is_recent) {
            return;
        }
        if is_recent {
            tracing::info!("the read replica is up to date, and asked for what has a digest");
        } else {
            let cause = failure
                .as_ref()
                .map(|error| error as &dyn std::error::Error);
            tracing::warn!(
                cause,
                "the read replica is too far behind, or does not say where it is: the primary answers"
            );
        }
    }

    async fn compare(&mut self) -> Result<(), MetadataError> {
        let at = Instant::now();
        let asked = timeout(PATIENCE, position(&self.primary)).await;
        let Ok(Ok(position)) = asked else {
            // Nobody is more recent than the replica then.
            self.standing.stays_recent(BEHIND);
            return Ok(());
        };
        let mark = *self.mark.get_or_insert(Mark { position, at });
        if self::position(&self.replica).await? >= mark.position {
            self.standing.is_recent_until(mark.at + BEHIND);
            self.mark = None;
        }
        Ok(())
    }
}

async fn position(database: &Database) -> Result<i64, MetadataError> {
    let rows = database.rows(POSITION.bound()).await?;
    let row = rows
        .first()
        .ok_or_else(|| MetadataError::Failed("a server does not say where it is".into()))?;
    Ok(value(row, 0)?)
}
