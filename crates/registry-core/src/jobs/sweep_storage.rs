//! Deletes objects whose tombstones are due. The object goes first and its tombstone
//! after it, so that a crash between them only repeats a deletion.

use super::{BATCH, Step};
use crate::error::RegistryError;
use crate::registry::Registry;

pub(super) async fn step(registry: &Registry) -> Result<Step, RegistryError> {
    let due = registry.metadata.take_deletions(BATCH).await?;
    if due.is_empty() {
        return Ok(Step::Done);
    }
    let gone = registry.blobs.delete(&due).await?;
    registry.metadata.forget_deletions(&gone).await?;
    tracing::info!(objects = gone.len(), "sweep storage");
    let left = due.len() - gone.len();
    if left > 0 {
        tracing::warn!(
            objects = left,
            "objects cannot be deleted now; this is tried again"
        );
    }
    Ok(if due.len() == BATCH as usize {
        Step::More
    } else {
        Step::Done
    })
}
