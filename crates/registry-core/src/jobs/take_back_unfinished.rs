//! Takes back what a session began in the blob store and its row never learnt of: a pod died between
//! the two. What belongs to a session that may still go on is left alone.

use std::collections::HashSet;
use std::time::Duration;

use uuid::Uuid;

use crate::error::RegistryError;
use crate::ports::{Timestamp, Unfinished};
use crate::registry::Registry;

/// Younger ones may belong to a request that has not recorded them yet.
const AGE: Duration = Duration::from_hours(24);

pub(super) async fn step(registry: &Registry, now: Timestamp) -> Result<(), RegistryError> {
    let unfinished = registry.blobs.unfinished(now.minus(AGE)).await?;
    let sessions: HashSet<Uuid> = unfinished.iter().map(|one| one.key.session).collect();
    let sessions: Vec<Uuid> = sessions.into_iter().collect();
    if sessions.is_empty() {
        return Ok(());
    }
    let live = registry.metadata.live_objects(&sessions).await?;
    let orphan = |one: &Unfinished| !live.contains(&one.key.session);
    let orphans: Vec<Unfinished> = unfinished.into_iter().filter(orphan).collect();
    if orphans.is_empty() {
        return Ok(());
    }
    registry.blobs.take_back(&orphans).await?;
    tracing::info!(uploads = orphans.len(), "take back unfinished uploads");
    Ok(())
}
